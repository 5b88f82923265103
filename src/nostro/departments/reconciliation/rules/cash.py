"""A bank's entries against our own movements, one by one, and the proof of the balance that remains. 资金对账"""

from typing import Final

import polars as pl

from nostro.departments.reconciliation.rules.amounts import money_text
from nostro.kernel.frames import checked_minor, filled, refused

OF_DAY: Final = ["account", "currency", "day"]
LINE: Final = pl.Schema(
    {
        "account": pl.String,
        "currency": pl.String,
        "day": pl.Date,
        "statement": pl.Int64,  # null: only we have it
        "entry": pl.Int64,
        "item": pl.String,  # our reference, or the bank's when it gave none of ours
        "bank_reference": pl.String,
        "theirs_minor": pl.Int64,
        "ours_minor": pl.Int64,
        "reason": pl.String,  # null: matched
    }
)
OPENING, BALANCE = "opening", "balance"
"""Lines about a statement's balances rather than an entry."""


def compare(theirs: pl.DataFrame, ours: pl.DataFrame) -> pl.DataFrame:
    """LINE rows: every entry of both sides once, by account, day and item.

    theirs  account, currency, day, statement, entry, amount_minor, reference (null: the bank gave none), bank_reference
    ours    account, currency, day, reference, amount_minor

    Signs as the account's owner sees them: + came in. First equal amounts under one reference pair up, then unequal
    ones (cash_amount_differs); what is left over is cash_missing_at_bank, cash_twice when another entry of this
    reference has paired up, or cash_unknown.
    """
    by_reference = [*OF_DAY, "reference"]
    their_rows = theirs.sort(*OF_DAY, "statement", "entry").with_row_index("their_row")
    our_rows = ours.sort(*by_reference, "amount_minor").with_row_index("our_row")
    exact = _paired(their_rows, our_rows, [*by_reference, "amount_minor"])
    rest_theirs = their_rows.join(exact, on="their_row", how="anti", maintain_order="left")
    rest_ours = our_rows.join(exact, on="our_row", how="anti", maintain_order="left")
    unequal = _paired(rest_theirs, rest_ours, by_reference)
    paired = pl.concat(
        [
            exact.with_columns(reason=pl.lit(None, pl.String)),
            unequal.with_columns(reason=pl.lit("cash_amount_differs")),
        ]
    )
    pairs = paired.join(their_rows, on="their_row").join(
        our_rows.select("our_row", ours_minor="amount_minor"), on="our_row"
    )
    only_theirs = rest_theirs.join(unequal, on="their_row", how="anti").join(
        pairs.select(by_reference).unique().with_columns(seen=pl.lit(True)), on=by_reference, how="left"
    )
    only_ours = rest_ours.join(unequal, on="our_row", how="anti")
    parts = [
        pairs.with_columns(item="reference", theirs_minor="amount_minor"),
        only_theirs.with_columns(
            item=pl.coalesce("reference", "bank_reference", filled("entry {}", "entry")),
            theirs_minor="amount_minor",
            reason=pl.when("seen").then(pl.lit("cash_twice")).otherwise(pl.lit("cash_unknown")),
        ),
        only_ours.with_columns(item="reference", ours_minor="amount_minor", reason=pl.lit("cash_missing_at_bank")),
    ]
    lines = pl.concat([_as_lines(part) for part in parts])
    return lines.sort(*OF_DAY, "item", "statement", "entry", "ours_minor", nulls_last=True)


def openings(accepted: pl.DataFrame) -> pl.DataFrame:
    """A LINE for each accepted statement (`statements.judge` with `id`) that does not begin where the last ended."""
    differs = accepted.filter(pl.col("opening_minor") != pl.col("previous_minor"))
    return _as_lines(
        differs.with_columns(
            statement="id",
            item=pl.lit(OPENING),
            theirs_minor="opening_minor",
            ours_minor="previous_minor",
            reason=pl.lit("statement_opening_differs"),
        )
    )


def prove(closings: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """A LINE for each account whose closing balance the lines do not explain (cash_balance_differs).

    closings  account, currency, day, statement (the last of the day), closing_minor, ours_minor (the ledger's balance
              at the end of that day), earlier_minor (theirs - ours over the lines of all days before)
    lines     of these days, opening lines included

    Bank's balance = our balance + differences of all lines up to here; what remains is unexplained.
    """
    both = pl.col("theirs_minor").fill_null(0).cast(pl.Int128) - pl.col("ours_minor").fill_null(0).cast(pl.Int128)
    today = lines.group_by(OF_DAY).agg(both.sum().alias("today_minor"))
    explained = (
        closings.join(today, on=OF_DAY, how="left")
        .with_columns(
            theirs_minor="closing_minor",
            ours_minor=pl.col("ours_minor").cast(pl.Int128)
            + pl.col("earlier_minor")
            + pl.col("today_minor").fill_null(0),
        )
        .filter(pl.col("theirs_minor") != pl.col("ours_minor"))
        .with_columns(item=pl.lit(BALANCE), reason=pl.lit("cash_balance_differs"))
        .sort(OF_DAY)
    )
    return _as_lines(checked_minor(explained, "ours_minor"))


def told(lines: pl.DataFrame) -> pl.DataFrame:
    """An exception for each break, but those of openings, which are told with their statements.

    Columns of REFUSED with `account` and `account_currency`.

    Subjects: cash/<account>/<our reference> for cash_missing_at_bank and cash_amount_differs, cash/<account>/<bank
    reference> for cash_unknown and cash_twice, cash/<account>/<day> for cash_balance_differs. At risk: the difference.
    """
    breaks = lines.filter(pl.col("reason").is_not_null() & (pl.col("reason") != "statement_opening_differs"))
    currencies = breaks["currency"]
    difference = pl.col("theirs_minor").fill_null(0).cast(pl.Int128) - pl.col("ours_minor").fill_null(0).cast(pl.Int128)
    return refused(
        breaks,
        "",
        subject=_subject(),
        facts={
            "account": pl.col("account"),
            "currency": pl.col("currency"),
            "day": pl.col("day"),
            "reference": pl.when(pl.col("item").eq_missing(pl.col("bank_reference")))
            .then(pl.lit("-"))
            .otherwise("item"),
            "bank_reference": pl.col("bank_reference"),
            "theirs": money_text(pl.col("theirs_minor"), currencies),
            "ours": money_text(pl.col("ours_minor"), currencies),
            "difference": money_text(difference, currencies),
        },
        money_minor=difference.abs().cast(pl.Int64, strict=False),
        currency=pl.col("currency"),
    ).with_columns(breaks.select("reason", "account", account_currency="currency"))


def broken(lines: pl.DataFrame) -> pl.DataFrame:
    """`reason` and `subject` of each break among these lines."""
    return lines.filter(pl.col("reason").is_not_null()).select("reason", subject=_subject())


def _subject() -> pl.Expr:
    name = (
        pl.when(pl.col("reason").is_in(["cash_unknown", "cash_twice"]))
        .then(pl.coalesce("bank_reference", "item"))
        .when(pl.col("reason") == "cash_balance_differs")
        .then(pl.col("day").cast(pl.String))
        .otherwise(pl.col("item"))
    )
    return filled("cash/{}/{}", pl.col("account"), name)


def _paired(theirs: pl.DataFrame, ours: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Row numbers of the first with the first under each key, the second with the second, and so on."""
    place = pl.int_range(pl.len()).over(keys).alias("place")
    left, right = theirs.filter(pl.col("reference").is_not_null()), ours.filter(pl.col("reference").is_not_null())
    return (
        left.select("their_row", *keys, place)
        .join(right.select("our_row", *keys, place), on=[*keys, "place"])
        .select("their_row", "our_row")
        .sort("their_row")
    )


def _as_lines(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(kind).alias(name) for name, kind in LINE.items()
    )
