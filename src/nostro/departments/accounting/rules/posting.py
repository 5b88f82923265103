"""Posting rules: the entries a fact of the house leads to, for accountants to read, compiled for columns. 记账规则

A rule file speaks of one fact. Its clauses exclude each other, so that each event has one set of entries:

    on trades.TradeAllocated/1

    when side = buy
        Dr book/{book}/{isin}    Cr pending/{place_bic}/{isin}           quantity of isin
        Dr cost/{book}/{isin}    Cr unsettled/{place_bic}/{currency}     gross_minor of currency

A clause is `always`, or `when` with conditions (`=`, `<`, `>`) joined by `and`; it has entries `Dr .. Cr ..`, or says
`nothing`. An entry of zero is left out. `-amount` turns the sign. A line that begins with `#` is for the reader.
"""

import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module
from itertools import combinations
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

import polars as pl

from nostro.kernel import events as house_facts
from nostro.kernel.events import Fact
from nostro.kernel.frames import REFUSED, filled, refused
from nostro.kernel.money import INT64_MAX, INT64_MIN
from nostro.kernel.refusals import Refusal, Refused

UNITS, MONEY = "isin", "currency"
CHART: Final[Mapping[str, tuple[str, str, str]]] = {
    # class: what follows it in the code, and what an account of it counts
    "book": ("book", "isin", UNITS),  # what a book owns
    "depot": ("account", "isin", UNITS),  # what a custodian holds for us
    "pending": ("place", "isin", UNITS),  # what is still to be received or delivered at a place of settlement
    "nostro": ("account", "currency", MONEY),  # what a bank holds for us
    "unsettled": ("place", "currency", MONEY),  # what is still to be paid or received at a place of settlement
    "cost": ("book", "isin", MONEY),  # what a position has cost, less what its sales brought
    "valuation": ("book", "isin", MONEY),  # what brings the cost to the market value
    "result": ("book", "currency", MONEY),
    "fees": ("book", "currency", MONEY),
    "taxes": ("book", "currency", MONEY),
    "payable_fees": ("", "currency", MONEY),
    "payable_taxes": ("", "currency", MONEY),
    "equity": ("", "currency", MONEY),
}
"""The chart of accounts. 会计科目"""
LEG: Final = pl.Schema(
    {
        "event": pl.Int64,
        "leg": pl.Int64,  # place among the clause's entries, from 1
        "debit": pl.String,
        "credit": pl.String,
        "asset": pl.String,  # an ISIN or a currency
        "amount_minor": pl.Int64,
    }
)
LEGS_MAX: Final = 255
"""A transfer's number keeps eight bits for the leg."""

_COLUMN: Final[Mapping[type, type[pl.DataType]]] = {str: pl.String, int: pl.Int64, date: pl.Date}
_CONDITION: Final = re.compile(r"(\w+) *(=|<|>) *(\S+)")
_ENTRY: Final = re.compile(r"Dr +(\S+) +Cr +(\S+) +(-?)(\w+) +of +(\w+)")
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison of a field with a constant."""

    field: str
    operator: str
    value: str | int

    def holds(self) -> pl.Expr:
        """True for the events that meet it."""
        column = pl.col(self.field)
        return {"=": column == self.value, "<": column < self.value, ">": column > self.value}[self.operator]

    def excludes(self, other: "Condition") -> bool:
        """No value of the field meets both."""
        if self.field != other.field:
            return False
        if isinstance(self.value, str) or isinstance(other.value, str):
            return self.value != other.value
        (low, high), (other_low, other_high) = self._range(), other._range()
        return high < other_low or other_high < low

    def _range(self) -> tuple[int, int]:
        assert isinstance(self.value, int)
        match self.operator:
            case "<":
                return INT64_MIN, self.value - 1
            case ">":
                return self.value + 1, INT64_MAX
            case _:
                return self.value, self.value


@dataclass(frozen=True, slots=True)
class Entry:
    """Debit and credit account as templates, and the field that is the amount."""

    debit: str
    credit: str
    amount: str
    negated: bool
    asset: str  # the field that names it: isin or currency


@dataclass(frozen=True, slots=True)
class Clause:
    """The entries of the events that meet all conditions."""

    place: str
    conditions: tuple[Condition, ...]
    entries: tuple[Entry, ...]

    def applies(self) -> pl.Expr:
        """True for the events it posts."""
        return pl.all_horizontal(pl.lit(True), *(condition.holds() for condition in self.conditions))

    def excludes(self, other: "Clause") -> bool:
        """No event meets both."""
        return any(mine.excludes(theirs) for mine in self.conditions for theirs in other.conditions)


@dataclass(frozen=True, slots=True)
class Rule:
    """How one fact is posted. `columns` are the fields of the fact that the clauses need, with their types."""

    kind: str
    clauses: tuple[Clause, ...]
    columns: pl.Schema


Rules = Mapping[str, Rule]
"""By kind of fact."""


def facts() -> dict[str, type[Fact]]:
    """Every fact of the house by its name in the event log."""
    modules = [import_module(m.name) for m in pkgutil.iter_modules(house_facts.__path__, f"{house_facts.__name__}.")]
    classes = [c for module in modules for c in vars(module).values() if isinstance(c, type) and issubclass(c, Fact)]
    return {c.kind(): c for c in classes if c is not Fact}


def compiled(sources: Mapping[str, str]) -> Rules:
    """The rules of these files (name -> text), ready to post.

    Refuses, with file and line and all errors at once: what cannot be read, a fact or field the house does not know, an
    account that is not in the chart or cannot always be filled, money and units mixed, and two clauses for one event.
    """
    known = facts()
    errors: list[Refusal] = []
    rules: dict[str, Rule] = {}
    for name in sorted(sources):
        reader = _Reader(name, known)
        rule = reader.read(sources[name])
        errors += reader.errors
        if rule is None:
            continue
        if rule.kind in rules:
            first = rules[rule.kind].clauses
            errors.append(
                _error(
                    "rule_overlaps",
                    name,
                    reader.fact_line,
                    {"other": first[0].place if first else "", "fact": rule.kind},
                )
            )
        rules[rule.kind] = rule
    if errors:
        raise Refused(*sorted(errors, key=lambda e: (e.facts["file"], int(e.facts["line"]))))
    return rules


def _error(reason: str, file: str, line: int, told: Mapping[str, str]) -> Refusal:
    return Refusal(reason, f"rule/{file}", place=f"{file} line {line}", facts={"file": file, "line": str(line), **told})


@dataclass(slots=True)
class _Draft:
    """A clause while its lines are read."""

    line: int
    conditions: tuple[Condition, ...]
    is_readable: bool  # its conditions were
    entries: list[Entry] = field(default_factory=list)
    entry_lines: int = 0
    says_nothing: bool = False

    def clause(self, file: str) -> Clause:
        return Clause(f"{file} line {self.line}", self.conditions, tuple(self.entries))


class _Reader:
    """Reads one file, and keeps every error it meets."""

    def __init__(self, file: str, known: Mapping[str, type[Fact]]) -> None:
        self.file = file
        self.known = known
        self.errors: list[Refusal] = []
        self.fact_line = 1
        self._kind = ""
        self._types: Mapping[str, Any] | None = None  # null while the fact is unknown: then no field is judged
        self._drafts: list[_Draft] = []

    def read(self, text: str) -> Rule | None:
        for number, raw in enumerate(text.splitlines(), 1):
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            word, _, rest = line.partition(" ")
            if word == "on" and not self._kind:
                self._on(number, rest.strip())
            elif not self._kind:
                self._refuse("rule_unreadable", number, text=line, expected="on <fact>")
                return None
            elif line == "always":
                self._drafts.append(_Draft(number, (), is_readable=True))
            elif word == "when":
                before = len(self.errors)
                conditions = self._conditions(number, rest)
                self._drafts.append(_Draft(number, conditions, is_readable=len(self.errors) == before))
            elif self._drafts and line == "nothing":
                self._drafts[-1].says_nothing = True
            elif self._drafts and word == "Dr":
                self._entry(number, line, self._drafts[-1])
            else:
                self._refuse("rule_unreadable", number, text=line, expected="when .., always, Dr .. Cr .. or nothing")
        if not self._drafts:
            self._refuse("rule_empty", self.fact_line, fact=self._kind)
        self._judge_clauses()
        return self._rule() if self._types is not None else None

    def _refuse(self, reason: str, line: int, **told: str) -> None:
        self.errors.append(_error(reason, self.file, line, told))

    def _on(self, number: int, kind: str) -> None:
        self._kind, self.fact_line = kind, number
        if kind in self.known:
            self._types = get_type_hints(self.known[kind])
        else:
            self._refuse("rule_fact_unknown", number, fact=kind)

    def _conditions(self, number: int, text: str) -> tuple[Condition, ...]:
        found = []
        for part in re.split(r" +and +", text.strip()):
            match = _CONDITION.fullmatch(part)
            if match is None:
                self._refuse("rule_unreadable", number, text=part, expected="field = value, field < 0 or field > 0")
                continue
            name, operator, value = match.groups()
            kind = self._field(number, name)
            if kind is None:
                continue
            if kind is int and re.fullmatch(r"-?[0-9]+", value):
                found.append(Condition(name, operator, int(value)))
            elif kind is str and operator == "=":
                found.append(Condition(name, operator, value))
            else:
                self._refuse("rule_condition_invalid", number, text=part, field=name)
        return tuple(found)

    def _entry(self, number: int, line: str, draft: _Draft) -> None:
        draft.entry_lines += 1
        match = _ENTRY.fullmatch(line)
        if match is None:
            self._refuse("rule_unreadable", number, text=line, expected="Dr <account> Cr <account> <amount> of <asset>")
            return
        debit, credit, minus, amount, asset = match.groups()
        if debit == credit:
            self._refuse("rule_account_invalid", number, account=debit, rule="debit and credit are one account")
        for template in dict.fromkeys((debit, credit)):
            self._account(number, template, asset)
        self._amount(number, amount, asset)
        draft.entries.append(Entry(debit, credit, amount, minus == "-", asset))

    def _account(self, number: int, template: str, asset: str) -> None:
        head, *parts = template.split("/")
        if head not in CHART:
            self._refuse("rule_account_invalid", number, account=template, rule="not in the chart of accounts")
            return
        middle, last, holds = CHART[head]
        shape = "/".join(part for part in (head, middle and f"{{{middle}}}", f"{{{last}}}") if part)
        fields = [match.group(1) if (match := _PLACEHOLDER.fullmatch(part)) else "" for part in parts]
        if len(fields) != shape.count("/") or "" in fields or fields[-1] != last:
            self._refuse("rule_account_invalid", number, account=template, rule=f"its form is {shape}")
            return
        for name in fields:
            kind = self._field(number, name)
            if kind is not None and kind is not str:
                self._refuse("rule_account_invalid", number, account=template, rule=f"{name} is not always a text")
        if asset != holds:
            self._refuse("rule_asset_mixed", number, account=template, holds=holds, asset=asset)

    def _amount(self, number: int, amount: str, asset: str) -> None:
        if asset not in (UNITS, MONEY):
            self._refuse("rule_unreadable", number, text=f"of {asset}", expected="of isin or of currency")
            return
        if self._field(number, asset) not in (None, str):
            self._refuse("rule_amount_invalid", number, amount=amount, rule=f"{asset} is not always known")
        kind = self._field(number, amount)
        if kind is None:
            return
        if kind is not int:
            self._refuse("rule_amount_invalid", number, amount=amount, rule="not always a whole number")
        elif amount.endswith("_minor") != (asset == MONEY):
            self._refuse(
                "rule_asset_mixed", number, account=amount, holds=MONEY if asset == UNITS else UNITS, asset=asset
            )

    def _field(self, number: int, name: str) -> Any:
        """The field's type; null when that cannot be said, which has then been refused."""
        if self._types is None:
            return None
        if name not in self._types:
            self._refuse("rule_field_unknown", number, field=name, fact=self._kind)
            return None
        return self._types[name]

    def _judge_clauses(self) -> None:
        for draft in self._drafts:
            if draft.says_nothing and draft.entry_lines:
                self._refuse("rule_unreadable", draft.line, text="nothing", expected="either entries or nothing")
            if not draft.says_nothing and not draft.entry_lines:
                self._refuse("rule_empty", draft.line, fact=self._kind)
            if draft.entry_lines > LEGS_MAX:
                self._refuse(
                    "rule_unreadable", draft.line, text=f"{draft.entry_lines} entries", expected=f"{LEGS_MAX} at most"
                )
        readable = [draft for draft in self._drafts if draft.is_readable]
        for first, second in combinations(readable, 2):
            if not first.clause(self.file).excludes(second.clause(self.file)):
                self._refuse("rule_overlaps", second.line, other=first.clause(self.file).place, fact=self._kind)

    def _rule(self) -> Rule:
        assert self._types is not None
        clauses = tuple(draft.clause(self.file) for draft in self._drafts)
        used = {name for clause in clauses for name in _needed(clause) if name in self._types}
        columns = {name: _column(kind) for name, kind in self._types.items() if name in used}
        return Rule(self._kind, clauses, pl.Schema(columns))


def _needed(clause: Clause) -> Iterator[str]:
    yield from (condition.field for condition in clause.conditions)
    for entry in clause.entries:
        yield from _PLACEHOLDER.findall(entry.debit + entry.credit)
        yield from (entry.amount, entry.asset)


def _column(kind: Any) -> type[pl.DataType]:
    kinds = [k for k in get_args(kind) if k is not NoneType] or [kind]
    return _COLUMN[kinds[0]]


def entries(rule: Rule, events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The entries of events of one kind (`seq`, `subject` and the rule's columns): (LEG by event and leg, refused).

    An event is refused whole: posting_rule_missing when no clause speaks of it, posting_amount_negative when an entry
    would be negative. Refused frames have the columns of REFUSED and `cause`, the event.
    """
    parts: list[pl.LazyFrame] = [pl.LazyFrame(schema=LEG)]
    covered = pl.lit(False)
    for clause in rule.clauses:
        applies = clause.applies().fill_null(False)
        covered = covered | applies
        hit = events.lazy().filter(applies)
        parts += [_legs(hit, number, entry) for number, entry in enumerate(clause.entries, 1)]
    every = pl.concat(parts).collect()
    assert not any(every.null_count().row(0)), f"a {rule.kind} lacks a field its rule needs"
    missing = events.filter(~covered)
    negative = every.filter(pl.col("amount_minor") < 0).unique("event", keep="first", maintain_order=True)
    done = every.filter(pl.col("amount_minor") > 0)
    if not negative.is_empty():
        done = done.join(negative, on="event", how="anti")
    named = events.select(event="seq", subject="subject")
    kind = {"kind": pl.lit(rule.kind)}
    told = [
        _refused(missing.select(event="seq", subject="subject"), "posting_rule_missing", kind),
        _refused(
            negative.join(named, on="event"),
            "posting_amount_negative",
            {**kind, "debit": pl.col("debit"), "credit": pl.col("credit"), "amount": pl.col("amount_minor")},
        ),
    ]
    return done.sort("event", "leg"), pl.concat(told).sort("cause")


def _legs(events: pl.LazyFrame, number: int, entry: Entry) -> pl.LazyFrame:
    amount = pl.col(entry.amount)
    return events.select(
        event="seq",
        leg=pl.lit(number, pl.Int64),
        debit=_filled(entry.debit),
        credit=_filled(entry.credit),
        asset=entry.asset,
        amount_minor=-amount if entry.negated else amount,
    )


def _filled(template: str) -> pl.Expr:
    return filled(_PLACEHOLDER.sub("{}", template), *_PLACEHOLDER.findall(template))


def _refused(events: pl.DataFrame, reason: str, told: Mapping[str, pl.Expr]) -> pl.DataFrame:
    subject = filled("posting/{}", pl.col("event"))
    about = {"event": pl.col("event"), "about": pl.col("subject")}
    frame = refused(events, reason, subject=subject, facts={**about, **told})
    assert frame.columns == list(REFUSED)
    return frame.with_columns(cause=events["event"])
