"""Every check an execution must pass before it is a trade; all that is wrong with it at once. 成交校验

A check that rests on another is silent when that one failed: a wrong ISIN is not also an unknown instrument, and what
is unknown has no currency to differ from. Sources: ISO 6166 (ISIN); Regulation (EU) No 909/2014 art. 5(2) (settlement
date); Delegated Regulation (EU) 2017/590, annex I (what must be known of a trade).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from nostro.kernel.frames import filled, gross_minor, refused
from nostro.kernel.money import INT64_MAX, MICRO, currency_scale
from nostro.messages.identifiers import isin_faults

BP: Final = 10_000


@dataclass(frozen=True, slots=True)
class Reference:
    """What executions are checked against, as it is in force for them."""

    instruments: pl.DataFrame  # instrument_id, isin, currency, scale
    terms: pl.DataFrame  # mic, trade_date, place_bic, price_tolerance_bp, fees and taxes, settle_date, fault
    parties: pl.DataFrame  # bic, kind
    ssis: pl.DataFrame  # party_bic, place_bic, agent_bic
    books: pl.DataFrame  # code, is_block
    prices: pl.DataFrame  # isin, price_micro, currency, day: the last before the business day


@dataclass(frozen=True, slots=True)
class _Check:
    """One way to fail. `fails` is null where a fact it rests on is missing, and null is no failure."""

    reason: str
    fails: pl.Expr
    facts: Mapping[str, pl.Expr] = field(default_factory=dict)


def validate(executions: pl.DataFrame, reference: Reference) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(executions that pass, with what was looked up; REFUSED with `id`, `message` and `mic` of the execution).

    executions  the columns of the executions table and `price_accepted`: two people let it pass the price check
    Passing rows gain instrument_id, scale, gross_wide (Int128 that fits 64 bits), place_bic, agent_bic, is_block, the
    market's fees and taxes, and the settle_date of the rule. Refusals come in the order of executions, then of checks.
    """
    seen = _look_up(executions, reference)
    flags = [f"fails {check.reason}" for check in CHECKS]
    judged = seen.with_columns(
        check.fails.fill_null(False).alias(name) for check, name in zip(CHECKS, flags, strict=True)
    ).collect()
    failing = judged.filter(pl.any_horizontal(flags))
    passed = judged.filter(~pl.any_horizontal(flags)).with_columns(settle_date=pl.col("rule_settle_date"))
    found = [
        _refusals(failing.filter(name), check).with_columns(order=pl.lit(place))
        for place, (check, name) in enumerate(zip(CHECKS, flags, strict=True))
    ]
    return passed.drop(flags), pl.concat(found).sort("id", "order").drop("order")


def _look_up(executions: pl.DataFrame, reference: Reference) -> pl.LazyFrame:
    """The executions with everything the checks need beside them, in their order."""
    faults = executions.select("isin").unique(maintain_order=True)
    faults = faults.with_columns(isin_fault=isin_faults(faults["isin"]))
    instruments = reference.instruments.select("instrument_id", "isin", "scale", instrument_currency="currency")
    terms = reference.terms.rename({"settle_date": "rule_settle_date"}).with_columns(market_known=pl.lit(True))
    parties = reference.parties.select(counterparty_bic="bic", counterparty_known=pl.lit(True))
    ccps = reference.parties.filter(pl.col("kind") == "ccp").select(ccp_bic="bic", ccp_known=pl.lit(True))
    prices = reference.prices.select("isin", last_micro="price_micro", last_currency="currency", last_day="day")
    codes = executions["currency"].unique().to_list()
    currencies = pl.DataFrame(
        {"currency": codes, "decimals": [currency_scale(code) for code in codes]},
        schema={"currency": pl.String, "decimals": pl.Int64},
    )
    seen = executions.lazy()
    for table, keys in (
        (currencies, ["currency"]),
        (faults, ["isin"]),
        (instruments, ["isin"]),
        (prices, ["isin"]),
        (terms, ["mic", "trade_date"]),
        (parties, ["counterparty_bic"]),
        (ccps, ["ccp_bic"]),
        (reference.ssis.rename({"party_bic": "counterparty_bic"}), ["counterparty_bic", "place_bic"]),
        (reference.books.rename({"code": "book"}), ["book"]),
    ):
        seen = seen.join(table.lazy(), on=keys, how="left", maintain_order="left")
    return seen.with_columns(
        gross_wide=gross_minor(pl.col("quantity_micro"), pl.col("price_micro"), pl.col("decimals")),
        agent_bic=pl.when(pl.col("ccp_bic").is_null()).then("agent_bic").otherwise("ccp_bic"),
    )


_IS_BILATERAL: Final = pl.col("ccp_bic").is_null()
_IS_INSTRUMENT: Final = pl.col("instrument_id").is_not_null()
_IS_COMPARABLE: Final = (pl.col("currency") == pl.col("instrument_currency")) & ~pl.col("price_accepted")
_GAP: Final = (pl.col("price_micro").cast(pl.Int128) - pl.col("last_micro")).abs() * BP


def written_micro(micro: pl.Expr) -> pl.Expr:
    """Millionths for people: 1500000 is "1.5"."""
    digits = micro.cast(pl.Int128).abs().cast(pl.String).str.zfill(MICRO + 1)
    sign = pl.when(micro < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return sign + (digits.str.head(-MICRO) + "." + digits.str.tail(MICRO)).str.strip_chars_end("0").str.strip_chars_end(
        "."
    )


CHECKS: Final = (
    _Check("isin_invalid", pl.col("isin_fault").is_not_null(), {"isin": pl.col("isin"), "fault": pl.col("isin_fault")}),
    _Check(
        "instrument_unknown",
        pl.col("isin_fault").is_null() & ~_IS_INSTRUMENT,
        {"isin": pl.col("isin"), "currency": pl.col("currency"), "mic": pl.col("mic")},
    ),
    _Check(
        "currency_differs",
        pl.col("currency") != pl.col("instrument_currency"),
        {"isin": pl.col("isin"), "told": pl.col("currency"), "expected": pl.col("instrument_currency")},
    ),
    _Check(
        "quantity_fraction",
        pl.col("quantity_micro") % (10 ** (MICRO - pl.col("scale").cast(pl.Int64))) != 0,
        {"isin": pl.col("isin"), "quantity": written_micro(pl.col("quantity_micro")), "scale": pl.col("scale")},
    ),
    _Check(
        "amount_invalid",
        (pl.col("quantity_micro") <= 0) | ~pl.col("gross_wide").is_between(1, INT64_MAX),
        {
            "quantity": written_micro(pl.col("quantity_micro")),
            "price": written_micro(pl.col("price_micro")),
            "currency": pl.col("currency"),
        },
    ),
    _Check(
        "price_unknown",
        _IS_INSTRUMENT
        & _IS_COMPARABLE
        & (pl.col("last_micro").is_null() | (pl.col("last_currency") != pl.col("currency"))),
        {"isin": pl.col("isin"), "currency": pl.col("currency"), "price": written_micro(pl.col("price_micro"))},
    ),
    _Check(
        "price_out_of_tolerance",
        _IS_COMPARABLE
        & (pl.col("last_currency") == pl.col("currency"))
        & (pl.col("last_micro").cast(pl.Int128) * pl.col("price_tolerance_bp") < _GAP),
        {
            "isin": pl.col("isin"),
            "price": written_micro(pl.col("price_micro")),
            "last": written_micro(pl.col("last_micro")),
            "day": pl.col("last_day"),
            "currency": pl.col("currency"),
            "off_bp": _GAP // pl.col("last_micro"),
            "tolerance_bp": pl.col("price_tolerance_bp"),
        },
    ),
    _Check(
        "counterparty_unknown", pl.col("counterparty_known").is_null(), {"counterparty": pl.col("counterparty_bic")}
    ),
    _Check("ccp_unknown", ~_IS_BILATERAL & pl.col("ccp_known").is_null(), {"ccp": pl.col("ccp_bic")}),
    _Check(
        "market_unknown", pl.col("market_known").is_null(), {"mic": pl.col("mic"), "trade_date": pl.col("trade_date")}
    ),
    _Check(
        "trade_on_holiday",
        pl.col("fault") == "trade_on_holiday",
        {"mic": pl.col("mic"), "trade_date": pl.col("trade_date")},
    ),
    _Check(
        "calendar_unknown",
        pl.col("fault") == "calendar_unknown",
        {"mic": pl.col("mic"), "trade_date": pl.col("trade_date")},
    ),
    _Check(
        "settle_date_differs",
        pl.col("settle_date") != pl.col("rule_settle_date"),
        {"mic": pl.col("mic"), "told": pl.col("settle_date"), "expected": pl.col("rule_settle_date")},
    ),
    _Check(
        "ssi_missing",
        pl.col("counterparty_known") & pl.col("market_known") & pl.col("agent_bic").is_null(),
        {"counterparty": pl.col("counterparty_bic"), "place": pl.col("place_bic"), "mic": pl.col("mic")},
    ),
    _Check("book_unknown", pl.col("is_block").is_null(), {"book": pl.col("book")}),
)
"""In the order in which a person would look."""
REASONS: Final = tuple(check.reason for check in CHECKS)


def _refusals(failing: pl.DataFrame, check: _Check) -> pl.DataFrame:
    fits = pl.col("gross_wide").is_between(0, INT64_MAX)
    told = refused(
        failing,
        check.reason,
        subject=filled("execution/{}", pl.col("exec_id")),
        facts={"exec_id": pl.col("exec_id"), **check.facts},
        money_minor=pl.when(fits).then("gross_wide"),
        currency=pl.col("currency"),
    )
    return told.hstack(failing.select("id", "message", "mic"))
