"""Sealing a day: after it, the same events in the same order can be proved on any copy of the database. 封存"""

from datetime import date
from hashlib import sha256
from typing import Any

from django.db import connection

from nostro.kernel.events.operations import DaySealed
from nostro.kernel.refusals import Tally
from nostro.spine import audit, entities, events
from nostro.spine.entities import HOUSE, Entity


def seal(entity: Entity, day: date) -> Tally:
    """Seal an entity's day over all its events so far. The house's seal covers the firms' seals too: it is the day's."""
    count = events.head(entity.id, lock=True)
    parts = [count.seal]
    with connection.cursor() as cursor:
        if entity.id == HOUSE:
            cursor.execute(
                "SELECT seal FROM spine_day WHERE business_date = %s AND entity_id <> 0 ORDER BY entity_id", [day]
            )
            parts += [bytes.fromhex(row[0]) for row in cursor.fetchall()]
        digest = sha256(b"".join(parts)).hexdigest()
        cursor.execute(
            "INSERT INTO spine_day (entity_id, business_date, state, seal) VALUES (%s, %s, 'sealed', %s)"
            " ON CONFLICT (entity_id, business_date) DO UPDATE SET state = 'sealed', seal = excluded.seal",
            [entity.id, day, digest],
        )
    events.emit_one(entity.id, day, DaySealed(digest), f"day/{day}")
    return Tally(count.last_seq, done=count.last_seq)


def seal_of(day: date) -> str | None:
    """The day's seal, once the house has sealed it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seal FROM spine_day WHERE entity_id = 0 AND business_date = %s", [day])
        row = cursor.fetchone()
    return row[0] if row else None


def exported(day: date) -> dict[str, Any]:
    """The day's seal as a document to keep elsewhere: the end of every entity's chain. For `spine.audit.check_seal`."""
    return {"day": day.isoformat(), "entities": [audit.export_seal(entity, day) for entity in entities.every()]}
