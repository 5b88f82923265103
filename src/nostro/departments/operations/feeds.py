"""Files between the exchange folder and the inbox and outbox. 文件收发"""

import os
from datetime import date
from pathlib import Path
from typing import Final

from django.db import connection

from nostro.kernel.frames import refusals
from nostro.kernel.refusals import Refusal, Refused, Tally
from nostro.messages.marketfiles import kind_of
from nostro.spine import inbox
from nostro.spine.entities import Entity
from nostro.spine.exceptions import open_all
from nostro.spine.steps import Desk, Waiting
from nostro.spine.words import MESSAGES

UNKNOWN: Final = ("unknown", "")
"""Kind and sender of a file whose name tells neither."""


def receiving(exchange: Path, phase: str) -> Desk:
    """A desk that stores every file of a phase, unaltered, before anything is done with it.

    Waits while the phase is not there, and while all that lies there came before: an earlier day's files are not this one's.
    """

    def receive(entity: Entity, day: date) -> Tally:
        folder = exchange / "to" / entity.code / phase
        if not folder.is_dir():
            raise Waiting(f"{folder.parent.name}/{phase}")
        tally = receive_files(entity, day, sorted(p for p in folder.iterdir() if p.is_file()), prefix=f"{phase}/")
        if tally.cancelled == tally.seen:
            raise Waiting(f"{folder.parent.name}/{phase}: all that lies there came before")
        return tally

    return receive


def receive_files(entity: Entity, day: date, paths: list[Path], *, prefix: str = "") -> Tally:
    """Store files. One that was seen before changes nothing; one whose content changed under the same name is an exception,
    and so is one whose name says nothing of its kind (it is stored all the same).
    """
    seen_before, refused = 0, []
    for path in paths:
        name = f"{day:%Y%m%d}/{prefix}{path.name}"
        try:
            kind, sender = kind_of(path.name)
        except ValueError as error:
            kind, sender = UNKNOWN
            refused.append(Refusal("file_unknown", f"file/{name}", facts={"rule": str(error)}))
        try:
            stored = inbox.receive(entity.id, day, kind=kind, sender=sender, name=name, data=path.read_bytes())
        except Refused as error:
            refused += error.refusals
        else:
            seen_before += kind != UNKNOWN[0] and (stored is None or stored.duplicate_of is not None)
    open_all(entity.id, day, "operations", refusals(refused), MESSAGES)
    done = len(paths) - seen_before - len(refused)
    return Tally(len(paths), done=done, cancelled=seen_before, refused=len(refused))


def releasing(exchange: Path) -> Desk:
    """A desk that puts the day's outgoing files where the street takes them. Twice is once: the same names, the same bytes."""

    def release(entity: Entity, day: date) -> Tally:
        folder = exchange / "from" / entity.code
        folder.mkdir(parents=True, exist_ok=True)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, name FROM spine_messagefile WHERE entity_id = %s AND direction = 'out' AND business_date = %s"
                " ORDER BY id",
                [entity.id, day],
            )
            files = cursor.fetchall()
        for number, name in files:
            part = folder / f".{name}.part"
            part.write_bytes(inbox.content(entity.id, number))
            os.replace(part, folder / name)
        return Tally(len(files), done=len(files))

    return release
