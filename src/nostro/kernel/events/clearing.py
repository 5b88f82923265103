"""Facts of clearing. 清算事件"""

from dataclasses import dataclass
from datetime import date

from nostro.kernel.events import Fact


@dataclass(frozen=True, slots=True)
class NetFormed(Fact):
    """Trades with a CCP became one obligation. Subject: net/<id>. Signs: + we receive."""

    ccp_bic: str
    isin: str
    currency: str
    settle_date: date
    quantity: int
    cash_minor: int
    trades: int


@dataclass(frozen=True, slots=True)
class TradeNovated(Fact):
    """A trade's counterparty is now the CCP. Subject: trade/<id>; the cause is the net."""

    ccp_bic: str
    net: int


@dataclass(frozen=True, slots=True)
class NetAgreed(Fact):
    """The CCP reported the same obligation. Subject: net/<id>."""

    ccp_bic: str
