"""`nostro import`: take files into the inbox by hand. 导入"""

from datetime import date
from pathlib import Path

import click
from django.db import transaction

from nostro.departments.operations.feeds import receive_files
from nostro.front.commands.day import DAY
from nostro.front.commands.exceptions import ENTITY
from nostro.front.output import Voice
from nostro.front.session import latest_day, opened
from nostro.kernel.refusals import Refusal, Refused
from nostro.spine import entities


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@ENTITY
@DAY
@click.pass_obj
def import_files(voice: Voice, files: tuple[Path, ...], entity: str, day: date | None) -> int:
    """Store FILES in the inbox as they are; the day's steps read them by kind (see docs/exchange.md). Twice is once."""
    absent = [path for path in files if not path.is_file()]
    if absent:
        raise Refused(*(Refusal("file_not_found", str(path), facts={"path": str(path)}) for path in absent))
    with opened():
        with transaction.atomic():
            tally = receive_files(entities.named(entity), day or latest_day(), list(files))
        voice.say(f"{tally}. Next: nostro day run", f"{tally}。下一步:nostro day run")
        voice.document({"in": tally.seen, "done": tally.done, "cancelled": tally.cancelled, "refused": tally.refused})
    return 3 if tally.refused else 0
