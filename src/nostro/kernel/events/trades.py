"""Facts of the trades department. 交易事件"""

from dataclasses import dataclass
from datetime import date

from nostro.kernel.events import Fact


@dataclass(frozen=True, slots=True)
class ExecutionCaptured(Fact):
    """An execution report came in for the first time and was readable. Subject: execution/<exec id>."""

    exec_id: str
    isin: str
    side: str
    quantity_micro: int
    price_micro: int
    currency: str
    trade_date: date
    counterparty_bic: str


@dataclass(frozen=True, slots=True)
class ExecutionCancelled(Fact):
    """An execution was taken out, in four eyes."""

    exec_id: str


@dataclass(frozen=True, slots=True)
class ExecutionPriceAccepted(Fact):
    """The price of an execution may pass though it is far from the last one, in four eyes. Subject: execution/<exec id>."""

    exec_id: str


@dataclass(frozen=True, slots=True)
class TradeEnriched(Fact):
    """An execution passed every check and became a trade. Subject: trade/<id>."""

    exec_id: str
    isin: str
    side: str
    quantity: int
    gross_minor: int
    fee_minor: int
    tax_minor: int
    net_minor: int
    currency: str
    trade_date: date
    settle_date: date
    mic: str
    place_bic: str
    counterparty_bic: str
    ccp_bic: str | None


@dataclass(frozen=True, slots=True)
class TradeAllocated(Fact):
    """A trade, or a part of it, belongs to a book from now on. Subject: trade/<id>. The trade-date posting hangs on it."""

    isin: str
    side: str
    book: str
    quantity: int
    gross_minor: int
    fee_minor: int
    tax_minor: int
    currency: str
    place_bic: str
    settle_date: date


@dataclass(frozen=True, slots=True)
class TradeConfirmed(Fact):
    """The counterparty agreed, or two people overruled it (then there is no message). Subject: trade/<id>."""

    confirm_id: str
    net_minor: int
    currency: str
