"""Which opening positions and balances may stand at the beginning of the books. 期初余额校验"""

from typing import Final

import polars as pl

from nostro.departments.accounting.rules.scales import of_currency
from nostro.kernel.frames import filled, refused
from nostro.kernel.money import MICRO

E4: Final = 4
"""Decimals of an opening's cash in its file."""


def positions(
    rows: pl.DataFrame, *, books: pl.DataFrame, instruments: pl.DataFrame, accounts: pl.DataFrame, opened: pl.Series
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Positions ready to post, with `subject`, `quantity` (the instrument's scale) and `cost_minor`; and the refused.

    rows      lines of openings.csv, `ordinal` included
    accounts  of securities
    opened    subjects of the openings the books have already

    Refuses opening_unknown (book, ISIN or account), opening_repeated, and opening_invalid: a quantity that is not
    positive, a negative cost, more decimals than instrument or currency have, another currency than the instrument's.
    A line may have several reasons; each comes with its `ordinal`.
    """
    known = (
        rows.join(books.select(book="code", knows_book=pl.lit(True)), on="book", how="left", maintain_order="left")
        .join(
            instruments.select("isin", "scale", own_currency="currency"), on="isin", how="left", maintain_order="left"
        )
        .join(
            accounts.select(account="number", knows_account=pl.lit(True)).unique(),
            on="account",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            subject=filled("opening/{}/{}/{}", "book", "isin", "account").str.slice(0, 80),
            unit=_power(pl.lit(MICRO) - pl.col("scale").cast(pl.Int64)),
            cent=_power(E4 - of_currency("own_currency", instruments["currency"])),
        )
    )
    unknown = _joined(
        pl.when(pl.col("knows_book").is_null()).then(filled("book {}", "book")),
        pl.when(pl.col("scale").is_null()).then(filled("ISIN {}", "isin")),
        pl.when(pl.col("knows_account").is_null()).then(filled("account {}", "account")),
    )
    invalid = _joined(
        pl.when(pl.col("quantity_micro") <= 0).then(pl.lit("the quantity is not positive")),
        pl.when(pl.col("cost_e4") < 0).then(pl.lit("the cost is negative")),
        pl.when(pl.col("quantity_micro") % pl.col("unit") != 0).then(
            filled("the quantity has more than {} decimals", "scale")
        ),
        pl.when(pl.col("cost_e4") % pl.col("cent") != 0).then(
            filled("the cost has more decimals than {}", "own_currency")
        ),
        pl.when(pl.col("currency") != pl.col("own_currency")).then(
            filled("the currency is {}, the instrument's {}", "currency", "own_currency")
        ),
    )
    good, bad = _split(known.with_columns(unknown=unknown, invalid=invalid), opened)
    return good.with_columns(
        quantity=pl.col("quantity_micro") // pl.col("unit"), cost_minor=pl.col("cost_e4") // pl.col("cent")
    ), bad


def cash(rows: pl.DataFrame, *, accounts: pl.DataFrame, opened: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Balances ready to post, with `subject` and `amount_minor`; and the refused, as for positions.

    accounts  of cash: `number`, `currency`

    Refuses opening_unknown (no such account in the currency), opening_repeated, and opening_invalid: more decimals than
    the currency has, a statement number below zero.
    """
    known = rows.join(
        accounts.select(account="number", currency="currency", knows_account=pl.lit(True)).unique(),
        on=["account", "currency"],
        how="left",
        maintain_order="left",
    ).with_columns(
        subject=filled("opening/{}/{}", "account", "currency").str.slice(0, 80),
        cent=_power(E4 - of_currency("currency", accounts["currency"])),
    )
    unknown = _joined(
        pl.when(pl.col("knows_account").is_null()).then(filled("account {} in {}", "account", "currency"))
    )
    invalid = _joined(
        pl.when(pl.col("amount_e4") % pl.col("cent") != 0).then(
            filled("the amount has more decimals than {}", "currency")
        ),
        pl.when(pl.col("sequence") < 0).then(pl.lit("the number of the last statement is below zero")),
    )
    good, bad = _split(known.with_columns(unknown=unknown, invalid=invalid), opened)
    return good.with_columns(amount_minor=pl.col("amount_e4") // pl.col("cent")), bad


def _split(judged: pl.DataFrame, opened: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The lines nothing speaks against, and a refusal for each reason of the others, by line."""
    fit = pl.col("unknown").is_null() & pl.col("invalid").is_null()
    again = pl.col("subject").is_in(opened.implode()) | ~pl.col("subject").is_first_distinct()
    repeated = judged.filter(fit).filter(again)
    good = judged.filter(fit).filter(~again)
    subject, line = pl.col("subject"), {"line": pl.col("ordinal") + 1}
    reasons = [
        (judged.filter(pl.col("unknown").is_not_null()), "opening_unknown", {"unknown": pl.col("unknown")}),
        (judged.filter(pl.col("invalid").is_not_null()), "opening_invalid", {"rule": pl.col("invalid")}),
        (repeated, "opening_repeated", {}),
    ]
    bad = pl.concat(
        refused(rows, reason, subject=subject, facts={**line, **told}).with_columns(ordinal=rows["ordinal"])
        for rows, reason, told in reasons
    )
    return good, bad.sort("ordinal", maintain_order=True)


def _joined(*told: pl.Expr) -> pl.Expr:
    """All that was said about a line, or null when nothing was."""
    text = pl.concat_str(told, separator="; ", ignore_nulls=True)
    return pl.when(text != "").then(text)


def _power(exponent: pl.Expr) -> pl.Expr:
    return exponent.replace_strict({n: 10**n for n in range(MICRO + 1)}, default=None, return_dtype=pl.Int64)
