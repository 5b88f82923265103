"""Facts of reference data. 参考数据事件"""

from dataclasses import dataclass
from datetime import date

from nostro.kernel.events import Fact


@dataclass(frozen=True, slots=True)
class ReferenceLoaded(Fact):
    """Rows of a reference file became usable. Subject: reference/<what>."""

    what: str
    rows: int


@dataclass(frozen=True, slots=True)
class InstrumentAdded(Fact):
    """An instrument was added by hand, in four eyes. Subject: instrument/<isin>."""

    isin: str
    name: str
    currency: str
    mic: str


@dataclass(frozen=True, slots=True)
class SsiAdded(Fact):
    """A settlement instruction of a counterparty was added by hand, in four eyes. Subject: ssi/<party>/<place>."""

    party_bic: str
    place_bic: str
    agent_bic: str
    valid_from: date


@dataclass(frozen=True, slots=True)
class PriceSet(Fact):
    """A price was set by hand, in four eyes. Subject: price/<isin>."""

    isin: str
    day: date
    price_micro: int
    currency: str
