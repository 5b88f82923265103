"""What comes in is stored unaltered before anything is done with it; what goes out is stored before it is sent. 收发件箱

A message's number is its file's number shifted left by 24 bits, plus its place in the file from 1.
"""

from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Final

import polars as pl
import psycopg
from django.db import connection

from nostro.kernel.events.spine import MessageFileReceived, MessageFileSent
from nostro.kernel.frames import filled
from nostro.kernel.refusals import Refusal, Refused
from nostro.messages.shapes import Built
from nostro.spine import clock
from nostro.spine.database import copy_in, raw
from nostro.spine.events import emit_one

CHUNK_BYTES: Final = 4 * 1024 * 1024
ORDINAL_BITS: Final = 24


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of the inbox or outbox."""

    id: int
    kind: str
    sender: str
    name: str
    size: int
    duplicate_of: int | None

    def message(self, ordinal: pl.Expr) -> pl.Expr:
        """The numbers of its messages, from their places in the file."""
        return (pl.lit(self.id, pl.Int64) * (1 << ORDINAL_BITS)) + ordinal

    def subject(self, ordinal: pl.Expr) -> pl.Expr:
        """How exceptions name its messages: message/<file name>/<ordinal>."""
        return filled("message/{}/{}", pl.lit(self.name), ordinal)


def receive(entity_id: int, day: date, *, kind: str, sender: str, name: str, data: bytes) -> StoredFile | None:
    """Store a file that came in. Null when this very file was stored before: nothing changes.

    Refuses another content under a name that was used before. The same bytes under another name are stored and marked.
    """
    digest = sha256(data).hexdigest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM spine_entity WHERE id = %s FOR UPDATE", [entity_id])
        cursor.execute(
            "SELECT sha256 FROM spine_messagefile WHERE entity_id = %s AND direction = 'in' AND name = %s",
            [entity_id, name],
        )
        before = cursor.fetchone()
        if before and before[0] == digest:
            return None
        if before:
            raise Refused(Refusal("file_changed", f"file/{name}", facts={"before": before[0], "now": digest}))
        cursor.execute(
            "SELECT min(id) FROM spine_messagefile"
            " WHERE entity_id = %s AND direction = 'in' AND kind = %s AND sender = %s AND sha256 = %s",
            [entity_id, kind, sender, digest],
        )
        duplicate_of = cursor.fetchone()[0]
    stored = _store(entity_id, day, "in", kind, sender, name, data, digest, duplicate_of)
    emit_one(entity_id, day, MessageFileReceived(name, sender, kind, digest, len(data)), f"file/{name}")
    return stored


def send(entity_id: int, day: date, *, kind: str, receiver: str, name: str, built: Built) -> StoredFile:
    """Store a file that goes out, with where each message stands in it. `release` writes it to the exchange folder later."""
    digest = sha256(built.data).hexdigest()
    stored = _store(entity_id, day, "out", kind, receiver, name, built.data, digest, None)
    record(entity_id, stored, built.index.with_columns(outcome=pl.lit("sent"), reason=pl.lit(None, pl.String)))
    emit_one(entity_id, day, MessageFileSent(name, kind, digest, built.index.height), f"file/{name}")
    return stored


def _store(
    entity_id: int,
    day: date,
    direction: str,
    kind: str,
    sender: str,
    name: str,
    data: bytes,
    digest: str,
    twin: int | None,
) -> StoredFile:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) + 1 FROM spine_messagefile WHERE entity_id = %s", [entity_id])
        number = int(cursor.fetchone()[0])
        cursor.execute(
            "INSERT INTO spine_messagefile (entity_id, id, direction, kind, sender, name, size, sha256, business_date,"
            " recorded_at, duplicate_of) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [entity_id, number, direction, kind, sender, name, len(data), digest, day, clock.now(), twin],
        )
    # Bytes as bytes: a text protocol doubles them and makes both sides spell every one.
    statement = "COPY spine_messagechunk (entity_id, file, number, content) FROM STDIN (FORMAT binary)"
    with raw().cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["int2", "int4", "int4", "bytea"])
        for place, start in enumerate(range(0, len(data), CHUNK_BYTES)):
            copy.write_row((entity_id, number, place, data[start : start + CHUNK_BYTES]))
    return StoredFile(number, kind, sender, name, len(data), twin)


def unread(entity_id: int, kinds: list[str]) -> list[StoredFile]:
    """Files of these kinds that came in, in order, and that no step has read yet; copies of earlier ones left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, kind, sender, name, size, duplicate_of FROM spine_messagefile WHERE entity_id = %s"
            " AND direction = 'in' AND kind = ANY(%s) AND read_by IS NULL AND duplicate_of IS NULL ORDER BY id",
            [entity_id, kinds],
        )
        return [StoredFile(*row) for row in cursor.fetchall()]


def content(entity_id: int, file: int) -> bytes:
    """A file's bytes, as they came or went."""
    with psycopg.Cursor(raw()) as cursor:
        cursor.execute(
            "SELECT content FROM spine_messagechunk WHERE entity_id = %s AND file = %s ORDER BY number",
            [entity_id, file],
            binary=True,
        )
        return b"".join(row[0] for row in cursor.fetchall())


def record(entity_id: int, file: StoredFile, items: pl.DataFrame, *, read_by: str | None = None) -> None:
    """Say what became of each message of a file, in the transaction of the effects; with `read_by`, the file is read.

    items  WHERE columns, `key`, `outcome` (done, duplicate, refused, sent), `reason`
    """
    columns = ["ordinal", "start", "length", "key", "outcome", "reason"]
    copy_in(
        "spine_messageitem",
        items.select(*columns, entity_id=pl.lit(entity_id), file=pl.lit(file.id)),
    )
    if read_by:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE spine_messagefile SET read_by = %s WHERE entity_id = %s AND id = %s",
                [read_by, entity_id, file.id],
            )


def original(entity_id: int, message: int) -> tuple[str, bytes]:
    """File name and bytes of one message, exactly as it came in or went out."""
    file, ordinal = message >> ORDINAL_BITS, message & ((1 << ORDINAL_BITS) - 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT f.name, i.start, i.length FROM spine_messageitem i JOIN spine_messagefile f"
            " ON f.entity_id = i.entity_id AND f.id = i.file WHERE i.entity_id = %s AND i.file = %s AND i.ordinal = %s",
            [entity_id, file, ordinal],
        )
        row = cursor.fetchone()
        if row is None:
            raise Refused(Refusal("message_unknown", f"message/{message}"))
        name, start, length = row
        first, last = start // CHUNK_BYTES, (start + max(length, 1) - 1) // CHUNK_BYTES
        cursor.execute(
            "SELECT content FROM spine_messagechunk WHERE entity_id = %s AND file = %s AND number BETWEEN %s AND %s"
            " ORDER BY number",
            [entity_id, file, first, last],
        )
        window = b"".join(bytes(chunk[0]) for chunk in cursor.fetchall())
    offset = start - first * CHUNK_BYTES
    return name, window[offset : offset + length]
