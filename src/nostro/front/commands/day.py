"""`nostro day` runs a business day; `nostro status` says how it stands. 营业日"""

from datetime import UTC, date, datetime

import click
from django.db import connection

from nostro.departments.operations import day as operations
from nostro.departments.operations.rules import plan
from nostro.departments.operations.seal import seal_of
from nostro.front.output import Voice, progress
from nostro.front.session import exchange, latest_day, opened
from nostro.kernel.refusals import Tally
from nostro.spine import entities
from nostro.spine.entities import Entity


def parsed(_: click.Context, __: click.Parameter, text: str | None) -> date | None:
    """An ISO date, or a usage error that says so."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise click.BadParameter(f"{text!r} is not an ISO date such as 2026-10-13") from None


DAY = click.option("--day", callback=parsed, metavar="YYYY-MM-DD", help="Business day; the newest one when left out.")


@click.group()
def day() -> None:
    """Run a business day, and see its steps. 营业日"""


def advance(business_day: date, voice: Voice) -> operations.Run:
    """Run what can be run, with a bar on stderr."""
    started = datetime.now(UTC)
    with progress() as bar:
        task = bar.add_task("day", total=None, rate="")

        def tell(entity: Entity, step: str, tally: Tally | None) -> None:
            words = plan.planned((entity.id, step))
            bar.update(task, description=f"{entity.code:6} {voice.pick(words.en, words.zh)}")
            if tally is not None:
                seconds = (datetime.now(UTC) - started).total_seconds()
                bar.update(task, advance=1, total=len(list(plan.order([f.id for f in entities.firms()]))))
                bar.update(task, rate=f"{tally.seen / max(seconds, 0.001):,.0f}/s")

        return operations.run(business_day, exchange(), tell)


@day.command("run")
@DAY
@click.pass_obj
def run(voice: Voice, day: date | None) -> int:
    """Run every step that can go on; what waits for the street is said. Again continues where it stopped."""
    with opened():
        business_day = day or latest_day()
        result = advance(business_day, voice)
        house = {entity.id: entity.code for entity in entities.every()}
        voice.table(
            ["entity", "step", "count"],
            [
                (house[n], voice.pick(plan.planned((n, s)).en, plan.planned((n, s)).zh), str(t))
                for (n, s), t in result.done.items()
            ],
        )
        for (number, step), what in result.waiting.items():
            voice.say(f"{house[number]} {step} waits for {what}", f"{house[number]} {step} 等待 {what}")
        for (number, step), error in result.failed.items():
            voice.say(f"{house[number]} {step} failed: {error}", f"{house[number]} {step} 失败:{error}")
        voice.document(
            {
                "day": business_day,
                "done": [{"entity": house[n], "step": s, **counts(t)} for (n, s), t in result.done.items()],
                "waiting": [{"entity": house[n], "step": s, "for": w} for (n, s), w in result.waiting.items()],
                "failed": [{"entity": house[n], "step": s, "error": e} for (n, s), e in result.failed.items()],
                "seal": seal_of(business_day),
            }
        )
    if result.failed:
        return 1
    return 0 if result.is_complete else 3


def counts(tally: Tally) -> dict[str, int]:
    """A tally as the JSON of stages has it."""
    return {
        "in": tally.seen,
        "done": tally.done,
        "open": tally.open,
        "cancelled": tally.cancelled,
        "refused": tally.refused,
    }


@day.command("steps")
@DAY
@click.pass_obj
def history(voice: Voice, day: date | None) -> None:
    """Every attempt at every step, also those that were killed. 步骤历史"""
    with opened():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT e.code, r.name, r.attempt, r.started_at, r.ended_at, coalesce(r.outcome, 'killed'), r.detail"
                " FROM spine_steprun r JOIN spine_entity e ON e.id = r.entity_id WHERE r.business_date = %s"
                " ORDER BY r.started_at, e.id",
                [day or latest_day()],
            )
            rows = cursor.fetchall()
        columns = ["entity", "step", "attempt", "started", "ended", "outcome", "detail"]
        voice.table(
            columns, [(*r[:3], f"{r[3]:%H:%M:%S.%f}", f"{r[4]:%H:%M:%S.%f}" if r[4] else "", *r[5:]) for r in rows]
        )
        voice.document([dict(zip(columns, row, strict=True)) for row in rows])


@click.command()
@DAY
@click.pass_obj
def status(voice: Voice, day: date | None) -> None:
    """How the day stands: each entity's steps, exceptions and seal. 状态"""
    with opened():
        business_day = day or latest_day()
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT e.code, coalesce(d.state, 'open'), d.seal,"
                " (SELECT count(*) FROM spine_step s WHERE s.entity_id = e.id AND s.business_date = %s),"
                " (SELECT count(*) FROM spine_exception x WHERE x.entity_id = e.id AND x.state <> 'closed'),"
                " (SELECT coalesce(max(last_seq), 0) FROM spine_block b WHERE b.entity_id = e.id)"
                " FROM spine_entity e LEFT JOIN spine_day d ON d.entity_id = e.id AND d.business_date = %s ORDER BY e.id",
                [business_day, business_day],
            )
            rows = cursor.fetchall()
        voice.say(f"Business day {business_day}", f"营业日 {business_day}")
        columns = ["entity", "state", "steps", "exceptions", "events", "seal"]
        voice.table(
            columns, [(c, s, n, x, f"{v:,}", (seal or "")[:16]) for c, s, seal, n, x, v in rows], right=columns[2:5]
        )
        voice.document(
            {
                "day": business_day,
                "entities": [
                    {"entity": c, "state": s, "seal": seal, "steps": n, "exceptions": x, "events": v}
                    for c, s, seal, n, x, v in rows
                ],
            }
        )
