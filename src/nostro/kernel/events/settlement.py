"""Facts of settlement. 交收事件"""

from dataclasses import dataclass
from datetime import date

from nostro.kernel.events import Fact


@dataclass(frozen=True, slots=True)
class InstructionCreated(Fact):
    """An obligation became an instruction. Subject: instruction/<reference>; the cause is the trade or net."""

    source: str
    direction: str
    isin: str
    quantity: int
    amount_minor: int
    currency: str
    settle_date: date
    account: str
    counterparty_bic: str
    place_bic: str


@dataclass(frozen=True, slots=True)
class InstructionAdvised(Fact):
    """The CSD or custodian gave a status: axis matching, settlement or processing, with code and reason."""

    axis: str
    code: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class InstructionSettled(Fact):
    """Delivered against payment, finally. Subject: instruction/<reference>. The settlement posting hangs on it."""

    direction: str
    isin: str
    quantity: int
    amount_minor: int
    currency: str
    settled_date: date
    account: str
    cash_account: str
    place_bic: str


@dataclass(frozen=True, slots=True)
class InstructionFailed(Fact):
    """Not settled at the cut-off of its intended date."""

    reason: str | None
    amount_minor: int
    currency: str
    settle_date: date


@dataclass(frozen=True, slots=True)
class InstructionCancelled(Fact):
    """Two people took an instruction out: it will not be delivered or paid. Subject: instruction/<reference>."""

    source: str
    amount_minor: int
    currency: str
