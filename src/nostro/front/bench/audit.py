"""Verifying a million events, beside hashing alone. 审计基准"""

import time
from collections.abc import Iterator
from datetime import date
from hashlib import sha256

import polars as pl
from django.db import transaction

from nostro.front.bench import Row, peak_mb
from nostro.kernel.events.trades import TradeConfirmed
from nostro.kernel.frames import filled
from nostro.spine import audit, events
from nostro.spine.database import raw
from nostro.spine.entities import house

SECONDS_MAX = 10.0
"""What verifying a million events may take: the limit the project set itself."""


def measure(count: int = 1_000_000) -> Iterator[Row]:
    """Appends events, verifies them all, and hashes as many texts of the same length in memory."""
    entity = house().id
    rows = pl.DataFrame({"i": range(count)}).select(
        subject=filled("trade/{}", pl.col("i")),
        confirm_id=filled("C{}", pl.col("i")),
        net_minor=pl.col("i"),
        currency=pl.lit("EUR"),
    )
    start = time.perf_counter()
    with transaction.atomic():
        events.emit(entity, date(2026, 10, 13), TradeConfirmed, rows)
    emitted = time.perf_counter() - start
    yield Row("audit/append", count, emitted, 0.0, "no peer: hashing, chaining and COPY together", peak_mb())
    start = time.perf_counter()
    for number in range(count):
        sha256(
            b"0|%d|2026-10-13|trades.TradeConfirmed/1|trade/%d|nostro|||confirm and amount and EUR" % (number, number)
        )
    bare = time.perf_counter() - start
    start = time.perf_counter()
    flaws = audit.verify(raw(), entity)
    seconds = time.perf_counter() - start
    assert not flaws, flaws
    yield Row(
        "audit/verify",
        count,
        seconds,
        SECONDS_MAX * count / 1_000_000 / seconds,
        f"limit of {SECONDS_MAX:.0f} s a million",
        peak_mb(),
    )
    yield Row("audit/verify_to_hash", count, seconds, bare / seconds, "sha256 of as many texts in memory", peak_mb())
