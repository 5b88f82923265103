"""Reading and building messages, beside taking the same bytes apart and nothing else. 报文基准"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import TypeVar

import polars as pl
from lxml import etree

from nostro.front.bench import Row, peak_mb
from nostro.messages import fix
from nostro.messages.iso20022 import sese023
from nostro.messages.mt import instructions as mt541
from nostro.messages.shapes import Built, Parsed

SENDER, RECEIVER = "FCEUDEFFXXX", "FCKDDEFFXXX"
DAY = date(2026, 10, 13)
T = TypeVar("T")


def measure(executions: int = 500_000, instructions: int = 150_000) -> Iterator[Row]:
    """Three dialects, each read with every check beside the barest loop over the same bytes."""
    stamp = "20261013-06:00:00.000"
    yield from _dialect(
        "fix",
        _executions(executions),
        lambda frame: fix.build_executions(frame, sender="OMS", target="NOSTRO", sending_time=stamp),
        fix.read_executions,
        lambda data: [dict(f.split(b"=", 1) for f in line.split(b"\x01") if f) for line in data.splitlines()],
        "splitting each line into tags in plain Python",
    )
    frame = _instructions(instructions)
    yield from _dialect(
        "mt541",
        frame,
        lambda rows: mt541.build_instructions(rows, sender=SENDER, receiver=RECEIVER),
        mt541.read_instructions,
        lambda data: [message.split(b"\r\n:") for message in data.split(b"$")],
        "splitting each message into fields in plain Python",
    )
    created = datetime(2026, 10, 13, 6, tzinfo=UTC)
    yield from _dialect(
        "sese.023",
        frame,
        lambda rows: sese023.build_instructions(rows, sender=SENDER, receiver=RECEIVER, created=created),
        sese023.read_instructions,
        lambda data: [etree.fromstring(line) for line in data.splitlines()],
        "lxml parsing each message and nothing else",
    )


def _dialect(
    name: str,
    frame: pl.DataFrame,
    build: Callable[[pl.DataFrame], Built],
    read: Callable[[bytes], Parsed],
    bare: Callable[[bytes], object],
    peer: str,
) -> Iterator[Row]:
    building, built = _timed(lambda: build(frame))
    reading, parsed = _timed(lambda: read(built.data))
    assert parsed.good.height == frame.height
    assert parsed.bad.is_empty()
    barely, _ = _timed(lambda: bare(built.data))
    yield Row(f"{name}/build", frame.height, building, barely / building, peer, peak_mb())
    yield Row(f"{name}/read", frame.height, reading, barely / reading, peer, peak_mb())


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def _executions(count: int) -> pl.DataFrame:
    number = pl.int_range(count)
    return pl.select(
        exec_id=pl.concat_str(pl.lit("X"), number.cast(pl.String)),
        order_id=pl.concat_str(pl.lit("O"), number.cast(pl.String)),
        book=pl.lit("FLOW"),
        isin=pl.lit("DE0007164600"),
        side=pl.when(number % 2 == 0).then(pl.lit("buy")).otherwise(pl.lit("sell")),
        quantity_micro=(number % 1000 + 1) * 1_000_000,
        price_micro=number % 100_000 + 10_000_000,
        currency=pl.lit("EUR"),
        trade_date=pl.lit(DAY),
        settle_date=pl.lit(date(2026, 10, 15)),
        mic=pl.lit("XETR"),
        counterparty_bic=pl.lit("FCAADEFFXXX"),
        ccp_bic=pl.lit("FCPDDEFFXXX"),
        transact_time=pl.lit("20261013-08:00:00.000"),
    )


def _instructions(count: int) -> pl.DataFrame:
    number = pl.int_range(count)
    return pl.select(
        reference=pl.concat_str(pl.lit("EUB"), number.cast(pl.String).str.zfill(13)),
        direction=pl.when(number % 2 == 0).then(pl.lit("receive")).otherwise(pl.lit("deliver")),
        isin=pl.lit("DE0007164600"),
        quantity_micro=(number % 1000 + 1) * 1_000_000,
        amount_minor=number + 1_000,
        currency=pl.lit("EUR"),
        trade_date=pl.lit(DAY),
        settle_date=pl.lit(date(2026, 10, 15)),
        account=pl.lit("EUB-DE-SEC01"),
        party_bic=pl.lit(SENDER),
        counterparty_bic=pl.lit("FCAADEFFXXX"),
        place_bic=pl.lit("FCDDDEFFXXX"),
    )
