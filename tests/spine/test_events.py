"""The event log: numbered without a gap, chained, and never changed."""

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import polars as pl
import psycopg
import pytest
from django.db import connection, transaction

from nostro.kernel.events.spine import HoldLifted, HoldPlaced
from nostro.spine import clock, events
from nostro.spine.database import raw, read_frame

DAY = date(2026, 10, 13)
STORED = pl.Schema([*events.EVENT.items(), ("digest", pl.Binary())])


def placed(*subjects, **columns):
    return pl.DataFrame({"subject": list(subjects)}).with_columns(
        placed_by=pl.lit("risk"), reason=pl.lit("limit"), **columns
    )


def stored():
    return read_frame(
        f"SELECT {', '.join(STORED)} FROM spine_event WHERE entity_id = 1 ORDER BY seq",
        schema=STORED,
    )


def blocks():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT number, first_seq, last_seq, business_date, recorded_at, leaves, link, seal FROM spine_block"
            " WHERE entity_id = 1 ORDER BY number"
        )
        return [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in cursor.fetchall()]


def test_events_are_numbered_from_one_without_a_gap(firm):
    assert events.emit(firm.id, DAY, HoldPlaced, placed("a", "b")).to_list() == [1, 2]
    assert events.emit_one(firm.id, DAY, HoldLifted("risk"), "a", cause=1, actor="chen") == 3
    assert events.emit(firm.id, DAY, HoldPlaced, placed()).to_list() == []
    assert events.emit(firm.id, DAY, HoldPlaced, placed("c")).to_list() == [4]
    assert [block[:3] for block in blocks()] == [(1, 1, 2), (2, 3, 3), (3, 4, 4)]
    assert stored().select("seq", "kind", "subject", "actor", "cause", "message", "content").rows()[1:3] == [
        (2, "spine.HoldPlaced/1", "b", "nostro", None, None, '{"placed_by":"risk","reason":"limit"}'),
        (3, "spine.HoldLifted/1", "a", "chen", 1, None, '{"placed_by":"risk"}'),
    ]


def test_each_entity_has_a_chain_of_its_own(firm):
    events.emit_one(firm.id, DAY, HoldLifted("risk"), "a")
    assert events.emit_one(0, DAY, HoldLifted("risk"), "a") == 1
    assert events.head(0).number == 1


def test_the_digest_link_and_seal_are_those_the_documentation_promises(firm):
    moment = datetime(2026, 10, 13, 9, 30, 0, 5, tzinfo=UTC)
    clock.inject(lambda: moment)
    try:
        events.emit_one(firm.id, DAY, HoldLifted("risk"), "trade/1")
        events.emit(firm.id, DAY, HoldPlaced, placed("trade/2", "trade/3", cause=pl.lit(1), message=pl.lit(77)))
    finally:
        clock.inject(lambda: datetime.now(UTC))
    lines = [
        ["1", "1", "2026-10-13", "spine.HoldLifted/1", "trade/1", "nostro", "", "", '{"placed_by":"risk"}'],
        *[
            [
                "1",
                n,
                "2026-10-13",
                "spine.HoldPlaced/1",
                s,
                "nostro",
                "1",
                "77",
                '{"placed_by":"risk","reason":"limit"}',
            ]
            for n, s in (("2", "trade/2"), ("3", "trade/3"))
        ],
    ]
    leaf = [sha256("\x1f".join(line).encode()).digest() for line in lines]
    assert stored()["digest"].to_list() == leaf
    micros = round(moment.timestamp() * 1_000_000)
    link = sha256(bytes(32) + f"1|{micros}|".encode() + leaf[0]).digest()
    seal = sha256(bytes(32) + b"2026-10-13|" + leaf[0]).digest()
    assert blocks()[0][4:] == (moment, leaf[0], link, seal)
    link = sha256(link + f"2|{micros}|".encode() + leaf[1] + leaf[2]).digest()
    seal = sha256(seal + b"2026-10-13|" + leaf[1] + leaf[2]).digest()
    assert blocks()[1][4:] == (moment, leaf[1] + leaf[2], link, seal)
    assert events.head(firm.id) == events.Head(2, 3, link, seal)


def test_the_seal_is_the_same_at_another_hour_and_the_link_is_not(firm):
    ends = []
    for hour in (1, 2):
        undo = transaction.atomic()
        undo.__enter__()
        clock.inject(lambda hour=hour: datetime(2026, 10, 13, hour, tzinfo=UTC))
        events.emit(firm.id, DAY, HoldPlaced, placed("a", "b"))
        ends.append(events.head(firm.id))
        transaction.set_rollback(True)
        undo.__exit__(None, None, None)
    clock.inject(lambda: datetime.now(UTC))
    assert ends[0].seal == ends[1].seal
    assert ends[0].link != ends[1].link


def test_a_large_write_is_cut_into_blocks(firm, monkeypatch):
    monkeypatch.setattr(events, "BLOCK_EVENTS_MAX", 3)
    assert events.emit(firm.id, DAY, HoldPlaced, placed(*"abcdefg")).to_list() == list(range(1, 8))
    assert [block[1:3] for block in blocks()] == [(1, 3), (4, 6), (7, 7)]


def test_a_fact_without_one_of_its_fields_is_our_own_mistake(firm):
    with pytest.raises(AssertionError, match=r"spine\.HoldPlaced/1 lacks \['reason'\]"):
        events.emit(firm.id, DAY, HoldPlaced, pl.DataFrame({"subject": ["a"], "placed_by": ["risk"]}))


@pytest.mark.parametrize("table", ["spine_event", "spine_block", "ledger_transfer", "ledger_snapshot"])
@pytest.mark.parametrize("change", ["UPDATE {} SET business_date = '2020-01-01'", "DELETE FROM {}", "TRUNCATE {}"])
def test_desks_have_no_right_to_change_a_book_of_record(firm, table, change):
    with pytest.raises(psycopg.errors.InsufficientPrivilege), raw().transaction():
        raw().execute(change.format(table))


@pytest.mark.parametrize("change", ["UPDATE {} SET entity_id = 0", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_owner_is_refused_by_a_trigger_in_every_book_of_record(own_database, server, change):
    with psycopg.connect(server.dsn(own_database, "nostro_owner")) as owner:
        owner.execute(
            "INSERT INTO spine_block (entity_id, number, first_seq, last_seq, business_date, recorded_at, leaves, link, seal)"
            " SELECT 0, 1, 1, 1, '2026-10-13', now(), x, x, x FROM (SELECT repeat('x', 32)::bytea AS x) AS hashes"
        )
        owner.commit()
        books = [
            row[0]
            for row in owner.execute(
                "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '%\\_append\\_only' ORDER BY 1"
            ).fetchall()
        ]
        assert {"spine_event", "spine_block", "spine_decision", "ledger_transfer", "ledger_snapshot"} <= set(books)
        # A row trigger speaks only when there is a row: one book has one, and TRUNCATE needs none.
        for book in books if change.startswith("TRUNCATE") else ["spine_block"]:
            with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="append-only"), owner.transaction():
                owner.execute(change.format(book))


def test_every_book_of_record_refuses_changes_by_row_and_truncation(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, count(t.oid) FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid JOIN pg_proc p"
            " ON p.oid = t.tgfoid AND p.proname = 'nostro_append_only' GROUP BY 1"
        )
        guarded = dict(cursor.fetchall())
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'public'"
            " WHERE c.relkind = 'r' AND has_table_privilege('nostro_writer', c.oid, 'INSERT')"
            " AND NOT has_table_privilege('nostro_writer', c.oid, 'UPDATE')"
        )
        unchanging = {row[0] for row in cursor.fetchall()}
    assert set(guarded.values()) == {2}
    assert unchanging <= set(guarded)


def test_readers_keep_their_place(firm):
    assert events.position(firm.id, "accounting") == 0
    events.advance(firm.id, "accounting", 7)
    events.advance(firm.id, "accounting", 9)
    assert events.position(firm.id, "accounting") == 9
    assert events.position(firm.id, "risk") == 0


@pytest.mark.parametrize(
    ("column", "value", "constraint"),
    [
        ("seq", 0, "event_seq_from_one"),
        ("cause", 50, "event_cause_came_before"),
        ("content", "not json", "event_content_is_json"),
        ("content", "[1]", "event_content_is_json"),
        ("digest", b"short", "event_digest_is_sha256"),
    ],
)
def test_an_event_that_can_not_be_true_is_refused_by_name(firm, column, value, constraint):
    row = {
        "entity_id": 1,
        "seq": 50,
        "business_date": DAY,
        "recorded_at": datetime.now(UTC) - timedelta(1),
        "kind": "x",
        "subject": "x",
        "actor": "x",
        "cause": None,
        "content": "{}",
        "digest": bytes(32),
    } | {column: value}
    with pytest.raises(psycopg.errors.CheckViolation, match=constraint), raw().transaction():
        raw().execute(
            f"INSERT INTO spine_event ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})", list(row.values())
        )
