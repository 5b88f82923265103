"""What a person may do about an exception. A department lists its own; operations runs them. 处理动作"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from nostro.spine.entities import Entity


@dataclass(frozen=True, slots=True)
class Item:
    """An exception as an action sees it."""

    id: int
    business_date: date
    department: str
    reason: str
    subject: str
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Action:
    """One allowed action.

    two_people  it changes money or static data: proposed by one person, done when another agrees
    fields      what the person must give besides a comment, such as ("price",)
    apply       does it, in the caller's transaction, and returns the exception's new state: "closed" or "open"
    """

    en: str
    zh: str
    two_people: bool
    apply: Callable[[Entity, date, Item, Mapping[str, str], str], str]
    fields: tuple[str, ...] = ()


def _note(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    return "open"


def _close(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    return "closed"


COMMON: Mapping[str, Action] = {
    "ask_sender": Action("Ask the sender to send it again", "请发送方重发", False, _note),
    "chase": Action("Chase the counterparty", "催促对手方", False, _note),
    "note": Action("Add a comment", "添加备注", False, _note),
    "close": Action("Close: nothing more to do", "关闭:无需处理", True, _close),
}
"""Actions that every exception knows."""
