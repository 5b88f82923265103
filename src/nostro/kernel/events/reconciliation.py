"""Facts of reconciliation. 对账事件"""

from dataclasses import dataclass

from nostro.kernel.events import Fact


@dataclass(frozen=True, slots=True)
class StatementAccepted(Fact):
    """A statement came in, in sequence and whole. Subject: statement/<account>/<statement>."""

    statement_kind: str
    account: str
    currency: str
    statement: str
    sequence: int | None
    closing_minor: int | None


@dataclass(frozen=True, slots=True)
class AccountReconciled(Fact):
    """An account was compared with its statement; a later one of the same day counts instead.

    Subject: statement/<account>/<statement>; the cause is the statement.
    """

    account: str
    currency: str
    lines: int
    matched: int
    breaks: int
