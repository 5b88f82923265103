"""Every fact of the house, by department: frozen, versioned, add-only. Anybody may import a fact, nobody an emitter.

A fact's fields are whole minor units, millionths, ISO dates and codes; `kind()` is its name in the event log.
"""

from dataclasses import fields
from typing import ClassVar


class Fact:
    """Base of all facts. A new version is a new class with `version` one higher; the old one stays readable."""

    version: ClassVar[int] = 1

    @classmethod
    def kind(cls) -> str:
        """Its name in the event log: "trades.TradeCaptured/1"."""
        return f"{cls.__module__.rsplit('.', 1)[-1]}.{cls.__name__}/{cls.version}"

    @classmethod
    def columns(cls) -> list[str]:
        """Names of its fields in order: the keys of its content."""
        return [f.name for f in fields(cls)]  # type: ignore[arg-type]  # every fact is a dataclass
