"""The one queue: what cannot go straight through, with reason, owner, deadline, money at risk and a proposed cure. 异常队列"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final

import polars as pl
from django.db import connection

from nostro.kernel.events.spine import ExceptionActed, ExceptionOpened
from nostro.kernel.frames import REFUSED
from nostro.messages.shapes import Parsed
from nostro.spine import clock
from nostro.spine.database import copy_in, read_frame
from nostro.spine.events import MACHINE, emit, emit_one
from nostro.spine.inbox import StoredFile
from nostro.spine.words import Words

KNOWN: Final = pl.Schema({"reason": pl.String, "subject": pl.String})


def open_all(
    entity_id: int,
    day: date,
    department: str,
    refused: pl.DataFrame,
    words: Mapping[str, Words],
    *,
    deadline: datetime | None = None,
    closed: bool = False,
) -> int:
    """Open an exception for each refusal that is not in the queue yet; returns how many are new.

    refused   columns of REFUSED; optionally `message` (number), `cause` (event) and `deadline` (UTC) for each row
    words     the department's reasons; one without words is a mistake of ours
    deadline  for the rows without one of their own
    closed    the machine has dealt with it itself (a duplicate, say): it stands in the queue's history, not in the queue
    """
    if refused.is_empty():
        return 0
    silent = set(refused["reason"].unique()) - set(words)
    assert not silent, f"reasons without words: {sorted(silent)}"
    known = read_frame(
        "SELECT reason, subject FROM spine_exception WHERE entity_id = %s AND reason = ANY(%s)"
        " AND (state <> 'closed' OR business_date = %s)",
        [entity_id, refused["reason"].unique().to_list(), day],
        schema=KNOWN,
    )
    new = refused.unique(["reason", "subject"], keep="first", maintain_order=True).join(
        known, on=["reason", "subject"], how="anti", maintain_order="left"
    )
    if new.is_empty():
        return 0
    seqs = emit(entity_id, day, ExceptionOpened, new.with_columns(department=pl.lit(department)))
    own = pl.col("deadline") if "deadline" in new.columns else pl.lit(None, pl.Datetime("us", "UTC"))
    copy_in(
        "spine_exception",
        new.select(
            *(pl.col(name) for name in REFUSED),
            id=seqs,
            entity_id=pl.lit(entity_id),
            business_date=pl.lit(day),
            department=pl.lit(department),
            deadline=own.fill_null(pl.lit(deadline, pl.Datetime("us", "UTC"))),
            owner=pl.col("reason").replace_strict({str(r): w.owner for r, w in words.items()}, return_dtype=pl.String),
            proposal=pl.col("reason").replace_strict(
                {str(r): w.proposal for r, w in words.items()}, return_dtype=pl.String
            ),
            state=pl.lit("closed" if closed else "open"),
        ),
    )
    return new.height


def open_bad_messages(
    entity_id: int, day: date, department: str, file: StoredFile, parsed: Parsed, words: Mapping[str, Words]
) -> int:
    """An exception for each message of a file that could not be read: subject message/<file name>/<ordinal>."""
    first = pl.col("errors").str.json_path_match("$[0].facts").fill_null("{}")
    return open_all(
        entity_id,
        day,
        department,
        parsed.bad.select(
            reason=pl.col("reason"),
            subject=file.subject(pl.col("ordinal")),
            place=pl.col("errors").str.json_path_match("$[0].place").fill_null("").str.slice(0, 160),
            facts=first,
            money_minor=pl.lit(None, pl.Int64),
            currency=pl.lit(None, pl.String),
            message=file.message(pl.col("ordinal")),
        ),
        words,
    )


def act(
    entity_id: int, day: date, exception: int, subject: str, action: str, *, actor: str, comment: str, state: str
) -> None:
    """Write what was done about an exception into its history, and its new state (open, waiting, closed)."""
    event = emit_one(entity_id, day, ExceptionActed(action, comment, state), subject, cause=exception, actor=actor)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO spine_exceptionaction (entity_id, exception, number, action, actor, comment, recorded_at, event)"
            " SELECT %s, %s, coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s FROM spine_exceptionaction"
            " WHERE entity_id = %s AND exception = %s",
            [entity_id, exception, action, actor, comment, clock.now(), event, entity_id, exception],
        )
        cursor.execute(
            "UPDATE spine_exception SET state = %s WHERE entity_id = %s AND id = %s", [state, entity_id, exception]
        )


def resolve(entity_id: int, day: date, subjects: pl.Series, reasons: list[str], comment: str) -> int:
    """Close open exceptions of these reasons and subjects since what they were about has come right. Returns how many."""
    open_ones = read_frame(
        "SELECT id, subject FROM spine_exception WHERE entity_id = %s AND state <> 'closed' AND reason = ANY(%s)",
        [entity_id, reasons],
        schema=pl.Schema({"id": pl.Int64, "subject": pl.String}),
    ).filter(pl.col("subject").is_in(subjects.implode()))
    for exception, subject in open_ones.iter_rows():
        act(entity_id, day, exception, subject, "resolved", actor=MACHINE, comment=comment, state="closed")
    return open_ones.height
