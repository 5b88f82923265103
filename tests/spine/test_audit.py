"""Whoever changes the log behind our back is found, and the event is named."""

import itertools
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nostro.kernel.events.spine import HoldLifted, HoldPlaced
from nostro.kernel.refusals import Refused
from nostro.spine import audit, clock, events
from nostro.spine.audit import check_seal, export_seal, verify
from nostro.spine.database import raw, read_frame
from nostro.spine.entities import named

DAY = date(2026, 10, 13)
EVENTS = 24
STORED = pl.Schema([*events.EVENT.items(), ("digest", pl.Binary())])


@pytest.fixture
def log(own_database, server):
    """A log of 24 events in blocks of 4, 1, 6, 1, ... and a connection that no trigger and no right stops."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO spine_entity (id, code, name, name_zh, kind, currency, lei, bic)"
            " VALUES (1, 'EUB', 'Fictitious Brokers', '虚构证券', 'broker', 'EUR', '', '')"
        )
    ticks = itertools.count()
    clock.inject(lambda: datetime(2026, 10, 13, 9, tzinfo=UTC) + timedelta(minutes=next(ticks)))
    for size in (4, 6, 5, 5):
        subjects = [f"trade/{n}" for n in range(size)]
        row = pl.DataFrame({"subject": subjects}).with_columns(placed_by=pl.lit("risk"), reason=pl.lit("limit"))
        events.emit(1, DAY, HoldPlaced, row)
        events.emit_one(1, DAY, HoldLifted("risk"), "trade/0")
    assert events.head(1).last_seq == EVENTS
    events.emit_one(0, DAY, HoldLifted("risk"), "trade/0")
    clock.inject(lambda: datetime.now(UTC))
    with psycopg.connect(server.dsn(own_database, server.superuser)) as attacker:
        attacker.execute("SET session_replication_role = replica")
        yield attacker


def found(attacker, entity=1):
    return [(flaw.what, flaw.subject) for flaw in verify(attacker, entity)]


def own_digests(attacker, *seqs):
    """Recompute the events' own digests, as a careful attacker would."""
    attacker.execute("SET LOCAL timezone = 'UTC'")
    for seq in seqs:
        frame = read_frame(
            f"SELECT {', '.join(STORED)} FROM spine_event WHERE entity_id = 1 AND seq = %s",
            [seq],
            schema=STORED,
            on=attacker,
        )
        attacker.execute(
            "UPDATE spine_event SET digest = %s WHERE entity_id = 1 AND seq = %s", [events.digests(frame)[0], seq]
        )


def test_a_log_nobody_touched_has_no_flaw_and_progress_is_told(log):
    told = []
    assert verify(log, None, lambda *step: told.append(step)) == []
    assert told == [(0, 1, 1), (1, EVENTS, EVENTS)]
    assert verify(raw(), None) == []


def test_a_database_without_events_has_no_flaw(db):
    assert verify(raw(), None) == []


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        'content = \'{"placed_by":"risk","reason":"limiT"}\'',
        "subject = 'trade/9'",
        "kind = 'spine.HoldLifted/1'",
        "actor = 'chen'",
        "cause = 1",
        "message = 1",
        "business_date = '2026-10-14'",
    ],
)
def test_one_changed_column_of_one_event_is_named_also_when_its_digest_was_recomputed(log, change, careful):
    log.execute(f"UPDATE spine_event SET {change} WHERE entity_id = 1 AND seq = 9")
    if careful:
        own_digests(log, 9)
    assert found(log) == [("event_changed", "event/9")]


def test_several_changed_events_are_all_named(log):
    log.execute("UPDATE spine_event SET actor = 'chen' WHERE entity_id = 1 AND seq IN (1, 9, 24)")
    assert found(log) == [("event_changed", "event/1"), ("event_changed", "event/9"), ("event_changed", "event/24")]


def test_a_changed_digest_of_its_own_is_named(log):
    log.execute("UPDATE spine_event SET digest = repeat('x', 32)::bytea WHERE entity_id = 1 AND seq = 9")
    assert found(log) == [("event_digest_changed", "event/9")]


def test_a_changed_time_is_named(log):
    log.execute("UPDATE spine_event SET recorded_at = recorded_at - interval '1 us' WHERE entity_id = 1 AND seq = 9")
    assert found(log) == [("event_time_changed", "event/9")]


@pytest.mark.parametrize("seq", [1, 5, 9, EVENTS])
def test_a_missing_event_is_named(log, seq):
    log.execute("DELETE FROM spine_event WHERE entity_id = 1 AND seq = %s", [seq])
    assert found(log) == [("event_missing", f"event/{seq}")]


@pytest.mark.parametrize("seq", [-3, 0, EVENTS + 1, EVENTS + 500])
def test_an_inserted_event_is_named(log, seq):
    log.execute("ALTER TABLE spine_event DROP CONSTRAINT event_seq_from_one, DROP CONSTRAINT event_cause_came_before")
    log.execute(
        "INSERT INTO spine_event (entity_id, seq, business_date, recorded_at, kind, subject, actor, content, digest)"
        " SELECT 1, %s, business_date, recorded_at, kind, subject, actor, content, repeat('x', 32)::bytea FROM spine_event"
        " WHERE entity_id = 1 AND seq = 9",
        [seq],
    )
    assert found(log) == [("event_inserted", f"event/{seq}")]


@pytest.mark.parametrize("careful", [False, True])
def test_events_that_changed_places_are_named(log, careful):
    for before, after in ((7, 900), (12, 7), (900, 12)):
        log.execute("UPDATE spine_event SET seq = %s WHERE entity_id = 1 AND seq = %s", [after, before])
    if careful:
        own_digests(log, 7, 12)
    flaws = verify(log, 1)
    moved = [(flaw.what, flaw.subject, dict(flaw.facts)) for flaw in flaws if flaw.what != "event_time_changed"]
    assert moved == [
        ("event_moved", "event/7", {"now_at": "12"}),
        ("event_moved", "event/12", {"now_at": "7"}),
    ]


@pytest.mark.parametrize("careful", [False, True])
def test_an_event_that_was_put_at_the_end_is_named(log, careful):
    log.execute("UPDATE spine_event SET seq = 40 WHERE entity_id = 1 AND seq = 9")
    if careful:
        own_digests(log, 40)
    assert [(flaw.what, flaw.subject, dict(flaw.facts)) for flaw in verify(log, 1)] == [
        ("event_moved", "event/9", {"now_at": "40"})
    ]


def test_an_event_that_is_put_over_another_is_moved_and_the_other_changed(log):
    log.execute("DELETE FROM spine_event WHERE entity_id = 1 AND seq = 8")
    log.execute("UPDATE spine_event SET seq = 8 WHERE entity_id = 1 AND seq = 9")
    assert found(log) == [("event_changed", "event/8"), ("event_moved", "event/9")]


@pytest.mark.parametrize(
    ("change", "flaws"),
    [
        ("UPDATE spine_block SET link = repeat('x', 32)::bytea WHERE number = 3", ["link_broken 3", "link_broken 4"]),
        ("UPDATE spine_block SET seal = repeat('x', 32)::bytea WHERE number = 3", ["seal_broken 3", "seal_broken 4"]),
        ("UPDATE spine_block SET business_date = '2026-10-14' WHERE number = 3", ["seal_broken 3"]),
        ("UPDATE spine_block SET number = 90 WHERE number = 8", [f"block_missing {n}" for n in range(8, 90)]),
        ("DELETE FROM spine_block WHERE number = 3", ["block_missing 3"]),
        ("DELETE FROM spine_block WHERE number = 1", ["block_missing 1"]),
        ("DELETE FROM spine_block WHERE number IN (3, 4)", ["block_missing 3", "block_missing 4"]),
    ],
)
def test_a_changed_or_missing_block_is_named(log, change, flaws):
    log.execute(change.replace("WHERE", "WHERE entity_id = 1 AND"))
    assert [f"{what} {subject.removeprefix('block/')}" for what, subject in found(log)] == flaws


def test_a_block_with_another_time_is_named_with_its_events(log):
    log.execute("UPDATE spine_block SET recorded_at = recorded_at + interval '1 h' WHERE entity_id = 1 AND number = 2")
    assert found(log) == [("link_broken", "block/2"), ("event_time_changed", "event/5")]


def test_a_block_whose_range_was_stretched_is_named(log):
    log.execute("ALTER TABLE spine_block DROP CONSTRAINT block_hashes_are_sha256")
    log.execute("UPDATE spine_block SET first_seq = 7 WHERE entity_id = 1 AND number = 3")
    assert ("block_out_of_sequence", "block/3") in found(log)
    assert ("block_damaged", "block/3") in found(log)


def test_the_end_of_the_log_without_its_block_is_named(log):
    log.execute("DELETE FROM spine_block WHERE entity_id = 1 AND number = 8")
    assert found(log) == [("event_inserted", f"event/{EVENTS}")]


@pytest.mark.parametrize("at_once", [1, 3, 7, 1_000])
def test_flaws_are_the_same_however_the_log_is_cut_for_reading(log, monkeypatch, at_once):
    log.execute("UPDATE spine_event SET actor = 'chen' WHERE entity_id = 1 AND seq IN (4, 5)")
    log.execute("UPDATE spine_event SET seq = 60 WHERE entity_id = 1 AND seq = 6")
    log.execute("DELETE FROM spine_block WHERE entity_id = 1 AND number = 5")
    log.execute("DELETE FROM spine_event WHERE entity_id = 1 AND seq = %s", [EVENTS])
    monkeypatch.setattr(audit, "EVENTS_AT_ONCE", at_once)
    assert sorted(found(log)) == [
        ("block_missing", "block/5"),
        ("event_changed", "event/4"),
        ("event_changed", "event/5"),
        ("event_missing", f"event/{EVENTS}"),
        ("event_moved", "event/6"),
    ]


@given(st.sets(st.integers(1, EVENTS), max_size=6), st.sets(st.integers(1, EVENTS), max_size=4))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_exactly_the_events_that_were_touched_are_named(log, changed, removed):
    with log.transaction(force_rollback=True):
        log.execute("UPDATE spine_event SET actor = 'x' WHERE entity_id = 1 AND seq = ANY(%s)", [list(changed)])
        log.execute("DELETE FROM spine_event WHERE entity_id = 1 AND seq = ANY(%s)", [list(removed)])
        assert found(log) == [
            ("event_missing" if seq in removed else "event_changed", f"event/{seq}")
            for seq in sorted(changed | removed)
        ]


def rewrite(attacker):
    """Everything from event 9 on, as it would have been had event 9 been another: digests, leaves, links, seals."""
    attacker.execute("SET LOCAL timezone = 'UTC'")
    attacker.execute("UPDATE spine_event SET actor = 'chen' WHERE entity_id = 1 AND seq = 9")
    own_digests(attacker, 9)
    link = seal = events.GENESIS
    for number, first, last, day, recorded_at in attacker.execute(
        "SELECT number, first_seq, last_seq, business_date, recorded_at FROM spine_block WHERE entity_id = 1 ORDER BY number"
    ).fetchall():
        leaves = b"".join(
            bytes(row[0])
            for row in attacker.execute(
                "SELECT digest FROM spine_event WHERE entity_id = 1 AND seq BETWEEN %s AND %s ORDER BY seq",
                [first, last],
            ).fetchall()
        )
        link = events.link_of(link, number, round(recorded_at.timestamp() * 1_000_000), leaves)
        seal = events.seal_of(seal, day, leaves)
        attacker.execute(
            "UPDATE spine_block SET leaves = %s, link = %s, seal = %s WHERE entity_id = 1 AND number = %s",
            [leaves, link, seal, number],
        )


def test_whoever_rewrites_the_whole_chain_is_found_by_a_seal_kept_elsewhere(log):
    exported = export_seal(named("EUB"), DAY)
    assert {name: exported[name] for name in ("entity", "entity_id", "day", "block", "seq")} == {
        "entity": "EUB",
        "entity_id": 1,
        "day": "2026-10-13",
        "block": 8,
        "seq": EVENTS,
    }
    assert check_seal(log, exported) == []
    rewrite(log)
    assert found(log) == []
    (flaw,) = check_seal(log, exported)
    assert (flaw.what, flaw.subject, set(flaw.facts)) == ("chain_rewritten", "block/8", {"link", "seal"})


def test_a_log_that_went_on_after_the_seal_still_answers_to_it(log):
    exported = export_seal(named("EUB"), DAY)
    log.rollback()
    events.emit_one(1, DAY + timedelta(1), HoldLifted("risk"), "trade/0")
    assert check_seal(log, exported) == []
    assert export_seal(named("EUB"), DAY) == exported
    assert export_seal(named("EUB"), DAY + timedelta(1)) != exported


def test_a_log_that_was_cut_is_found_by_its_seal(log):
    exported = export_seal(named("EUB"), DAY)
    log.execute("DELETE FROM spine_block WHERE entity_id = 1 AND number = 8")
    log.execute("DELETE FROM spine_event WHERE entity_id = 1 AND seq = %s", [EVENTS])
    assert found(log) == []
    assert [(flaw.what, flaw.subject) for flaw in check_seal(log, exported)] == [("chain_cut", "block/8")]


def test_a_block_that_keeps_its_seal_over_other_leaves_is_found(log):
    exported = export_seal(named("EUB"), DAY)
    log.execute("UPDATE spine_block SET leaves = repeat('x', 192)::bytea WHERE entity_id = 1 AND number = 3")
    assert [(flaw.what, flaw.subject) for flaw in check_seal(log, exported)] == [
        ("link_broken", "block/3"),
        ("seal_broken", "block/3"),
    ]


def test_a_flaw_reads_as_a_sentence_in_both_languages():
    flaw = audit.Flaw(1, "event_moved", "event/9", {"now_at": "40"})
    assert audit.sentence(flaw) == "event/9 now stands under another number: now_at 40"
    assert audit.sentence(flaw, "zh-hans") == "event/9 被移到其他序号: now_at 40"
    assert str(flaw) == "event/9 of entity 1: event_moved (now_at 40)"


def test_every_flaw_the_audit_can_find_has_its_sentence():
    written = set(re.findall(r'Flaw\(\w+, "(\w+)"', Path(audit.__file__).read_text(encoding="utf-8")))
    assert len(written) >= 12
    assert written == set(audit.SENTENCES)
    page = (Path(__file__).resolve().parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")
    assert [what for what in sorted(written) if f"`{what}" not in page] == []


def test_a_day_before_anything_was_recorded_has_no_seal(log):
    with pytest.raises(Refused, match="nothing_to_seal"):
        export_seal(named("EUB"), DAY - timedelta(1))
