"""Data on stdout, everything else on stderr; tables for people, JSON for programs. 输出"""

import json
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


@dataclass(frozen=True, slots=True)
class Voice:
    """How this run speaks: language, JSON or not, with stack traces or not."""

    language: str = "en"
    json: bool = False
    debug: bool = False

    def say(self, en: str, zh: str) -> None:
        """A line of data in the reader's language. Nothing in JSON mode."""
        if not self.json:
            click.echo(self.pick(en, zh))

    def pick(self, en: str, zh: str) -> str:
        """The text in the reader's language."""
        return zh if self.language.startswith("zh") else en

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> None:
        """An aligned table. Nothing in JSON mode."""
        if self.json:
            return
        texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
        widths = [max([_width(name), *(_width(row[i]) for row in texts)]) for i, name in enumerate(columns)]
        for line in [list(columns), *texts]:
            cells = [
                " " * (w - _width(cell)) + cell if name in right else cell + " " * (w - _width(cell))
                for name, cell, w in zip(columns, line, widths, strict=True)
            ]
            click.echo("  ".join(cells).rstrip())

    def document(self, value: Any) -> None:
        """The JSON document of this command. Nothing when people read."""
        if self.json:
            click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def _width(text: str) -> int:
    """Columns a text takes in a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def progress() -> Progress:
    """A bar on stderr: stage, count, rate, time left; silent when stderr is not a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def note(text: str) -> None:
    """A line for the person at the terminal that is no data."""
    click.echo(text, file=sys.stderr)
