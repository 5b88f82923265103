"""The columns in which transfers, accounts and totals are spoken of. 总账数据结构"""

from typing import Final

import polars as pl

TRANSFER: Final = pl.Schema(
    {
        "id": pl.Int64,
        "debit": pl.Int64,
        "credit": pl.Int64,
        "asset": pl.Int32,
        "amount_minor": pl.Int64,
        "event": pl.Int64,
        "business_date": pl.Date,
        "link": pl.Int64,
    }
)
"""A transfer, and what makes two of one id the same."""

ACCOUNT: Final = pl.Schema(
    {
        "account": pl.Int64,
        "asset": pl.Int32,
        "floor_minor": pl.Int64,
        "ceiling_minor": pl.Int64,
        "closed_from": pl.Date,
        "debit_minor": pl.Int64,
        "credit_minor": pl.Int64,
    }
)
"""An account as it stands before the batch. Null floor, ceiling or closing date: there is none."""

TOTALS: Final = pl.Schema({"account": pl.Int64, "debit_minor": pl.Int64, "credit_minor": pl.Int64})
