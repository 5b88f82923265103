"""Refusals are values, and counts reconcile. 拒绝是数据,计数必须相符"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Refusal:
    """One item that cannot go on, and what a person needs to know about it. It carries no sentence.

    reason   for programs: stable for ever, never renamed; its words stand in the department's `words.py`
    subject  whose item: "execution/X-4711"
    place    where in the input: "executions.fix message 12, tag 48"; empty when the item is our own
    facts    what the sentence needs, as text
    """

    reason: str
    subject: str
    place: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """A door stays shut: bad file, no permission, a promise broken. Carries every refusal at once, never only the first."""

    def __init__(self, *refusals: Refusal) -> None:
        assert refusals, "a door that refuses says why"
        super().__init__("; ".join(f"{r.reason} {r.subject} {r.place} {dict(r.facts)}" for r in refusals))
        self.refusals = refusals


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of everything a stage saw. It refuses to exist unless seen = done + open + cancelled + refused."""

    seen: int
    done: int = 0
    open: int = 0
    cancelled: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        parts = (self.done, self.open, self.cancelled, self.refused)
        if min(self.seen, *parts) < 0 or self.seen != sum(parts):
            raise ValueError(f"the stage lost count: {asdict(self)}")

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.seen + other.seen,
            self.done + other.done,
            self.open + other.open,
            self.cancelled + other.cancelled,
            self.refused + other.refused,
        )

    def __str__(self) -> str:
        return (
            f"seen {self.seen:,} = done {self.done:,} + open {self.open:,} "
            f"+ cancelled {self.cancelled:,} + refused {self.refused:,}"
        )
