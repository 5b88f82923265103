"""Comparing totals that are stored with totals that were added up again. 重算核对"""

import polars as pl

from nostro.kernel.frames import filled

WRITTEN = filled("{} / {}", "debit_minor", "credit_minor")


def differences(stored: pl.DataFrame, replayed: pl.DataFrame) -> pl.DataFrame:
    """Accounts whose totals differ: account, stored and replayed as "debits / credits". No row is "0 / 0".

    Both frames have the columns of TOTALS, each account once.
    """
    return (
        stored.select("account", stored=WRITTEN)
        .join(replayed.select("account", replayed=WRITTEN), on="account", how="full", coalesce=True)
        .with_columns(pl.col("stored", "replayed").fill_null("0 / 0"))
        .filter(pl.col("stored") != pl.col("replayed"))
        .sort("account")
    )
