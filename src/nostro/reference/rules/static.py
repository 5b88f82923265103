"""What a typed row of a reference file must still fulfil before it may be used. 静态数据校验

Forms, check digits, ranges, and one word about one thing.
Sources: ISO 6166 (ISIN), ISO 10962 (CFI), ISO 10383 (MIC), ISO 4217 (currency), ISO 9362 (BIC), ISO 17442 (LEI), IANA
time zones.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final
from zoneinfo import available_timezones

import polars as pl

from nostro.messages.identifiers import bic_fault, isin_fault, lei_fault
from nostro.messages.lines import bad_frame, bad_row, fault
from nostro.messages.shapes import WHERE, MessageReason, Parsed
from nostro.reference.rules.calendars import BANKS, EXCHANGES

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "entities.csv": ("code",),
    "markets.csv": ("mic", "valid_from"),
    "instruments.csv": ("isin",),
    "parties.csv": ("bic",),
    "prices.csv": ("isin", "day"),
    "fx.csv": ("base", "quote", "day"),
    "books.csv": ("code",),
    "accounts.csv": ("number", "currency"),
    "ssis.csv": ("party_bic", "place_bic", "valid_from"),
}
"""What a row is about, by kind of file: a second row about the same must say the same."""


_ISIN, _LEI, _BIC = ("isin", isin_fault), ("lei", lei_fault), ("bic", bic_fault)
_CODED: Final[Mapping[str, tuple[str, Callable[[str], str | None]]]] = {
    "isin": _ISIN,
    "lei": _LEI,
    **dict.fromkeys(("bic", "place_bic", "ccp_bic", "servicer_bic", "party_bic", "agent_bic"), _BIC),
}
_CURRENCY: Final = ("iso_4217 three capital letters", r"^[A-Z]{3}$")
_FORMS: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys(("base", "quote"), _CURRENCY),
    "mic": ("iso_10383 four capital letters or digits", r"^[A-Z0-9]{4}$"),
    "cfi": ("iso_10962 six capital letters", r"^[A-Z]{6}$"),
    "cutoff": ("time HH:MM", r"^([01][0-9]|2[0-3]):[0-5][0-9]$"),
}
_LENGTHS: Final = {"name": 80, "name_zh": 80, "number": 35, "account": 35}
_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "cycle_days": (0, 5),
    "scale": (0, 6),
    "price_tolerance_bp": (0, 10_000),
    "fee_bp_micro": (0, 10_000 * 10**6),
    "tax_buy_bp_micro": (0, 10_000 * 10**6),
    "tax_sell_bp_micro": (0, 10_000 * 10**6),
    "price_micro": (1, 2**63 - 1),
    "rate_e8": (1, 2**63 - 1),
}
_CHOICES: Final[Mapping[str, frozenset[str]]] = {
    "exchange_calendar": frozenset(EXCHANGES),
    "bank_calendar": frozenset(BANKS),
}


def judge(kind: str, rows: pl.DataFrame) -> Parsed:
    """The rows of a file of this kind that may be used, and the others with all that is wrong with each.

    Refused as csv_field_invalid. A row that contradicts an earlier one about the same breaks the rule once_for_each_key;
    one that repeats it word for word may stand.
    """
    rows = rows.with_columns(pl.col("currency").fill_null("")) if kind == "accounts.csv" else rows
    wrong = errors(kind, rows)
    keys = KEYS[kind]
    sound = rows.filter(~pl.col("ordinal").is_in(list(wrong)))
    says = [name for name in rows.columns if name not in WHERE]
    others = sound.unique(says, keep="first", maintain_order=True).filter(~pl.struct(keys).is_first_distinct())
    for row in sound.join(others.select(says), on=says, how="semi", nulls_equal=True).iter_rows(named=True):
        named = " ".join(str(row[key]) for key in keys)
        wrong[row["ordinal"]] = [_fault(row["ordinal"], ", ".join(keys), named, "once_for_each_key")]
    return split(rows, wrong)


def errors(kind: str, rows: pl.DataFrame) -> dict[int, list[dict[str, Any]]]:
    """All that is wrong with each row taken by itself, by its ordinal; a row without errors is not in it."""
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for column, rule, broken in _broken(kind, rows):
        for ordinal, value in rows.filter(broken).select("ordinal", pl.col(column).cast(pl.String)).rows():
            found[ordinal].append(_fault(ordinal, column, value or "", rule))
    return dict(found)


def split(rows: pl.DataFrame, wrong: Mapping[int, list[dict[str, Any]]]) -> Parsed:
    """The rows without errors, and the others as BAD."""
    is_bad = pl.col("ordinal").is_in(list(wrong))
    bad = [
        bad_row(ordinal, start, length, wrong[ordinal])
        for ordinal, start, length in rows.filter(is_bad).select(*WHERE).rows()
    ]
    return Parsed(good=rows.filter(~is_bad), bad=bad_frame(bad))


def scale_changes(rows: pl.DataFrame, known: pl.DataFrame) -> dict[int, list[dict[str, Any]]]:
    """Errors of instrument rows whose scale is not the one the ledger already counts in (`known`: isin, scale)."""
    changed = rows.join(known.select("isin", before="scale"), on="isin").filter(pl.col("scale") != pl.col("before"))
    return {
        ordinal: [_fault(ordinal, "scale", str(scale), f"stays {before}")]
        for ordinal, scale, before in changed.select("ordinal", "scale", "before").rows()
    }


def _broken(kind: str, rows: pl.DataFrame) -> list[tuple[str, str, pl.Expr]]:
    """(column, rule, which rows break it) for every rule that applies to the columns of this file."""
    found: list[tuple[str, str, pl.Expr]] = []
    for column in rows.columns:
        text = pl.col(column)
        if column in _CODED:
            name, judge_one = _CODED[column]
            verdicts = {value: judge_one(value) for value in rows[column].unique().to_list()}
            for verdict in sorted({v for v in verdicts.values() if v}):
                found.append(
                    (column, f"{name} {verdict}", text.is_in([v for v, f in verdicts.items() if f == verdict]))
                )
        if column in _FORMS:
            rule, pattern = _FORMS[column]
            found.append((column, rule, ~text.str.contains(pattern)))
        if column in _LENGTHS:
            found.append((column, f"characters_max {_LENGTHS[column]}", text.str.len_chars() > _LENGTHS[column]))
        if column in _RANGES:
            low, high = _RANGES[column]
            found.append((column, f"between {low} and {high}", ~text.is_between(low, high)))
        if column in _CHOICES:
            found.append(
                (column, f"one_of {'|'.join(sorted(_CHOICES[column]))}", ~text.is_in(sorted(_CHOICES[column])))
            )
    return found + _own(kind, rows)


def _own(kind: str, rows: pl.DataFrame) -> list[tuple[str, str, pl.Expr]]:
    """Rules that belong to one kind of file."""
    code, currency = pl.col("code"), pl.col("currency")
    has_form = currency.str.contains(_CURRENCY[1])
    match kind:
        case "entities.csv":
            form = ~code.str.contains(r"^[A-Z][A-Z0-9]{1,7}$") | (code == "HOUSE")
            return [
                ("code", "two to eight capital letters or digits, not HOUSE", form),
                ("currency", _CURRENCY[0], ~has_form),
            ]
        case "markets.csv":
            zone = ~pl.col("timezone").is_in(sorted(available_timezones()))
            return [("timezone", "iana_time_zone", zone), ("currency", _CURRENCY[0], ~has_form)]
        case "books.csv":
            return [("code", "characters_max 20, without a slash", ~code.str.contains(r"^[^/]{1,20}$"))]
        case "accounts.csv":
            fits = pl.when(pl.col("kind") == "cash").then(has_form).otherwise(currency == "")
            return [
                ("currency", "of cash accounts, and of no other", ~fits),
                ("number", "without a slash", pl.col("number").str.contains("/", literal=True)),
            ]
        case _:
            return [("currency", _CURRENCY[0], ~has_form)] if "currency" in rows.columns else []


def _fault(ordinal: int, column: str, value: str, rule: str) -> dict[str, Any]:
    line = str(ordinal + 1)  # the header is line 1
    place = f"line {line}, column {column}"
    return fault(MessageReason.CSV_FIELD_INVALID, place, column=column, line=line, value=value, rule=rule)
