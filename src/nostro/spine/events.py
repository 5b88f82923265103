"""The event log: the only way to say that something happened. One chain per entity, one link per write. 事件日志

An event's digest covers everything of it but the wall-clock time. A block keeps the digests of its events (`leaves`), so that
a changed event is named even when its own digest was recomputed; `link` chains blocks with their times, `seal` without.
"""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Final

import polars as pl
import psycopg
from django.db import connection

from nostro.kernel.events import Fact
from nostro.spine import clock
from nostro.spine.database import copy_in, raw

BLOCK_EVENTS_MAX: Final = 65_536
GENESIS: Final = bytes(32)
MACHINE: Final = "nostro"
EVENT: Final = pl.Schema(
    {
        "entity_id": pl.Int64,
        "seq": pl.Int64,
        "business_date": pl.Date,
        "kind": pl.String,
        "subject": pl.String,
        "actor": pl.String,
        "cause": pl.Int64,
        "message": pl.Int64,
        "content": pl.String,
    }
)
"""What a digest covers, in this order."""


@dataclass(frozen=True, slots=True)
class Head:
    """The end of an entity's chain."""

    number: int
    last_seq: int
    link: bytes
    seal: bytes


def digests(events: pl.DataFrame) -> list[bytes]:
    """The sha256 of each event, over the columns of EVENT joined by the unit separator, which no column can contain."""
    texts = events.select(
        pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in EVENT], separator="\x1f")
    ).to_series()
    return [sha256(text.encode()).digest() for text in texts.to_list()]


def link_of(before: bytes, number: int, recorded_at_micros: int, leaves: bytes) -> bytes:
    """A block's place in the chain, with the wall-clock time at which it was recorded."""
    return sha256(b"%b%d|%d|%b" % (before, number, recorded_at_micros, leaves)).digest()


def seal_of(before: bytes, business_date: date, leaves: bytes) -> bytes:
    """What was decided up to here and in which order; the same on every machine."""
    return sha256(b"%b%b|%b" % (before, business_date.isoformat().encode(), leaves)).digest()


def head(entity_id: int, *, lock: bool = False) -> Head:
    """The end of the chain. With `lock`, nobody else writes events of this entity until the transaction ends."""
    with connection.cursor() as cursor:
        if lock:
            cursor.execute("SELECT id FROM spine_entity WHERE id = %s FOR UPDATE", [entity_id])
            assert cursor.fetchone(), f"entity {entity_id} exists before it has events"
        cursor.execute(
            "SELECT number, last_seq, link, seal FROM spine_block WHERE entity_id = %s ORDER BY number DESC LIMIT 1",
            [entity_id],
        )
        row = cursor.fetchone()
    return Head(row[0], row[1], bytes(row[2]), bytes(row[3])) if row else Head(0, 0, GENESIS, GENESIS)


def emit(entity_id: int, day: date, fact: type[Fact], rows: pl.DataFrame, *, actor: str = MACHINE) -> pl.Series:
    """Append one event for each row, in order, and return their sequence numbers (Int64, named "seq").

    rows  `subject`, the fact's own fields, and if they are known `cause` (a sequence number) and `message`; nothing else
          is looked at. A fact's field that is missing is a mistake of ours.
    """
    if rows.is_empty():
        return pl.Series("seq", [], pl.Int64)
    fields = fact.columns()
    missing = [name for name in ["subject", *fields] if name not in rows.columns]
    assert not missing, f"{fact.kind()} lacks {missing}"
    end = head(entity_id, lock=True)
    events = rows.select(
        entity_id=pl.lit(entity_id, pl.Int64),
        seq=pl.int_range(end.last_seq + 1, end.last_seq + 1 + pl.len(), dtype=pl.Int64),
        business_date=pl.lit(day),
        kind=pl.lit(fact.kind()),
        subject=pl.col("subject"),
        actor=pl.lit(actor),
        cause=pl.col("cause").cast(pl.Int64) if "cause" in rows.columns else pl.lit(None, pl.Int64),
        message=pl.col("message").cast(pl.Int64) if "message" in rows.columns else pl.lit(None, pl.Int64),
        content=pl.struct(fields).struct.json_encode(),
    )
    _append(end, day, events)
    return events["seq"]


def emit_one(
    entity_id: int,
    day: date,
    fact: Fact,
    subject: str,
    *,
    cause: int | None = None,
    message: int | None = None,
    actor: str = MACHINE,
) -> int:
    """Append a single event and return its sequence number."""
    told = {name: getattr(fact, name) for name in fact.columns()}
    row = pl.DataFrame([{"subject": subject, "cause": cause, "message": message, **told}], infer_schema_length=None)
    return int(emit(entity_id, day, type(fact), row, actor=actor)[0])


def _append(end: Head, day: date, events: pl.DataFrame) -> None:
    now = clock.now()
    blocks = []
    for part in events.iter_slices(BLOCK_EVENTS_MAX):
        leaf = digests(part)
        leaves = b"".join(leaf)
        number = end.number + 1
        end = Head(
            number,
            int(part["seq"][-1]),
            link_of(end.link, number, round(now.timestamp() * 1_000_000), leaves),
            seal_of(end.seal, day, leaves),
        )
        copy_in(
            "spine_event",
            part.with_columns(
                recorded_at=pl.lit(now).cast(pl.Datetime("us", "UTC")), digest=pl.Series(leaf, dtype=pl.Binary)
            ),
        )
        blocks.append(
            (int(part["entity_id"][0]), number, int(part["seq"][0]), end.last_seq, day, now, leaves, end.link, end.seal)
        )
    with psycopg.Cursor(raw()) as cursor:  # binds on the server, so that the leaves travel as bytes
        cursor.executemany(
            "INSERT INTO spine_block (entity_id, number, first_seq, last_seq, business_date, recorded_at, leaves, link, seal)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            blocks,
        )


def position(entity_id: int, consumer: str) -> int:
    """The last event this consumer has read of the entity's log; 0 before the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq FROM spine_reader WHERE entity_id = %s AND consumer = %s", [entity_id, consumer])
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def advance(entity_id: int, consumer: str, seq: int) -> None:
    """The consumer has read up to here. Numbers are given under the entity's lock, so there is no gap behind."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO spine_reader (entity_id, consumer, seq) VALUES (%s, %s, %s)"
            " ON CONFLICT (entity_id, consumer) DO UPDATE SET seq = excluded.seq",
            [entity_id, consumer, seq],
        )
