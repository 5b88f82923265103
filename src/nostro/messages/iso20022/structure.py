"""What a message must hold: its fields by path, and the rule of each. 报文结构规则

A message is described by an outline: a table of paths with the form of each value. The same table reads a message,
writes it, and refuses what breaks it. It covers what we read and write; the whole of a message is for the schema to
judge.

Rules named in refusals, with their measure behind a space:
required, once, exactly_one_of A|B, one_of A|B, no_elements, text_min 1, text_max 35, no_control_characters, iso_date,
iso_date_time, yes_no, decimal_number, digits_max 18, decimals_max 6, decimals_of_currency EUR 2, not_negative,
fits_64_bits, whole_number, bic, isin, currency
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

import polars as pl

from nostro.kernel.frames import filled
from nostro.kernel.money import MICRO, currency_scale
from nostro.messages.exact import decimals, fits_64_bits, scaled, whole_digits

AMOUNT_DECIMALS: Final = 5
"""ISO 20022 amounts hold five decimals at most, and eighteen digits in all."""
DIGITS_MAX: Final = 18
FAULT: Final = pl.Schema({"ordinal": pl.Int64, "place": pl.String, "rule": pl.String, "value": pl.String})
"""What is wrong with messages: one row for each broken rule."""
AT: Final = "at"
UP: Final = "up"

_CONTROL: Final = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x{FFFE}\x{FFFF}]"
_ZONE: Final = r"(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9]|[+-]14:00)?"
Rules = Callable[[pl.Expr], Sequence[tuple[pl.Expr, str]]]


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a value: for a column of texts, which rule is broken where. The first broken rule counts."""

    rules: Rules

    def broken(self, text: pl.Expr) -> pl.Expr:
        """The rule each text breaks, or null. A null text breaks none."""
        rule = pl.lit(None, pl.String)
        for broken, name in reversed(self.rules(text)):
            rule = pl.when(broken).then(pl.lit(name)).otherwise(rule)
        return rule


def text_max(length: int) -> Form:
    """MaxNText: 1 to N characters, not all of them blank."""
    return Form(
        lambda text: (
            (text.str.strip_chars() == "", "text_min 1"),
            (text.str.len_chars() > length, f"text_max {length}"),
            (text.str.contains(_CONTROL), "no_control_characters"),
        )
    )


def code(*values: str) -> Form:
    """One of a code list."""
    return Form(lambda text: ((~text.is_in(values), f"one_of {'|'.join(values)}"),))


def pattern(name: str, regex: str) -> Form:
    """A text of one pattern, from its beginning to its end."""
    return Form(lambda text: ((~text.str.contains(rf"\A(?:{regex})\z"), name),))


def number_max(digits: int) -> Form:
    """A whole number that is not negative, of so many digits at most."""
    return Form(
        lambda text: (
            (~text.str.contains(r"\A[0-9]+\z"), "whole_number"),
            (text.str.len_bytes() > digits, f"digits_max {digits}"),
        )
    )


def _decimal(text: pl.Expr) -> tuple[tuple[pl.Expr, str], ...]:
    digits = whole_digits(text) + decimals(text)
    return (
        (~text.str.contains(r"\A[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\z"), "decimal_number"),
        (digits > DIGITS_MAX, f"digits_max {DIGITS_MAX}"),
    )


TEXT_4: Final = text_max(4)
TEXT_34: Final = text_max(34)
TEXT_35: Final = text_max(35)
TEXT_140: Final = text_max(140)
TEXT_210: Final = text_max(210)
TEXT_500: Final = text_max(500)
EXACT_4: Final = pattern("four_letters_or_digits", "[a-zA-Z0-9]{4}")
BIC: Final = pattern("bic", "[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")
ISIN: Final = pattern("isin", "[A-Z]{2}[A-Z0-9]{9}[0-9]")
IBAN: Final = pattern("iban", "[A-Z]{2}[0-9]{2}[a-zA-Z0-9]{1,30}")
CURRENCY: Final = pattern("currency", "[A-Z]{3}")
YES_NO: Final = code("true", "false", "1", "0")
DATE: Final = Form(
    lambda text: (
        (
            ~text.str.contains(rf"\A[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}{_ZONE}\z")
            | text.str.starts_with("0000")
            | text.str.head(10).str.to_date("%Y-%m-%d", strict=False).is_null(),
            "iso_date",
        ),
    )
)
DATE_TIME: Final = Form(
    lambda text: (
        (
            ~text.str.contains(
                rf"\A[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?{_ZONE}\z"
            )
            | text.str.starts_with("0000")
            | text.str.head(10).str.to_date("%Y-%m-%d", strict=False).is_null(),
            "iso_date_time",
        ),
    )
)
QUANTITY: Final = Form(
    lambda text: (
        *_decimal(text),
        (decimals(text) > MICRO, f"decimals_max {MICRO}"),
        (~fits_64_bits(text, MICRO), "fits_64_bits"),
    )
)
QUANTITY_NOT_NEGATIVE: Final = Form(
    lambda text: (*QUANTITY.rules(text), (text.str.contains("-.*[1-9]"), "not_negative"))
)
AMOUNT: Final = Form(
    lambda text: (
        *_decimal(text),
        (text.str.contains("-.*[1-9]"), "not_negative"),
        (decimals(text) > AMOUNT_DECIMALS, f"decimals_max {AMOUNT_DECIMALS}"),
    )
)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A field: its path below its group, the form of its value, and whether it must be there.

    path  elements joined by "/"; the last may be "@Ccy", an attribute; "." is the text of the group itself
    need  True: in each message. A path: where that element is present. False: it may be absent
    """

    path: str
    form: Form
    need: bool | str = True


@dataclass(frozen=True, slots=True)
class Mark:
    """An element whose presence says something. Its column holds an empty text where it is present."""

    path: str
    need: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """Paths of which exactly one must be present: in each message, or where the element `need` is present."""

    paths: tuple[str, ...]
    need: bool | str = True

    @property
    def parent(self) -> str:
        """The element in which the choice is made."""
        steps = zip(*(path.split("/") for path in self.paths), strict=False)
        return "/".join(step[0] for step in takewhile(lambda step: len(set(step)) == 1, steps))


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount and its currency attribute: the currency's own decimals bound the amount's."""

    path: str
    need: bool | str = True


@dataclass(frozen=True, slots=True)
class Check:
    """A rule that binds several fields of a group: the path to name, and the rule each row breaks, or null."""

    path: str
    rule: pl.Expr


@dataclass(frozen=True, slots=True)
class Group:
    """A part of the message that may repeat, with its fields. The main group, of path "", is the message itself."""

    path: str
    fields: tuple[Leaf | Mark | Choice | Amount | Check, ...]
    groups: "tuple[Group, ...]" = ()

    def leaves(self) -> Iterator[Leaf | Mark]:
        """The fields that have a text of their own, in the order of the message."""
        for one in self.fields:
            if isinstance(one, Amount):
                yield Leaf(one.path, AMOUNT, one.need)
                yield Leaf(f"{one.path}/@Ccy", CURRENCY, one.path)
            elif isinstance(one, Leaf | Mark):
                yield one

    def everyone(self, base: str = "") -> Iterator[tuple[str, "Group"]]:
        """This group and all below it, each with its full path."""
        full = f"{base}/{self.path}" if self.path else base
        yield full, self
        for below in self.groups:
            yield from below.everyone(full)


@dataclass(frozen=True, slots=True)
class Outline:
    """One message definition, such as sese.023.001.12, and what we read and write of it.

    key  the table and column of the key a refused message is known by
    """

    definition: str
    main: Group
    key: tuple[str, str]
    tables: Mapping[str, Group] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", dict(self.main.everyone()))

    @property
    def namespace(self) -> str:
        """The namespace of its Document."""
        return f"urn:iso:std:iso:20022:tech:xsd:{self.definition}"


def table_schema(group: Group) -> pl.Schema:
    """The columns of a group's table: which message, where in it, where its parent is, and a text for each field."""
    texts = {leaf.path: pl.String() for leaf in group.leaves()}
    return pl.Schema({"ordinal": pl.Int64(), AT: pl.String(), UP: pl.String(), **texts})


def faults(table: pl.DataFrame, group: Group) -> pl.DataFrame:
    """All broken rules in a group's table, as FAULT."""
    checks = []
    for one in group.fields:
        if isinstance(one, Choice):
            checks.append(Check(one.parent, _choice(one)))
        elif isinstance(one, Check):
            checks.append(one)
        elif isinstance(one, Amount):
            checks.append(Check(one.path, _beyond_currency(one.path)))
    checks.extend(Check(leaf.path, _rule(leaf)) for leaf in group.leaves())
    return judge(table, checks)


def judge(table: pl.DataFrame, checks: Sequence[Check]) -> pl.DataFrame:
    """The checks of a table that fail, as FAULT."""
    if table.is_empty():
        return pl.DataFrame(schema=FAULT)
    rules = table.lazy().select(check.rule.cast(pl.String).alias(str(i)) for i, check in enumerate(checks)).collect()
    found = [
        table.filter(rules[str(i)].is_not_null()).select(
            "ordinal",
            place=pl.col(AT) + ("" if check.path in ("", ".") else f"/{check.path}"),
            rule=rules[str(i)].drop_nulls(),
            value=(pl.col(check.path) if check.path in table.columns else pl.lit("")).fill_null(""),
        )
        for i, check in enumerate(checks)
        if rules[str(i)].null_count() < table.height
    ]
    return pl.concat(found) if found else pl.DataFrame(schema=FAULT)


def _present(need: bool | str) -> pl.Expr:
    return pl.lit(need) if isinstance(need, bool) else pl.col(need).is_not_null()


def _rule(leaf: Leaf | Mark) -> pl.Expr:
    text = pl.col(leaf.path)
    missing = pl.when(_present(leaf.need)).then(pl.lit("required"))
    broken = leaf.form.broken(text) if isinstance(leaf, Leaf) else None
    return pl.when(text.is_null()).then(missing).otherwise(broken)


def _choice(choice: Choice) -> pl.Expr:
    there = pl.sum_horizontal(pl.col(path).is_not_null().cast(pl.Int32) for path in choice.paths)
    ends = "|".join(path.removeprefix(choice.parent).strip("/") for path in choice.paths)
    wanted = _present(choice.need)
    return pl.when((there > 1) | ((there == 0) & wanted)).then(pl.lit(f"exactly_one_of {ends}"))


def scale_of(currency: pl.Expr) -> pl.Expr:
    """The decimals of each currency, null where it is none."""
    return currency.replace_strict(_SCALES, default=2, return_dtype=pl.Int8)


_SCALES: Final = {
    f"{a}{b}{c}": scale
    for a in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    if (scale := currency_scale(f"{a}{b}{c}")) != 2
}


def _beyond_currency(path: str) -> pl.Expr:
    currency, amount = pl.col(f"{path}/@Ccy"), pl.col(path)
    broken = (AMOUNT.broken(amount).is_null() & CURRENCY.broken(currency).is_null()) & (
        decimals(amount) > scale_of(currency)
    )
    unfit = AMOUNT.broken(amount).is_null() & minor(path).is_null() & currency.is_not_null()
    told = filled("decimals_of_currency {} {}", currency, scale_of(currency))
    return pl.when(broken).then(told).when(unfit).then(pl.lit("fits_64_bits"))


def minor(path: str) -> pl.Expr:
    """An amount in minor units of the currency beside it; null where it does not fit 64 bits or is no amount."""
    exact = scaled(pl.col(path), AMOUNT_DECIMALS)
    scale = scale_of(pl.col(f"{path}/@Ccy"))
    divisor = pl.lit(10, pl.Int64).pow(AMOUNT_DECIMALS - scale).cast(pl.Int128)
    return (exact // divisor).cast(pl.Int64, strict=False)


def micro(*paths: str) -> pl.Expr:
    """A quantity in whole millionths, of the first path that is present; null where it does not fit 64 bits."""
    return scaled(pl.coalesce(paths), MICRO).cast(pl.Int64, strict=False)


def day(*paths: str) -> pl.Expr:
    """The date of the first of these dates or times that is present; null where it is none."""
    return pl.coalesce(pl.col(path).str.head(10).str.to_date("%Y-%m-%d", strict=False) for path in paths)


def currency_scales() -> tuple[int, ...]:
    """All decimals that some currency has."""
    return tuple(sorted({2, *_SCALES.values()}))
