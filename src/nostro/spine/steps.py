"""The durable day: a step and its effects commit together; a killed step left no trace but its attempt. 日终步骤"""

from collections.abc import Callable
from datetime import date

from django.db import connection, transaction

from nostro.kernel.events.operations import StepDone
from nostro.kernel.refusals import Tally
from nostro.spine import clock
from nostro.spine.entities import Entity
from nostro.spine.events import emit_one

Desk = Callable[[Entity, date], Tally]


class Waiting(Exception):
    """What this step needs has not come yet. Nothing was done; it is tried again with the next run of the day."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def outcome(entity: Entity, day: date, name: str) -> Tally | None:
    """What the step counted when it was done; null while it is not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seen, done, open, cancelled, refused FROM spine_step WHERE entity_id = %s AND business_date = %s"
            " AND name = %s",
            [entity.id, day, name],
        )
        row = cursor.fetchone()
    return Tally(*row) if row else None


def run(entity: Entity, day: date, name: str, desk: Desk) -> Tally:
    """Run a step once: its effects, its count and its event commit together. Running it again changes nothing.

    Raises Waiting when what it needs has not come; any other error is written into its history and raised.
    """
    before = outcome(entity, day, name)
    if before is not None:
        return before
    attempt = _begin(entity, day, name)
    try:
        with transaction.atomic():
            tally = desk(entity, day)
            emit_one(
                entity.id,
                day,
                StepDone(name, tally.seen, tally.done, tally.open, tally.cancelled, tally.refused),
                f"step/{name}",
            )
            with connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO spine_step (entity_id, business_date, name, seen, done, open, cancelled, refused, finished_at)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                    [
                        entity.id,
                        day,
                        name,
                        tally.seen,
                        tally.done,
                        tally.open,
                        tally.cancelled,
                        tally.refused,
                        clock.now(),
                    ],
                )
            _end(entity, day, name, attempt, "done", "")
    except Waiting as waiting:
        _end(entity, day, name, attempt, "waiting", waiting.what)
        raise
    except Exception as error:
        if connection.is_usable():
            _end(entity, day, name, attempt, "failed", f"{type(error).__name__}: {error}"[:2000])
        raise
    return tally


def _begin(entity: Entity, day: date, name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO spine_steprun (entity_id, business_date, name, attempt, started_at, detail)"
            " SELECT %s, %s, %s, coalesce(max(attempt), 0) + 1, %s, '' FROM spine_steprun"
            " WHERE entity_id = %s AND business_date = %s AND name = %s RETURNING attempt",
            [entity.id, day, name, clock.now(), entity.id, day, name],
        )
        return int(cursor.fetchone()[0])


def _end(entity: Entity, day: date, name: str, attempt: int, outcome: str, detail: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE spine_steprun SET ended_at = %s, outcome = %s, detail = %s"
            " WHERE entity_id = %s AND business_date = %s AND name = %s AND attempt = %s",
            [clock.now(), outcome, detail, entity.id, day, name, attempt],
        )
