"""Facts of the business day. 营业日事件"""

from dataclasses import dataclass

from nostro.kernel.events import Fact


@dataclass(frozen=True, slots=True)
class StepDone(Fact):
    """A step of the day is done: what it saw and what became of it. Subject: step/<name>."""

    name: str
    seen: int
    done: int
    open: int
    cancelled: int
    refused: int


@dataclass(frozen=True, slots=True)
class DaySealed(Fact):
    """The day can't change any more. Subject: day/<date>. The seal itself is computed over all events before this one."""

    seal: str
