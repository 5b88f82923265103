"""Files between the exchange folder and the inbox and outbox. 文件收发"""

import os
from datetime import date
from pathlib import Path

from django.db import connection

from nostro.kernel.frames import refusals
from nostro.kernel.refusals import Refused, Tally
from nostro.messages.marketfiles import kind_of
from nostro.spine import inbox
from nostro.spine.entities import Entity
from nostro.spine.exceptions import open_all
from nostro.spine.steps import Desk, Waiting
from nostro.spine.words import MESSAGES


def receiving(exchange: Path, phase: str) -> Desk:
    """A desk that stores every file of a phase, unaltered, before anything is done with it. Waits while the phase is not there."""

    def receive(entity: Entity, day: date) -> Tally:
        folder = exchange / "to" / entity.code / phase
        if not folder.is_dir():
            raise Waiting(f"{folder.parent.name}/{phase}")
        return receive_files(
            entity, day, sorted(path for path in folder.iterdir() if path.is_file()), prefix=f"{phase}/"
        )

    return receive


def receive_files(entity: Entity, day: date, paths: list[Path], *, prefix: str = "") -> Tally:
    """Store files; a file seen before changes nothing, one whose content changed under the same name is an exception."""
    seen_before = refused = 0
    for path in paths:
        kind, sender = kind_of(path.name)
        try:
            stored = inbox.receive(
                entity.id,
                day,
                kind=kind,
                sender=sender,
                name=f"{day:%Y%m%d}/{prefix}{path.name}",
                data=path.read_bytes(),
            )
        except Refused as error:
            refused += 1
            open_all(entity.id, day, "operations", refusals(error.refusals), MESSAGES)
        else:
            seen_before += stored is None or stored.duplicate_of is not None
    return Tally(len(paths), done=len(paths) - seen_before - refused, cancelled=seen_before, refused=refused)


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
