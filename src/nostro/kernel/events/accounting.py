"""Facts of accounting. 会计事件"""

from dataclasses import dataclass

from nostro.kernel.events import Fact


@dataclass(frozen=True, slots=True)
class OpeningPosition(Fact):
    """What a book owned when the books were opened here. Subject: opening/<book>/<isin>/<account>."""

    book: str
    isin: str
    quantity: int
    cost_minor: int
    currency: str
    account: str


@dataclass(frozen=True, slots=True)
class OpeningCash(Fact):
    """What lay on a cash account when the books were opened here. Subject: opening/<account>/<currency>.

    `sequence` and `statement` are the last statement taken over: the next one must follow it.
    """

    account: str
    currency: str
    amount_minor: int
    sequence: int
    statement: str


@dataclass(frozen=True, slots=True)
class PositionValued(Fact):
    """A position was valued at the close. `change_minor` brings the books to the value. Subject: position/<book>/<isin>.

    A position that was sold out needs no price: it is worth nothing.
    """

    book: str
    isin: str
    quantity: int
    price_micro: int | None
    currency: str
    value_minor: int
    change_minor: int


@dataclass(frozen=True, slots=True)
class BooksClosed(Fact):
    """Debits equal credits in every asset, and nothing more is posted on this day. Subject: day/<date>.

    `trial_balance` is a JSON object: each asset's total debits, which are its total credits too.
    """

    transfers: int
    accounts: int
    trial_balance: str
