"""`nostro exceptions`: the one queue, and what people do about it. 异常"""

import json
from datetime import date

import click
from django.db import transaction

from nostro.departments.operations import queue
from nostro.front.commands.day import DAY
from nostro.front.output import Voice
from nostro.front.session import opened, working_day
from nostro.kernel.money import currency_scale, written
from nostro.spine import approvals, entities
from nostro.spine.actions import Action
from nostro.spine.entities import Entity

ENTITY = click.option("--entity", required=True, metavar="CODE", help="Legal entity, such as EUB.")
PERSON = click.option("--as", "person", required=True, metavar="LOGIN", help="Who you are.")
COMMENT = click.option("--comment", required=True, help="Why, in words.")


@click.group()
def exceptions() -> None:
    """What could not go straight through. 异常队列"""


def money(minor: int | None, currency: str | None) -> str:
    """Money at risk for people: "EUR 1,234.50", or nothing."""
    return f"{currency} {written(minor, currency_scale(currency))}" if minor is not None and currency else ""


@exceptions.command("list")
@click.option("--entity", metavar="CODE", help="Only this legal entity.")
@DAY
@click.option("--all", "closed", is_flag=True, help="Closed ones too.")
@click.pass_obj
def show_queue(voice: Voice, entity: str | None, day: date | None, closed: bool) -> int:
    """Open exceptions by deadline and money at risk."""
    with opened():
        chosen = [entities.named(entity)] if entity else entities.every()
        rows = [(one, row) for one in chosen for row in queue.listed(one, day, closed=closed).iter_rows(named=True)]
        spoken = [queue.spoken(row, voice.language) for _, row in rows]
        voice.table(
            ["entity", "id", "reason", "subject", "owner", "deadline", "at risk", "state", "what happened"],
            [
                (
                    one.code, row["id"], row["reason"], row["subject"], row["owner"],
                    f"{row['deadline']:%m-%d %H:%M}Z" if row["deadline"] else "",
                    money(row["money_minor"], row["currency"]), row["state"], said,
                )
                for (one, row), (said, _) in zip(rows, spoken, strict=True)
            ],
            right=["at risk", "id"],
        )  # fmt: skip
        voice.say(
            f"{len(rows)} exceptions. Next: nostro exceptions show ID --entity CODE",
            f"共 {len(rows)} 项异常。下一步:nostro exceptions show 编号 --entity 代码",
        )
        voice.document(
            [
                {"entity": one.code, **row, "facts": json.loads(row["facts"]), "sentence": said, "cure": cure}
                for (one, row), (said, cure) in zip(rows, spoken, strict=True)
            ]
        )
    return 3 if any(row["state"] != "closed" for _, row in rows) else 0


def _shown(voice: Voice, entity: Entity, number: int) -> None:
    found = queue.listed(entity, closed=True).filter(id=number).to_dicts()
    if not found:
        raise click.UsageError(f"{entity.code} has no exception {number}; see nostro exceptions list")
    row = found[0]
    said, cure = queue.spoken(row, voice.language)
    known = queue.actions_of(row["department"])
    allowed = [name for name in queue.WORDS[row["reason"]].actions if name in known]
    past = queue.history(entity, number)
    voice.table(
        ["", " "],
        [
            (voice.pick("reason", "原因"), row["reason"]),
            (voice.pick("subject", "对象"), row["subject"]),
            (voice.pick("what happened", "情况"), said),
            (voice.pick("what to do", "建议"), cure),
            (voice.pick("owner", "负责岗位"), row["owner"]),
            (voice.pick("deadline", "截止时间"), row["deadline"] or ""),
            (voice.pick("at risk", "风险金额"), money(row["money_minor"], row["currency"])),
            (voice.pick("state", "状态"), row["state"]),
            *((voice.pick("action", "可选动作"), _spoken_action(voice, name, known[name])) for name in allowed),
            *((line.recorded_at, f"{line.action} · {line.actor} · {line.comment}") for line in past),
        ],
    )
    voice.document(
        {
            "entity": entity.code, **row, "facts": json.loads(row["facts"]), "sentence": said, "cure": cure,
            "actions": allowed, "history": [vars_of(line) for line in past],
        }
    )  # fmt: skip


def vars_of(line: queue.HistoryLine) -> dict[str, str]:
    """A line of history as JSON has it."""
    return {"action": line.action, "actor": line.actor, "comment": line.comment, "recorded_at": line.recorded_at}


def _spoken_action(voice: Voice, name: str, action: Action) -> str:
    fields = "".join(f" --set {field}=…" for field in action.fields)
    second = voice.pick(" (two people)", "(须复核)") if action.two_people else ""
    return f"{name}{fields}: {voice.pick(action.en, action.zh)}{second}"


@exceptions.command("show")
@click.argument("number", type=int)
@ENTITY
@click.pass_obj
def show(voice: Voice, number: int, entity: str) -> None:
    """One exception: what happened, what to do, who may, and what was done."""
    with opened():
        _shown(voice, entities.named(entity), number)


@exceptions.command("act")
@click.argument("number", type=int)
@click.argument("action")
@ENTITY
@PERSON
@COMMENT
@click.option("--set", "settings", multiple=True, metavar="FIELD=VALUE", help="What the action needs.")
@click.pass_obj
def act(
    voice: Voice, number: int, action: str, entity: str, person: str, comment: str, settings: tuple[str, ...]
) -> None:
    """Do something about an exception, or propose it where it takes two people."""
    unclear = [setting for setting in settings if "=" not in setting]
    if unclear:
        raise click.UsageError(f"--set takes FIELD=VALUE, not {', '.join(unclear)}")
    with opened():
        one = entities.named(entity)
        with transaction.atomic():
            payload = dict(setting.split("=", 1) for setting in settings)
            state = queue.act(one, working_day(), number, action, person=person, comment=comment, payload=payload)
        waiting = [
            pending.id for pending in approvals.pending(one.id) if pending.payload.get("exception") == str(number)
        ]
        voice.say(f"{one.code} {number} {action}: {state}", f"{one.code} {number} {action}:{voice.word(state)}")
        if waiting:
            voice.say(
                f"A second person decides: nostro exceptions approve {waiting[-1]} --entity {one.code} --as LOGIN --comment WHY",
                f"须由另一人复核:nostro exceptions approve {waiting[-1]} --entity {one.code} --as 登录名 --comment 理由",
            )
        voice.document(
            {"entity": one.code, "exception": number, "action": action, "state": state, "proposals": waiting}
        )


@exceptions.command("proposals")
@ENTITY
@click.pass_obj
def proposals(voice: Voice, entity: str) -> None:
    """What waits for a second person. 待复核"""
    with opened():
        waiting = approvals.pending(entities.named(entity).id)
        voice.table(
            ["id", "subject", "action", "with", "maker", "why"],
            [
                (p.id, p.subject, p.action, json.dumps(dict(p.payload), ensure_ascii=False), p.maker, p.reason)
                for p in waiting
            ],
        )
        voice.document(
            [
                {
                    "id": p.id,
                    "subject": p.subject,
                    "action": p.action,
                    "payload": dict(p.payload),
                    "maker": p.maker,
                    "reason": p.reason,
                }
                for p in waiting
            ]
        )


def _decide(voice: Voice, proposal: int, entity: str, person: str, comment: str, approved: bool) -> None:
    with opened():
        one = entities.named(entity)
        with transaction.atomic():
            state = queue.decide(one, working_day(), proposal, person=person, approved=approved, comment=comment)
        voice.say(f"{one.code} {proposal}: exception {state}", f"{one.code} {proposal}:异常{voice.word(state)}")
        voice.document({"entity": one.code, "proposal": proposal, "approved": approved, "state": state})


@exceptions.command("approve")
@click.argument("proposal", type=int)
@ENTITY
@PERSON
@COMMENT
@click.pass_obj
def approve(voice: Voice, proposal: int, entity: str, person: str, comment: str) -> None:
    """Agree to a proposal of somebody else; it is done at once. 复核通过"""
    _decide(voice, proposal, entity, person, comment, True)


@exceptions.command("refuse")
@click.argument("proposal", type=int)
@ENTITY
@PERSON
@COMMENT
@click.pass_obj
def refuse(voice: Voice, proposal: int, entity: str, person: str, comment: str) -> None:
    """Refuse a proposal of somebody else; the exception is open again. 复核拒绝"""
    _decide(voice, proposal, entity, person, comment, False)
