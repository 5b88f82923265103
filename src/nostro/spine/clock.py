"""The one clock. Nothing else asks what time it is; the business date is never asked of it. 时钟"""

from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime

_now: ContextVar[Callable[[], datetime]] = ContextVar("nostro_clock")


def now() -> datetime:
    """The wall-clock time, in UTC: when something was recorded, never what day it belongs to."""
    return _now.get(lambda: datetime.now(UTC))()


def inject(source: Callable[[], datetime]) -> None:
    """Another clock for this context: tests and replays."""
    _now.set(source)
