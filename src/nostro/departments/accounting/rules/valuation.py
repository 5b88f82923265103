"""What positions are worth at the close, and what brings the books to it. 估值"""

import polars as pl

from nostro.departments.accounting.rules.scales import of_currency
from nostro.kernel.frames import filled, gross_minor, refused
from nostro.kernel.money import INT64_MAX, INT64_MIN, MICRO


def value(positions: pl.DataFrame, prices: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Valued positions, those without a usable price, and the refused, each in the order given.

    positions  book, isin, quantity (in the instrument's `scale`, negative when short), currency, carrying_minor: cost
               and earlier valuations together, as the ledger has them
    prices     isin, price_micro, currency: usable prices of the day

    The valued have `price_micro`, `value_minor` = quantity x price rounded half up once, and `change_minor` = value -
    carrying. A position that was sold out is worth nothing whatever the price, and needs none; its carrying amount is
    the result of its sales. A price in another currency than the instrument's is no price. Refused: value_too_large.
    """
    priced = positions.join(
        prices.select("isin", "currency", "price_micro"), on=["isin", "currency"], how="left", maintain_order="left"
    )
    has_value = pl.col("price_micro").is_not_null() | (pl.col("quantity") == 0)
    units = pl.col("scale").replace_strict({s: 10 ** (MICRO - s) for s in range(MICRO + 1)}, return_dtype=pl.Int128)
    worth = gross_minor(
        pl.col("quantity").cast(pl.Int128) * units,
        pl.col("price_micro").fill_null(0),
        of_currency("currency", positions["currency"]),
    )
    valued = (
        priced.filter(has_value)
        .with_columns(value_minor=worth)
        .with_columns(change_minor=pl.col("value_minor") - pl.col("carrying_minor").cast(pl.Int128))
    )
    fits = pl.all_horizontal(pl.col(name).is_between(INT64_MIN, INT64_MAX) for name in ("value_minor", "change_minor"))
    too_large = valued.filter(~fits)
    return (
        valued.filter(fits).cast({"value_minor": pl.Int64, "change_minor": pl.Int64}),
        priced.filter(~has_value).drop("price_micro"),
        refused(
            too_large,
            "value_too_large",
            subject=filled("position/{}/{}", "book", "isin"),
            facts={
                "quantity": pl.col("quantity"),
                "price": pl.col("price_micro"),
                "currency": pl.col("currency"),
            },
        ),
    )
