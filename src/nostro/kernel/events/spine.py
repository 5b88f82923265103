"""Facts of the spine. 基础事件"""

from dataclasses import dataclass

from nostro.kernel.events import Fact


@dataclass(frozen=True, slots=True)
class MessageFileReceived(Fact):
    """A file came in and was stored before anything was done with it."""

    name: str
    sender: str
    file_kind: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class MessageFileSent(Fact):
    """A file was stored to go out."""

    name: str
    file_kind: str
    sha256: str
    messages: int


@dataclass(frozen=True, slots=True)
class ExceptionOpened(Fact):
    """An item could not go straight through."""

    department: str
    reason: str
    place: str
    facts: str
    money_minor: int | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class ExceptionActed(Fact):
    """Somebody, or the machine, did something about an exception."""

    action: str
    comment: str
    state: str


@dataclass(frozen=True, slots=True)
class ProposalMade(Fact):
    """A person asked for a change that takes a second person."""

    action: str
    payload: str
    maker: str


@dataclass(frozen=True, slots=True)
class ProposalDecided(Fact):
    """A second person said yes or no."""

    action: str
    verdict: str
    maker: str
    checker: str


@dataclass(frozen=True, slots=True)
class HoldPlaced(Fact):
    """A department stopped an item."""

    placed_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class HoldLifted(Fact):
    """A department cleared an item it had stopped."""

    placed_by: str
