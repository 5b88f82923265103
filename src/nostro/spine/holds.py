"""Fail closed across the order of stages: a later department stops an item, each desk looks before it acts. 冻结与放行"""

from datetime import date

import polars as pl
from django.db import connection

from nostro.kernel.events.spine import HoldLifted, HoldPlaced
from nostro.spine.database import copy_in, read_frame
from nostro.spine.events import MACHINE, emit, emit_one


def place(entity_id: int, day: date, department: str, held: pl.DataFrame) -> int:
    """Hold each subject (columns `subject`, `reason`) that this department does not hold already. Returns how many are new."""
    new = held.unique("subject", keep="first", maintain_order=True).join(
        _standing(entity_id, department), on="subject", how="anti", maintain_order="left"
    )
    seqs = emit(entity_id, day, HoldPlaced, new.with_columns(placed_by=pl.lit(department)))
    copy_in(
        "spine_hold",
        new.select("subject", "reason", entity_id=pl.lit(entity_id), id=seqs, placed_by=pl.lit(department)),
    )
    return new.height


def lift(entity_id: int, day: date, department: str, subject: str, *, actor: str = MACHINE) -> bool:
    """This department clears the subject; false when it did not hold it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM spine_hold WHERE entity_id = %s AND subject = %s AND placed_by = %s AND lifted_by IS NULL",
            [entity_id, subject, department],
        )
        row = cursor.fetchone()
        if row is None:
            return False
        event = emit_one(entity_id, day, HoldLifted(department), subject, cause=row[0], actor=actor)
        cursor.execute(
            "UPDATE spine_hold SET lifted_by = %s WHERE entity_id = %s AND id = %s", [event, entity_id, row[0]]
        )
    return True


def held(entity_id: int) -> pl.DataFrame:
    """Every subject somebody holds: column `subject`, once each. Anti-join with it before letting anything through."""
    return _standing(entity_id, None).unique("subject", maintain_order=True)


def _standing(entity_id: int, department: str | None) -> pl.DataFrame:
    return read_frame(
        "SELECT subject FROM spine_hold WHERE entity_id = %s AND lifted_by IS NULL"
        " AND (%s::text IS NULL OR placed_by = %s) ORDER BY id",
        [entity_id, department, department],
        schema=pl.Schema({"subject": pl.String}),
    )
