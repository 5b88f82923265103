"""Posting a million transfers, beside the raw binary COPY of the same rows. 记账基准"""

import time
from collections.abc import Iterator
from datetime import date

import numpy as np
import polars as pl
from django.db import transaction

from nostro.front.bench import Row, peak_mb
from nostro.ledger import posting
from nostro.ledger.accounts import open_accounts
from nostro.ledger.assets import open_assets
from nostro.spine.entities import house

ACCOUNTS, DAY = 20_000, date(2026, 10, 13)


def measure(transfers: int = 1_000_000) -> Iterator[Row]:
    """Runs in a database of its own: nobody else's transfers are in the way."""
    entity = house().id
    with transaction.atomic():
        open_assets(pl.DataFrame({"id": [1], "code": ["EUR"], "scale": [2]}))
        wanted = pl.DataFrame({"code": [f"bench/{n}" for n in range(ACCOUNTS)], "asset_id": 1}).with_columns(
            floor_minor=pl.lit(None, pl.Int64), ceiling_minor=pl.lit(None, pl.Int64)
        )
        accounts = open_accounts(entity, DAY, wanted)["account"].to_numpy()
    frame = _transfers(accounts, transfers)
    start = time.perf_counter()
    with transaction.atomic():
        verdicts = posting.post(entity, frame)
    seconds = time.perf_counter() - start
    assert verdicts.height == transfers
    copied = _copy(entity, frame)
    yield Row("copy", transfers, copied, 1.0, "raw binary COPY into the same table", peak_mb())
    yield Row("batch", transfers, seconds, copied / seconds, "raw binary COPY of the same rows, same run", peak_mb())


def _transfers(accounts: np.ndarray, count: int) -> pl.DataFrame:
    random = np.random.default_rng(7)
    debit = random.integers(0, len(accounts), count)
    credit = (debit + random.integers(1, len(accounts), count)) % len(accounts)
    return pl.DataFrame(
        {
            "id": np.arange(1, count + 1),
            "debit": accounts[debit],
            "credit": accounts[credit],
            "asset": np.ones(count, dtype=np.int64),
            "amount_minor": random.integers(1, 1_000_000, count),
            "event": np.arange(1, count + 1),
            "link": np.zeros(count, dtype=np.int64),
        }
    ).with_columns(business_date=pl.lit(DAY))


def _copy(entity_id: int, frame: pl.DataFrame) -> float:
    """The same rows by COPY and nothing else, durable, into the same table, under numbers of their own."""
    other = frame.with_columns(pl.col("id") + frame.height)
    start = time.perf_counter()
    with transaction.atomic():
        posting.write_transfers(entity_id, other)
    return time.perf_counter() - start
