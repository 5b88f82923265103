"""Proving that nothing in the log was changed: over the live database, a copy, or against an exported seal. 审计校验

`verify` finds every change that does not rewrite the whole chain from there on. Whoever rewrites all of it is found by
`check_seal`, with a seal that `export_seal` gave earlier and that was kept where they can't reach it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Any, Final

import numpy as np
import polars as pl
import psycopg
from psycopg.pq import TransactionStatus

from nostro.kernel.refusals import Refusal, Refused
from nostro.spine.database import raw, read_frame
from nostro.spine.entities import Entity
from nostro.spine.events import EVENT, GENESIS, digests, link_of, seal_of

EVENTS_AT_ONCE: Final = 200_000
MOVES_TRIED_MAX: Final = 1_000_000
DIGEST_BYTES: Final = 32

Progress = Callable[[int, int, int], None]
"""Told the entity, how many of its events were checked, and how many there are."""

_BLOCK = pl.Schema(
    {
        "number": pl.Int64,
        "first_seq": pl.Int64,
        "last_seq": pl.Int64,
        "business_date": pl.Date,
        "recorded_at": pl.Int64,
        "link": pl.Binary,
        "seal": pl.Binary,
    }
)
_STORED = pl.Schema([*EVENT.items(), ("recorded_at", pl.Int64()), ("digest", pl.Binary())])
_MICROS = "(extract(epoch FROM recorded_at) * 1000000)::bigint"


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something in the books that is not as it was written.

    what     for programs: a key of SENTENCES, or of those of the ledger's own `verify`
    subject  "event/17", "block/3"
    facts    what is there and what should be, as text
    """

    entity_id: int
    what: str
    subject: str
    facts: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        known = ", ".join(f"{name} {value}" for name, value in self.facts.items())
        return f"{self.subject} of entity {self.entity_id}: {self.what}{f' ({known})' if known else ''}"


SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "event_changed": ("was changed after it was written", "写入后被改动"),
    "event_digest_changed": ("is as it was, but the digest beside it was changed", "内容未变,但其摘要被改动"),
    "event_missing": ("was taken away", "被删除"),
    "event_inserted": ("was never written by us", "并非本系统写入"),
    "event_moved": ("now stands under another number", "被移到其他序号"),
    "event_time_changed": ("has another time than its block", "记录时间与所在链块不一致"),
    "block_missing": ("was taken away", "被删除"),
    "block_out_of_sequence": ("does not follow the one before it", "与前一链块不连续"),
    "block_damaged": ("does not keep one digest for each of its events", "摘要数量与事件数量不符"),
    "link_broken": ("does not follow from its content and the link before it", "链接与内容及前一链接不符"),
    "seal_broken": ("does not follow from its content and the seal before it", "封印与内容及前一封印不符"),
    "chain_cut": ("was sealed and is not there any more", "曾被封印,现已不存在"),
    "chain_rewritten": ("is not the one that was sealed", "与已封印的链块不符"),
}
"""What each flaw means, in English and Chinese: said of its subject."""


def sentence(flaw: Flaw, language: str = "en", sentences: Mapping[str, tuple[str, str]] = SENTENCES) -> str:
    """A flaw in words: what it is about, what is wrong with it, and the facts."""
    en, zh = sentences[flaw.what]
    known = ", ".join(f"{name} {value}" for name, value in flaw.facts.items())
    said = f"{flaw.subject} {zh}" if language.startswith("zh") else f"{flaw.subject} {en}"
    return f"{said}: {known}" if known else said


@dataclass(frozen=True, slots=True)
class _Block:
    number: int
    first: int
    last: int
    day: date
    micros: int
    link: bytes
    seal: bytes

    @property
    def events(self) -> int:
        return self.last - self.first + 1


def verify(connection: psycopg.Connection[Any], entity_id: int | None, progress: Progress | None = None) -> list[Flaw]:
    """Every flaw in the log of an entity, or of all of them: recomputes each event's digest, each link and each seal.

    The connection's role must see every row. Outside a transaction it opens one of its own, so that it sees one moment.
    A changed event is named even when its own digest was recomputed, since its block keeps the digest it had.
    """
    with _one_moment(connection):
        entities = _with_events(connection) if entity_id is None else [entity_id]
        return [flaw for entity in entities for flaw in _verify(connection, entity, progress)]


def export_seal(entity: Entity, day: date) -> dict[str, str | int]:
    """The end of the entity's chain on a business date: keep it where nobody who can write the database can reach it.

    For `check_seal`; JSON-able. Refuses a date up to which nothing was recorded.
    """
    blocks = _blocks(raw(), entity.id, "AND business_date <= %s ORDER BY number DESC LIMIT 1", [day])
    if not blocks:
        raise Refused(Refusal("nothing_to_seal", f"day/{day}", facts={"entity": entity.code}))
    end = blocks[0]
    return {
        "entity": entity.code,
        "entity_id": entity.id,
        "day": day.isoformat(),
        "block": end.number,
        "seq": end.last,
        "link": end.link.hex(),
        "seal": end.seal.hex(),
    }


def check_seal(connection: psycopg.Connection[Any], exported: Mapping[str, str | int]) -> list[Flaw]:
    """Whether the chain up to an exported seal is still the one that was sealed, in this database or any copy of it.

    It recomputes the links and compares; `verify` shows besides that the events are those of the links.
    """
    entity, number = int(exported["entity_id"]), int(exported["block"])
    with _one_moment(connection):
        blocks = _blocks(connection, entity, "AND number <= %s ORDER BY number", [number])
        flaws = _broken_chain(connection, entity, blocks)
    end = blocks[-1] if blocks and blocks[-1].number == number else None
    if end is None:
        last = str(blocks[-1].number) if blocks else "0"
        return [*flaws, Flaw(entity, "chain_cut", f"block/{number}", {"last": last, "sealed_on": str(exported["day"])})]
    found = {"seq": str(end.last), "link": end.link.hex(), "seal": end.seal.hex()}
    other = {name: value for name, value in found.items() if value != str(exported[name])}
    if other:
        facts = {name: f"{value}, sealed {exported[name]}" for name, value in other.items()}
        flaws.append(Flaw(entity, "chain_rewritten", f"block/{number}", facts))
    return flaws


@contextmanager
def _one_moment(connection: psycopg.Connection[Any]) -> Iterator[None]:
    if connection.info.transaction_status != TransactionStatus.IDLE:
        yield
        return
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _with_events(connection: psycopg.Connection[Any]) -> list[int]:
    found: list[int] = []
    last = -(2**15)
    while True:
        # One step in each index an entity; asking for the distinct ones would read all events.
        row = connection.execute(
            "SELECT least((SELECT min(entity_id) FROM spine_event WHERE entity_id > %(last)s),"
            " (SELECT min(entity_id) FROM spine_block WHERE entity_id > %(last)s))",
            {"last": last},
        ).fetchone()
        if row is None or row[0] is None:
            return found
        last = int(row[0])
        found.append(last)


def _blocks(connection: psycopg.Connection[Any], entity_id: int, rest: str, values: list[object]) -> list[_Block]:
    frame = read_frame(
        f"SELECT number, first_seq, last_seq, business_date, {_MICROS}, link, seal"  # noqa: S608  # our own text
        f" FROM spine_block WHERE entity_id = %s {rest}",
        [entity_id, *values],
        schema=_BLOCK,
        on=connection,
    )
    return [_Block(*row) for row in frame.iter_rows()]


def _leaves(connection: psycopg.Connection[Any], entity_id: int, blocks: list[_Block]) -> list[bytes]:
    with psycopg.Cursor(connection) as cursor:
        cursor.execute(
            "SELECT leaves FROM spine_block WHERE entity_id = %s AND number BETWEEN %s AND %s ORDER BY number",
            [entity_id, blocks[0].number, blocks[-1].number],
            binary=True,
        )
        return [bytes(row[0]) for row in cursor.fetchall()]


def _spans(blocks: list[_Block]) -> Iterator[list[_Block]]:
    span: list[_Block] = []
    for block in blocks:
        if span and block.last - span[0].first >= EVENTS_AT_ONCE:
            yield span
            span = []
        span.append(block)
    if span:
        yield span


def _broken_chain(connection: psycopg.Connection[Any], entity_id: int, blocks: list[_Block]) -> list[Flaw]:
    flaws: list[Flaw] = []
    before = None
    for span in _spans(blocks):
        leaves = _leaves(connection, entity_id, span)
        flaws += _broken_links(entity_id, before, span, leaves)
        before = span[-1]
    return flaws


def _broken_links(entity_id: int, before: _Block | None, blocks: list[_Block], leaves: list[bytes]) -> list[Flaw]:
    """What is wrong with the blocks themselves, each judged by the one stored before it: one break is one flaw."""
    flaws = []
    for block, leaf in zip(blocks, leaves, strict=True):
        subject = f"block/{block.number}"
        number, last, link, seal = (
            (before.number, before.last, before.link, before.seal) if before else (0, 0, GENESIS, GENESIS)
        )
        if block.number != number + 1:
            flaws += [Flaw(entity_id, "block_missing", f"block/{lost}") for lost in range(number + 1, block.number)]
        else:
            if block.first != last + 1:
                facts = {"first": str(block.first), "expected": str(last + 1)}
                flaws.append(Flaw(entity_id, "block_out_of_sequence", subject, facts))
            if link_of(link, block.number, block.micros, leaf) != block.link:
                flaws.append(Flaw(entity_id, "link_broken", subject))
            if seal_of(seal, block.day, leaf) != block.seal:
                flaws.append(Flaw(entity_id, "seal_broken", subject))
        if len(leaf) != DIGEST_BYTES * block.events:
            flaws.append(Flaw(entity_id, "block_damaged", subject, {"leaves": str(len(leaf) // DIGEST_BYTES)}))
        before = block
    return flaws


def _verify(connection: psycopg.Connection[Any], entity_id: int, progress: Progress | None) -> list[Flaw]:
    blocks = _blocks(connection, entity_id, "ORDER BY number", [])
    total = blocks[-1].last if blocks else 0
    flaws: list[Flaw] = []
    strange = _Strange()
    before, read_up_to = None, -(2**63)
    for span in _spans(blocks):
        leaves = _leaves(connection, entity_id, span)
        flaws += _broken_links(entity_id, before, span, leaves)
        if span[0].number != (before.number if before else 0) + 1:
            # The events of a lost block have nothing to be compared with, and the loss is one flaw already.
            read_up_to = max(read_up_to, span[0].first - 1)
        events = _events(connection, entity_id, read_up_to, span[-1].last)
        flaws += _compare(entity_id, span, leaves, events, strange)
        before, read_up_to = span[-1], span[-1].last
        if progress:
            progress(entity_id, span[-1].last, total)
    strange.rows.append(_events(connection, entity_id, read_up_to, 2**63 - 1))
    return flaws + strange.named(entity_id)


def _events(connection: psycopg.Connection[Any], entity_id: int, after: int, last: int) -> pl.DataFrame:
    return read_frame(
        f"SELECT {', '.join(EVENT)}, {_MICROS}, digest FROM spine_event"  # noqa: S608  # our own column list
        " WHERE entity_id = %s AND seq > %s AND seq <= %s ORDER BY seq",
        [entity_id, after, last],
        schema=_STORED,
        on=connection,
    )


def _compare(
    entity_id: int, blocks: list[_Block], leaves: list[bytes], events: pl.DataFrame, strange: "_Strange"
) -> list[Flaw]:
    recomputed, own = digests(events), events["digest"].to_list()
    seqs, micros = events["seq"].to_numpy(), events["recorded_at"].to_numpy()
    # Nothing to compare with: blocks whose leaves are damaged, and what stands between two blocks that have lost one.
    lost = [(b.first, b.last) for b, leaf in zip(blocks, leaves, strict=True) if len(leaf) != DIGEST_BYTES * b.events]
    lost += [(a.last + 1, b.first - 1) for a, b in pairwise(blocks) if b.number != a.number + 1]
    if (
        not lost
        and b"".join(recomputed) == b"".join(own) == b"".join(leaves)
        and np.array_equal(seqs, np.concatenate([np.arange(b.first, b.last + 1) for b in blocks]))
        and np.array_equal(micros, np.repeat([b.micros for b in blocks], [b.events for b in blocks]))
    ):
        return []
    flaws = []
    kept = {
        block.first + place: (leaf[place * DIGEST_BYTES : (place + 1) * DIGEST_BYTES], block.micros)
        for block, leaf in zip(blocks, leaves, strict=True)
        if len(leaf) == DIGEST_BYTES * block.events
        for place in range(block.events)
    }
    misfits = []
    for row, (seq, now, its_own, recorded) in enumerate(
        zip(seqs.tolist(), recomputed, own, micros.tolist(), strict=True)
    ):
        if any(first <= seq <= last for first, last in lost):
            continue
        leaf, block_micros = kept.pop(seq, (b"", recorded))
        if now != leaf:
            misfits.append(row)
        elif its_own != leaf:
            flaws.append(Flaw(entity_id, "event_digest_changed", f"event/{seq}"))
        if now != leaf and leaf:
            strange.places[seq] = leaf
        if recorded != block_micros:
            facts = {"micros": str(recorded), "block_micros": str(block_micros)}
            flaws.append(Flaw(entity_id, "event_time_changed", f"event/{seq}", facts))
    strange.places.update({seq: leaf for seq, (leaf, _) in kept.items()})
    strange.rows.append(events[misfits])
    return flaws


class _Strange:
    """Places without the event whose digest their block kept, and events whose digest is not kept at their place."""

    def __init__(self) -> None:
        self.places: dict[int, bytes] = {}
        self.rows: list[pl.DataFrame] = []

    def named(self, entity_id: int) -> list[Flaw]:
        rows = pl.concat(self.rows)
        moved = self._moved(rows)
        arrived = set(moved.values())
        present = dict(rows.select("seq", "subject").iter_rows())
        flaws = []
        for seq in sorted({*self.places, *present}):
            subject = f"event/{seq}"
            if seq in moved:
                flaws.append(Flaw(entity_id, "event_moved", subject, {"now_at": str(moved[seq])}))
            elif seq in self.places and seq in present:
                flaws.append(Flaw(entity_id, "event_changed", subject, {"subject": present[seq]}))
            elif seq in self.places:
                flaws.append(Flaw(entity_id, "event_missing", subject))
            elif seq not in arrived:
                flaws.append(Flaw(entity_id, "event_inserted", subject, {"subject": present[seq]}))
        return flaws

    def _moved(self, rows: pl.DataFrame) -> dict[int, int]:
        """Each place whose event stands elsewhere now, and where: it fits when it is given its old number back."""
        places = pl.DataFrame(
            {"seq": list(self.places), "leaf": list(self.places.values())}, schema={"seq": pl.Int64, "leaf": pl.Binary}
        )
        here = rows.rename({"seq": "now_at"})
        tried = here.join(places, left_on="digest", right_on="leaf")
        if rows.height * places.height <= MOVES_TRIED_MAX:
            # Its own digest may have been recomputed for its new place.
            tried = here.join(places.drop("leaf"), how="cross")
        return {
            place: now_at
            for place, now_at, digest in zip(
                tried["seq"].to_list(), tried["now_at"].to_list(), digests(tried), strict=True
            )
            if digest == self.places[place]
        }
