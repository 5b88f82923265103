"""`nostro audit`: has anything been changed behind our back? 审计"""

import json
from datetime import date
from pathlib import Path

import click

from nostro.departments.operations.seal import exported
from nostro.front.commands.day import DAY
from nostro.front.output import Voice, progress
from nostro.front.session import latest_day, opened
from nostro.kernel.refusals import Refusal, Refused
from nostro.spine import audit as chain
from nostro.spine import entities
from nostro.spine.database import raw


@click.group()
def audit() -> None:
    """The event log, proved. 审计"""


def told(voice: Voice, flaws: list[chain.Flaw]) -> int:
    """Print flaws; 1 when there is one."""
    for flaw in flaws:
        voice.say(chain.sentence(flaw, "en"), chain.sentence(flaw, "zh"))
    if not flaws:
        voice.say("No event was changed, added or taken away.", "没有任何事件被改动、添加或删除。")
    voice.document(
        [
            {
                "entity": f.entity_id,
                "what": f.what,
                "subject": f.subject,
                "facts": dict(f.facts),
                "said": chain.sentence(f, voice.language),
            }
            for f in flaws
        ]
    )
    return 1 if flaws else 0


@audit.command("verify")
@click.option("--entity", metavar="CODE", help="Only this legal entity.")
@click.pass_obj
def verify(voice: Voice, entity: str | None) -> int:
    """Recompute every event's digest and every link; names each event in which a byte changed. Exit code 1 when one did."""
    with opened(), progress() as bar:
        one = entities.named(entity).id if entity else None
        task = bar.add_task(voice.pick("events", "事件"), total=None, rate="")

        def tell(_: int, checked: int, total: int) -> None:
            bar.update(task, completed=checked, total=total)

        flaws = chain.verify(raw(), one, tell)
    return told(voice, flaws)


@audit.command("export")
@DAY
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="Where the seal goes; keep it somewhere else."
)
@click.pass_obj
def export(voice: Voice, day: date | None, out: Path) -> None:
    """Write a day's seal into a file, to check any copy of the database against it later."""
    with opened():
        seal = exported(day or latest_day())
        out.write_text(json.dumps(seal, indent=2), encoding="utf-8")
        voice.say(f"{out}", f"{out}")
        voice.document(seal)


@audit.command("check")
@click.argument("seal", type=click.Path(path_type=Path))
@click.pass_obj
def check(voice: Voice, seal: Path) -> int:
    """Check this database against a seal exported earlier: also one whose whole chain was recomputed is found out."""
    if not seal.is_file():
        raise Refused(Refusal("file_not_found", str(seal), facts={"path": str(seal)}))
    with opened():
        exported = json.loads(seal.read_text(encoding="utf-8"))
        flaws = [flaw for entity in exported["entities"] for flaw in chain.check_seal(raw(), entity)]
    return told(voice, flaws)
