"""Runs the commands a page of documentation shows and keeps their real output beneath them. 文档中的命令与真实输出

    python tools/pages.py --write docs/one-trade.md docs/operations.md      rewrite what has changed
    python tools/pages.py docs/one-trade.md                                 only say what has changed; exit code 1

A page plays one demo day, in a home of its own, and its blocks are run from top to bottom. Comments say what a block is:

    <!-- demo: --trades 300 --seed 7 -->       the day this page stands on
    <!-- ids: execution=EUB261013X0000003 -->  ids of that day used in the text; `IDS` says how each is found anew
    <!-- show: 1-4,9 width 110 -->             lines of the next block's output that are shown; "…" stands for the others
    <!-- message: to/EUB/... KEY [n] [lines 1-4,9] -->        the (n-th) message with KEY in a file of the exchange folder
    <!-- source: src/... [:: first line has :: last line begins with] -->    a file of the repository, or a part of it

A `console` block that begins with `$ nostro` or `$ make demo` is run; `$ echo $?` gives the last exit code.
"""

import difflib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HOME = "~/.local/share/nostro"
DEMO = re.compile(r"<!-- demo:(.*?)-->")
NAMED = re.compile(r"<!-- ids:(.*?)-->", re.DOTALL)
# What differs from run to run: times of day, seconds, memory. Compared as one and the same.
VOLATILE = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00"), "<time>"),
    (re.compile(r"\d\d:\d\d:\d\d\.\d{6}"), "<time>"),
    (re.compile(r"^(.*\S(?: +[\d,]+){5} +)\d+\.\d\d(?=…?$)", re.MULTILINE), r"\1<seconds>"),
    (re.compile(r"[\d.]+ (s|秒)(?=[,,])"), "<seconds>"),
    (re.compile(r"[\d,.]+ (MB|GB)"), "<size>"),
    (re.compile(r" {2,}"), "  "),
)
RUN = re.compile(r"\$ (nostro |(NOSTRO_LANG=\w+ )?make demo)")
SOH, SHOWN = "\x01", "|"


@dataclass(slots=True)
class Day:
    """A demo day in a home of its own: runs commands, and knows what was last said."""

    home: Path
    options: tuple[str, ...]
    page: str = ""
    code: int = 0
    _found: dict[str, str] = field(default_factory=dict)
    _more: Iterator[tuple[str, str]] = field(default_factory=lambda: iter(()))

    def __post_init__(self) -> None:
        self.page = self.run("demo", *self.options)
        assert self.code == 0, self.page
        self._more = _ids(self)

    def run(self, *arguments: str) -> str:
        """What a command says, on stdout and stderr, with this home's path made general."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NOSTRO_")}
        done = subprocess.run(
            [sys.executable, "-m", "nostro.front.cli", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, cwd=self.home,
            env={**kept, "NOSTRO_HOME": str(self.home), "PYTHONPATH": str(ROOT / "src")},
        )  # fmt: skip
        self.code = done.returncode
        return done.stdout.replace(str(self.home), HOME)

    def told(self, *arguments: str) -> Any:
        """The JSON document of a command."""
        return json.loads(self.run(*arguments, "--json"))

    def ids(self, names: Iterable[str]) -> Mapping[str, str]:
        """The ids of these names, looked up once, before any block of a page acts. Refuses a name that is none."""
        for name, value in self._more if set(names) - set(self._found) else ():
            self._found[name] = value
            if set(names) <= set(self._found):
                break
        unknown = sorted(set(names) - set(self._found))
        assert not unknown, f"nothing is called {unknown}; there are {sorted(self._found)}"
        return self._found


def _ids(day: Day) -> Iterator[tuple[str, str]]:
    """The example trade of the demo's last page and what became of it; the exceptions of its firm; the next event."""
    shown = re.search(r"nostro trade show (\S+) --entity (\S+)", day.page)
    assert shown, "the demo names a trade to look at"
    execution, entity = shown.groups()
    yield "execution", execution
    story = day.told("trade", "show", execution, "--entity", entity)
    steps = (
        *("captured", "enriched", "allocated", "confirmed"),
        *("created", "accepted", "matched", "settled"),
    )
    assert len(story) == len(steps), "a bilateral trade that went straight through"
    yield from ((step, str(line["seq"])) for step, line in zip(steps, story, strict=True))
    created, settled = story[4]["content"], story[7]["content"]
    yield "reference", story[4]["subject"].removeprefix("instruction/")
    yield "order", story[3]["content"]["confirm_id"][1:]
    yield "isin", created["isin"]
    yield "account", created["account"]
    yield "cash", settled["cash_account"]
    yield "place", created["place_bic"]
    yield "agent", created["counterparty_bic"]
    yield "counterparty", story[0]["content"]["counterparty_bic"]
    yield "book", story[2]["content"]["book"]
    yield from ((f"transfer_{n}", str(p["id"])) for n, p in enumerate(story[2]["postings"] + story[7]["postings"], 1))
    for row in day.told("exceptions", "list", "--entity", entity):
        yield row["reason"], str(row["id"])
        yield f"{row['reason']}_subject", row["subject"].rsplit("/", 1)[-1]
        for name in ("counterparty", "place") if row["reason"] == "ssi_missing" else ():
            yield f"ssi_{name}", row["facts"][name]
    events = next(e["events"] for e in day.told("status")["entities"] if e["entity"] == entity)
    yield "next_event", str(events + 1)


def renamed(text: str, old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """The text with each old id replaced by its new one, all at once."""
    table = {value: new[name] for name, value in old.items()}
    if not table:
        return text
    longest_first = sorted(table, key=len, reverse=True)
    every = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, longest_first))})(?!\w)")
    return every.sub(lambda hit: table[hit.group(1)], text)


def plain(text: str) -> str:
    """The text without what differs from run to run."""
    for pattern, instead in VOLATILE:
        text = pattern.sub(instead, text)
    return "\n".join(line.rstrip() for line in text.splitlines())


def chosen(lines: list[str], ranges: str, width: int | None) -> list[str]:
    """The lines a `show` comment names, 1 is the first and -1 the last; "…" where some are left out."""
    picked: set[int] = set()
    for part in ranges.split(",") if ranges else []:
        form = re.fullmatch(r"(-?\d+)(?:-(-?\d+))?", part)
        assert form, f"{part!r} is no range of lines"
        start, end = (int(n) if int(n) > 0 else len(lines) + 1 + int(n) for n in (form[1], form[2] or form[1]))
        picked |= set(range(start, end + 1))
    numbers = sorted(n for n in picked if 1 <= n <= len(lines)) if ranges else list(range(1, len(lines) + 1))
    shown, before = [], 0
    for number in numbers:
        if number > before + 1:
            shown.append("…")
        line = lines[number - 1]
        shown.append(line[: width - 1] + "…" if width and len(line) > width else line)
        before = number
    if numbers and before < len(lines):
        shown.append("…")
    return shown


def _options(text: str) -> tuple[str, int | None]:
    lines = re.search(r"(?:show:|lines) *([-\d,]+)", text)
    width = re.search(r"width (\d+)", text)
    return (lines.group(1) if lines else ""), (int(width.group(1)) if width else None)


def _commands(day: Day, body: list[str], ranges: str, width: int | None) -> list[str]:
    """A console block with the output of each of its commands."""
    written = []
    for line in (line for line in body if line.startswith("$ ")):
        command = line.removeprefix("$ ")
        written.append(line)
        if command == "echo $?":
            output = str(day.code)
        elif command.endswith("make demo"):
            output = day.run("demo", *day.options, *(("--lang", "zh") if "=zh " in command else ()))
        else:
            output = day.run(*shlex.split(command)[1:])
        written += chosen([one.rstrip() for one in output.rstrip("\n").splitlines()], ranges, width)
    return written


def _message(day: Day, directive: str) -> list[str]:
    """The message a `message` comment means."""
    name, key, *rest = directive.split()
    text = (day.home / "exchange" / name).read_text(encoding="utf-8")
    messages = text.split("\n$\n") if name.endswith(".fin") else text.splitlines()
    found = [message for message in messages if re.search(rf"{re.escape(key)}(?!\w)", message)]
    number = int(rest[0]) if rest and rest[0].isdigit() else 1
    assert len(found) >= number, f"{name} has {len(found)} messages with {key}"
    ranges, width = _options(directive)
    return chosen(found[number - 1].replace(SOH, SHOWN).strip("\n").splitlines(), ranges, width)


def _source(directive: str) -> list[str]:
    """The lines of the repository a `source` comment means."""
    name, *marks = (part.strip() for part in directive.split("::"))
    lines = (ROOT / name).read_text(encoding="utf-8").rstrip("\n").splitlines()
    if not marks:
        return lines
    first = next(n for n, line in enumerate(lines) if marks[0] in line)
    last = next(n for n, line in enumerate(lines) if n > first and line.strip().startswith(marks[-1]))
    return lines[first : last + 1]


def blocks(text: str) -> Iterator[tuple[int, int, str, str]]:
    """Every fenced block: its first and last inner line (from 0, last excluded), its language, the comment before it."""
    lines = text.splitlines()
    start: int | None = None
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start is None:
            start = number
        else:
            before = lines[start - 1] if start and lines[start - 1].startswith("<!--") else ""
            yield start + 1, number, lines[start].removeprefix("```").strip(), before
            start = None


def rebuilt(text: str, day: Day | None) -> str:
    """The page as it should be, its blocks run from top to bottom. Without a day: only what the repository itself says."""
    if day and (names := NAMED.search(text)):
        old = dict(pair.split("=", 1) for pair in names.group(1).split())
        text = renamed(text, old, day.ids(old))
    lines = text.splitlines()
    fresh, done = [], 0
    for first, last, language, comment in blocks(text):
        body = lines[first:last]
        if comment.startswith("<!-- source:"):
            body = _source(comment[12:-3])
        elif day and comment.startswith("<!-- message:"):
            body = _message(day, comment[13:-3])
        elif day and language == "console" and re.match(RUN, body[0]):
            body = _commands(day, body, *_options(comment))
        fresh += [*lines[done:first], *_kept(lines[first:last], body)]
        done = last
    return "\n".join(fresh + lines[done:]) + "\n"


def _kept(before: list[str], now: list[str]) -> list[str]:
    """The lines as they stood, where only times and sizes differ: a page changes when something changes."""
    return before if plain("\n".join(before)) == plain("\n".join(now)) else now


def options(text: str) -> tuple[str, ...]:
    """The options of the demo day a page stands on. Refuses a page without one."""
    demo = DEMO.search(text)
    assert demo, "a page with output says of which day: <!-- demo: --trades 300 --seed 7 -->"
    return tuple(demo.group(1).split())


def difference(page: Path, day: Day | None) -> str:
    """How the page differs from what is so, as a diff; nothing when it is true."""
    text = page.read_text(encoding="utf-8")
    return "\n".join(
        difflib.unified_diff(text.splitlines(), rebuilt(text, day).splitlines(), page.name, "so", lineterm="")
    )


def main(arguments: Iterable[str]) -> int:
    """Check pages, or write them with `--write`."""
    names = list(arguments)
    write, changed = "--write" in names, 0
    for page in (Path(name) for name in names if name != "--write"):
        text = page.read_text(encoding="utf-8")
        with TemporaryDirectory(prefix="nostro-page-") as home:
            fresh = rebuilt(text, Day(Path(home), options(text)) if DEMO.search(text) else None)
        changed += fresh != text
        print(f"{page}: {'as it was' if fresh == text else 'written' if write else 'no longer so'}")
        if write and fresh != text:
            page.write_text(fresh, encoding="utf-8")
    return 1 if changed and not write else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
