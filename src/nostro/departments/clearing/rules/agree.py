"""Our obligations against the CCP's: the same quantity for the same cash, or nobody instructs. 与中央对手方核对

Both sides are compared by what names an obligation outside: CCP, ISIN, settlement date, currency and direction. Of
ours, several nets may stand behind one of theirs, since trades come in on several days. A CCP reports what is new since
its last file, or everything that has not settled: an obligation is agreed when it equals the sum of our nets that are
not agreed yet, or the sum of all of them.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from nostro.departments.clearing.rules.figures import DIRECTIONS_ZH, decimal_text, scale_of
from nostro.kernel.frames import filled, refused
from nostro.messages.identifiers import bic_fault, isin_faults

KEY: Final = ("ccp_bic", "isin", "settle_date", "currency", "direction")
NET: Final = (*KEY, "net", "quantity_micro", "cash_minor", "is_agreed", "deadline")
"""Our nets: quantity and cash as amounts, never signed; the direction says which way the securities go."""
OBLIGATION: Final = (*KEY, "quantity_micro", "cash_e4", "message", "deadline")
"""The CCP's: one row for each KEY. Cash in ten-thousandths, as its file may have it."""

REASONS: Final = ("obligation_differs", "obligation_missing", "obligation_unknown")
"""Why the two sides do not agree on an obligation: one at a time."""

_E4: Final = 4


@dataclass(frozen=True, slots=True)
class Compared:
    """What became of each obligation.

    agreed   `net`, `subject`, `ccp_bic`, `message`: the nets that are agreed from now on, by their numbers
    same     obligations on which both sides say the same, also those that were agreed before
    refused  REFUSED, `message` and `deadline`: obligation_differs, obligation_missing, obligation_unknown
    """

    agreed: pl.DataFrame
    same: pl.DataFrame
    refused: pl.DataFrame


def subject() -> pl.Expr:
    """How an obligation is called outside: obligation/<ccp>/<isin>/<settle date>/<currency>/<direction>."""
    return filled("obligation/{}/{}/{}/{}/{}", *KEY)


@dataclass(frozen=True, slots=True)
class Sifted:
    """The lines of a CCP's file. `good` names obligations there can be; `refused` is REFUSED and `ordinal`."""

    good: pl.DataFrame
    refused: pl.DataFrame


def sift(lines: pl.DataFrame) -> Sifted:
    """Leave out lines that name no obligation there can be: obligation_invalid, with all that is wrong in each.

    lines  KEY, `quantity_micro`, `cash_e4` (both above nothing), `ordinal` and `subject`; perhaps more, carried along
    """
    ccps = lines["ccp_bic"].unique()
    bics = pl.Series([bic_fault(bic) for bic in ccps.to_list()], dtype=pl.String)
    faults = {
        "ccp_bic": pl.col("ccp_bic").replace_strict(ccps, bics, return_dtype=pl.String),
        "isin": pl.lit(isin_faults(lines["isin"])),
        "currency": pl.when(~pl.col("currency").str.contains("^[A-Z]{3}$")).then(pl.lit("form")),
        "quantity": pl.when(pl.col("quantity_micro") <= 0).then(pl.lit("above 0")),
        "cash": pl.when(pl.col("cash_e4") <= 0).then(pl.lit("above 0")),
    }
    judged = lines.with_columns(
        wrong=pl.concat_str(
            [filled(f"{name} ({{}})", fault) for name, fault in faults.items()],
            separator=", ",
            ignore_nulls=True,
        )
    )
    bad = judged.filter(pl.col("wrong") != "")
    return Sifted(
        judged.filter(pl.col("wrong") == "").drop("wrong"),
        refused(
            bad,
            "obligation_invalid",
            subject=pl.col("subject"),
            facts={**{name: pl.col(name) for name in KEY}, "wrong": pl.col("wrong")},
        ).hstack(bad.select("ordinal")),
    )


def compare(ours: pl.DataFrame, theirs: pl.DataFrame) -> Compared:
    """Compare our nets (NET) with the CCP's obligations (OBLIGATION), the whole batch."""
    open_nets = ours.filter(~pl.col("is_agreed"))
    summed = (
        ours.lazy()
        .group_by(KEY)
        .agg(
            open_nets=(~pl.col("is_agreed")).sum(),
            open_quantity=_total("quantity_micro", ~pl.col("is_agreed")),
            open_cash=_total("cash_minor", ~pl.col("is_agreed")),
            all_quantity=_total("quantity_micro"),
            all_cash=_total("cash_minor"),
            our_deadline=pl.col("deadline").min(),
        )
        .collect()
    )
    both = summed.join(theirs.select(OBLIGATION), on=KEY, how="full", coalesce=True).sort(KEY)
    scale = scale_of(both["currency"])
    both = both.with_columns(scale=scale).with_columns(
        subject=subject(),
        deadline=pl.coalesce("our_deadline", "deadline"),
        is_open=(pl.col("quantity_micro") == pl.col("open_quantity"))
        & (pl.col("cash_e4") == pl.col("open_cash") * _unit()),
        is_whole=(pl.col("quantity_micro") == pl.col("all_quantity"))
        & (pl.col("cash_e4") == pl.col("all_cash") * _unit()),
    )
    is_ours, is_theirs = pl.col("open_nets").is_not_null(), pl.col("cash_e4").is_not_null()
    is_same = is_ours & is_theirs & (pl.col("is_open") | pl.col("is_whole"))
    same = both.filter(is_same)
    agreed = (
        open_nets.join(same.select(*KEY, "message"), on=KEY, how="inner")
        .sort("net")
        .select("net", "ccp_bic", "message", subject=filled("net/{}", "net"))
    )
    # What differs is shown against the nets it may still be about; when all are agreed already, against all of them.
    shown = both.with_columns(
        our_quantity=pl.when(pl.col("open_nets") > 0).then("open_quantity").otherwise("all_quantity"),
        our_cash=pl.when(pl.col("open_nets") > 0).then("open_cash").otherwise("all_cash"),
        their_cash=(pl.col("cash_e4") // _unit()).cast(pl.Int128),
    )
    return Compared(
        agreed,
        same.select(*KEY, "subject"),
        pl.concat(
            [
                _refused(shown.filter(is_ours & is_theirs & ~is_same), "obligation_differs"),
                _refused(shown.filter(is_ours & ~is_theirs & (pl.col("open_nets") > 0)), "obligation_missing"),
                _refused(shown.filter(~is_ours), "obligation_unknown"),
            ]
        ),
    )


def _total(column: str, chosen: pl.Expr | None = None) -> pl.Expr:
    values = pl.col(column) if chosen is None else pl.col(column).filter(chosen)
    return values.cast(pl.Int128).sum()


def _refused(rows: pl.DataFrame, reason: str) -> pl.DataFrame:
    told = refused(
        rows,
        reason,
        subject=pl.col("subject"),
        facts={
            **{name: pl.col(name) for name in KEY},
            "direction_zh": pl.col("direction").replace_strict(DIRECTIONS_ZH, return_dtype=pl.String),
            "ours_quantity": _quantity("our_quantity"),
            "ours_cash": decimal_text(pl.col("our_cash"), pl.col("scale")),
            "theirs_quantity": _quantity("quantity_micro"),
            "theirs_cash": _their_cash(),
        },
        # The larger side: so much may be missing on the day.
        money_minor=pl.max_horizontal("our_cash", "their_cash"),
        currency=pl.col("currency"),
    )
    return told.hstack(rows.select("message", "deadline"))


def _quantity(column: str) -> pl.Expr:
    return decimal_text(pl.col(column), pl.lit(6)).str.strip_chars_end("0").str.strip_chars_end(".")


def _their_cash() -> pl.Expr:
    """In the currency's decimals, or in all four of the file when the CCP names parts of a minor unit."""
    fits = pl.col("cash_e4") % _unit() == 0
    return (
        pl.when(fits)
        .then(decimal_text(pl.col("their_cash"), pl.col("scale")))
        .otherwise(decimal_text(pl.col("cash_e4"), pl.lit(_E4)))
    )


def _unit() -> pl.Expr:
    """One minor unit of the currency in ten-thousandths."""
    return pl.col("scale").replace_strict({s: 10 ** (_E4 - s) for s in range(_E4 + 1)}, return_dtype=pl.Int128)
