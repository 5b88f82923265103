"""A step and its effects commit together, once; whatever goes wrong leaves nothing but its history."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from django.db import connection

from nostro.kernel.events.spine import HoldLifted
from nostro.kernel.refusals import Tally
from nostro.spine import clock, steps
from nostro.spine.entities import named
from nostro.spine.events import emit_one, head

DAY = date(2026, 10, 13)


@pytest.fixture
def firm_of_its_own(own_database):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO spine_entity (id, code, name, name_zh, kind, currency, lei, bic)"
            " VALUES (1, 'EUB', 'Fictitious Brokers', '虚构证券', 'broker', 'EUR', '', '')"
        )
    return named("EUB")


def capture(entity, day):
    emit_one(entity.id, day, HoldLifted("risk"), "trade/1")
    return Tally(seen=3, done=2, refused=1)


def history():
    with connection.cursor() as cursor:
        cursor.execute("SELECT attempt, outcome, detail FROM spine_steprun ORDER BY attempt")
        return cursor.fetchall()


def kinds():
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind FROM spine_event WHERE entity_id = 1 ORDER BY seq")
        return [row[0] for row in cursor.fetchall()]


def test_a_step_its_count_and_its_event_are_there_together(firm_of_its_own):
    assert steps.outcome(firm_of_its_own, DAY, "capture") is None
    assert steps.run(firm_of_its_own, DAY, "capture", capture) == Tally(3, 2, refused=1)
    assert steps.outcome(firm_of_its_own, DAY, "capture") == Tally(3, 2, refused=1)
    assert kinds() == ["spine.HoldLifted/1", "operations.StepDone/1"]
    assert history() == [(1, "done", "")]


def test_running_it_again_changes_nothing(firm_of_its_own):
    steps.run(firm_of_its_own, DAY, "capture", capture)
    end = head(1)

    def never(entity, day):
        raise AssertionError("a step that is done is not run")

    assert steps.run(firm_of_its_own, DAY, "capture", never) == Tally(3, 2, refused=1)
    assert head(1) == end
    assert len(history()) == 1


def test_the_same_step_of_another_day_is_another_step(firm_of_its_own):
    steps.run(firm_of_its_own, DAY, "capture", capture)
    steps.run(firm_of_its_own, DAY + timedelta(1), "capture", capture)
    assert len(kinds()) == 4


def test_a_failure_leaves_no_effect_but_its_history_and_the_next_attempt_succeeds(firm_of_its_own):
    def broken(entity, day):
        capture(entity, day)
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="disk is full"):
        steps.run(firm_of_its_own, DAY, "capture", broken)
    assert kinds() == []
    assert steps.outcome(firm_of_its_own, DAY, "capture") is None
    steps.run(firm_of_its_own, DAY, "capture", capture)
    assert history() == [(1, "failed", "RuntimeError: the disk is full"), (2, "done", "")]


def test_what_has_not_come_yet_is_waited_for(firm_of_its_own):
    def early(entity, day):
        capture(entity, day)
        raise steps.Waiting("executions.fix")

    with pytest.raises(steps.Waiting):
        steps.run(firm_of_its_own, DAY, "capture", early)
    assert kinds() == []
    assert history() == [(1, "waiting", "executions.fix")]


def test_a_killed_attempt_stays_visible_without_an_outcome(firm_of_its_own):
    class Killed(BaseException):
        pass

    def killed(entity, day):
        capture(entity, day)
        raise Killed

    with pytest.raises(Killed):
        steps.run(firm_of_its_own, DAY, "capture", killed)
    assert kinds() == []
    assert history() == [(1, None, "")]


def test_effects_and_record_are_visible_to_others_at_the_same_moment(firm_of_its_own, own_database, server):
    seen = []

    def look():
        with psycopg.connect(server.dsn(own_database, "nostro_writer")) as other:
            (events,) = other.execute("SELECT count(*) FROM spine_event WHERE entity_id = 1").fetchone()
            (done,) = other.execute("SELECT count(*) FROM spine_step").fetchone()
        seen.append((events, done))

    def looking(entity, day):
        tally = capture(entity, day)
        look()
        return tally

    steps.run(firm_of_its_own, DAY, "capture", looking)
    look()
    assert seen == [(0, 0), (2, 1)]


def test_a_desk_that_loses_count_is_refused_before_anything_is_written(firm_of_its_own):
    def careless(entity, day):
        emit_one(entity.id, day, HoldLifted("risk"), "trade/1")
        return Tally(seen=3, done=1, refused=1)

    with pytest.raises(ValueError, match="lost count"):
        steps.run(firm_of_its_own, DAY, "capture", careless)
    assert kinds() == []


def test_the_database_refuses_a_step_whose_counts_do_not_add_up(firm):
    from nostro.spine.database import raw

    with pytest.raises(psycopg.errors.CheckViolation, match="step_counts_reconcile"), raw().transaction():
        raw().execute(
            "INSERT INTO spine_step (entity_id, business_date, name, seen, done, open, cancelled, refused, finished_at)"
            " VALUES (1, '2026-10-13', 'x', 3, 1, 1, 0, 0, now())"
        )


def test_the_clock_can_be_replaced_and_is_in_utc():
    moment = datetime(2026, 10, 13, 12, tzinfo=UTC)
    clock.inject(lambda: moment)
    assert clock.now() is moment
    clock.inject(lambda: datetime.now(UTC))
    assert clock.now().utcoffset() == timedelta(0)
