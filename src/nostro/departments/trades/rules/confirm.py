"""Does the counterparty see our bilateral trade as we do? 交易确认比对

Two levels. A confirmation pairs with a trade of its order when instrument, side, quantity, currency, dates and
counterparty agree; a pair is confirmed when the net amounts differ by no more than the currency's tolerance.
Source: FIX 4.4 volume 5, Confirmation; Delegated Regulation (EU) 2018/1229 art. 2 (what a confirmation contains).
"""

from collections.abc import Mapping
from typing import Final

import polars as pl

from nostro.departments.trades.rules.validate import written_micro
from nostro.kernel.frames import filled, refused
from nostro.kernel.money import currency_scale

PAIRING: Final = ("isin", "side", "quantity_micro", "currency", "trade_date", "settle_date", "counterparty_bic")
NO_TOLERANCE: Final[Mapping[str, int]] = {}
"""Minor units by currency; a currency that is not named has none."""
REASONS: Final = ("confirm_differs", "confirm_missing")
_KEY: Final = ("order_id", *PAIRING)


def confirm(
    trades: pl.DataFrame, confirms: pl.DataFrame, tolerances: Mapping[str, int] = NO_TOLERANCE
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(trade `id`, `message` and `confirm_id` of what agrees, by trade; REFUSED with `id` of the trade).

    trades    bilateral and not confirmed yet: id, exec_id, order_id, PAIRING, net_minor
    confirms  not used yet: message, confirm_id, order_id, PAIRING, net_minor; those for other orders change nothing
    An order with n trades is judged by its last n confirmations: whoever corrects one sends it again. A pair whose
    amounts are equal goes before one whose amounts are near, and an earlier trade before a later one.
    """
    ours, theirs = trades.sort("id"), _last_words(trades, confirms)
    agreed = []
    for keys in ((*_KEY, "net_minor"), _KEY):
        pairs = _pairs(ours, theirs, keys)
        limit = (
            pl.col("currency").replace_strict(dict(tolerances), default=0, return_dtype=pl.Int64) if tolerances else 0
        )
        pairs = pairs.filter((pl.col("net_minor").cast(pl.Int128) - pl.col("their net_minor")).abs() <= limit)
        agreed.append(pairs.select("id", "message", "confirm_id"))
        ours = ours.join(pairs, on="id", how="anti", maintain_order="left")
        theirs = theirs.join(pairs, on="message", how="anti", maintain_order="left")
    differing = _pairs(ours, theirs, _KEY)
    ours_left = ours.join(differing, on="id", how="anti", maintain_order="left")
    theirs_left = theirs.join(differing, on="message", how="anti", maintain_order="left")
    others = _pairs(ours_left, theirs_left, ("order_id",))
    missing = ours_left.join(others, on="id", how="anti", maintain_order="left")
    wrong = pl.concat([_differs(pl.concat([differing, others])), _missing(missing)])
    return pl.concat(agreed).sort("id"), wrong.sort("id")


def _last_words(trades: pl.DataFrame, confirms: pl.DataFrame) -> pl.DataFrame:
    counts = trades.group_by("order_id").agg(trades=pl.len())
    return (
        confirms.sort("message", descending=True)
        .join(counts, on="order_id", how="inner", maintain_order="left")
        .filter(pl.int_range(pl.len()).over("order_id") < pl.col("trades"))
        .drop("trades")
    )


def _pairs(ours: pl.DataFrame, theirs: pl.DataFrame, keys: tuple[str, ...]) -> pl.DataFrame:
    """Trades and confirmations that agree on these columns, each used once. Theirs are called "their ..."."""
    rank = pl.int_range(pl.len()).over(keys)
    named = {name: f"their {name}" for name in (*PAIRING, "net_minor")}
    told = theirs.with_columns(*(pl.col(name).alias(alias) for name, alias in named.items()), rank=rank).select(
        *keys, "rank", "message", "confirm_id", *named.values()
    )
    return ours.with_columns(rank=rank).join(told, on=[*keys, "rank"], how="inner", maintain_order="left").drop("rank")


def _differs(pairs: pl.DataFrame) -> pl.DataFrame:
    decimals = pl.col("currency").replace_strict(_decimals(pairs["currency"]), return_dtype=pl.Int64)
    shown = {
        **{name: (pl.col(name), pl.col(f"their {name}")) for name in PAIRING},
        "quantity": (written_micro(pl.col("quantity_micro")), written_micro(pl.col("their quantity_micro"))),
        "net": (_written(pl.col("net_minor"), decimals), _written(pl.col("their net_minor"), decimals)),
    }
    del shown["quantity_micro"]
    told = [
        pl.when(mine != other).then(filled("{} {} / {}", pl.lit(name), mine, other))
        for name, (mine, other) in shown.items()
    ]
    return _refusals(
        pairs,
        "confirm_differs",
        {"confirm_id": pl.col("confirm_id"), "differences": pl.concat_str(told, separator="; ", ignore_nulls=True)},
    )


def _missing(trades: pl.DataFrame) -> pl.DataFrame:
    return _refusals(trades, "confirm_missing", {})


def _refusals(trades: pl.DataFrame, reason: str, facts: Mapping[str, pl.Expr]) -> pl.DataFrame:
    told = refused(
        trades,
        reason,
        subject=filled("execution/{}", pl.col("exec_id")),
        facts={
            "exec_id": pl.col("exec_id"),
            "order_id": pl.col("order_id"),
            "counterparty": pl.col("counterparty_bic"),
            **facts,
        },
        money_minor=pl.col("net_minor"),
        currency=pl.col("currency"),
    )
    return told.hstack(trades.select("id"))


def _decimals(currencies: pl.Series) -> dict[str, int]:
    return {"": 0} | {code: currency_scale(code) for code in currencies.unique().to_list()}


def _written(minor: pl.Expr, decimals: pl.Expr) -> pl.Expr:
    digits = minor.cast(pl.Int128).abs().cast(pl.String).str.pad_start(5, "0")
    sign = pl.when(minor < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    whole = (
        digits.str.head(digits.str.len_chars().cast(pl.Int64) - decimals).str.strip_chars_start("0").replace("", "0")
    )
    small = pl.when(decimals > 0).then("." + digits.str.tail(decimals)).otherwise(pl.lit(""))
    return sign + whole + small
