"""`nostro trade show` tells one trade's life; `nostro explain` goes from a figure back to its message. 交易始末与溯源"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import click

from nostro.departments.operations import story
from nostro.front.commands.exceptions import ENTITY
from nostro.front.output import Voice
from nostro.front.session import opened
from nostro.kernel.money import written
from nostro.kernel.refusals import Refusal, Refused
from nostro.ledger import queries
from nostro.ledger.assets import assets
from nostro.spine import entities, inbox
from nostro.spine.entities import Entity


def moment(_: click.Context, __: click.Parameter, text: str | None) -> datetime | None:
    """An ISO date and time with its zone."""
    if not text:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise Refused(Refusal("time_invalid", f"--known-at {text}", facts={"value": text}))
    return when


AS_OF = click.option("--as-of", callback=lambda c, p, v: _day(c, p, v), metavar="YYYY-MM-DD", help="Business date.")
KNOWN_AT = click.option(
    "--known-at", callback=moment, metavar="TIME", help="As it was known then, an ISO time with zone."
)


def _day(context: click.Context, parameter: click.Parameter, text: str | None) -> date | None:
    from nostro.front.commands.day import parsed

    return parsed(context, parameter, text)


@click.group()
def trade() -> None:
    """One trade, from message to journal. 交易"""


@trade.command("show")
@click.argument("exec_id")
@ENTITY
@KNOWN_AT
@click.option("--messages", is_flag=True, help="With the original messages.")
@click.pass_obj
def show(voice: Voice, exec_id: str, entity: str, known_at: datetime | None, messages: bool) -> None:
    """Everything that happened to a trade, line by line, with its postings."""
    with opened():
        one = entities.named(entity)
        until = queries.known_at(one.id, known_at) if known_at else None
        tell(voice, one, story.of_execution(one, exec_id, known_until=until), messages=messages)


@click.command()
@click.argument("figure")
@ENTITY
@AS_OF
@KNOWN_AT
@click.pass_obj
def explain(voice: Voice, figure: str, entity: str, as_of: date | None, known_at: datetime | None) -> None:
    """From a figure to the messages behind it. FIGURE is a transfer's number, an account's code, or a subject such as trade/17.

    An account is explained by its transfers; a transfer by its event, what caused that, and the message at the beginning.
    """
    with opened():
        one = entities.named(entity)
        if figure.isdigit():
            tell(voice, one, story.behind_transfer(one, int(figure)), messages=True)
            return
        found = queries.balances(one.id, prefix=figure).filter(code=figure)
        if found.is_empty():
            tell(voice, one, story.of_subjects(one, [figure]), messages=True)
            return
        scale = int(assets().filter(id=found["asset_id"][0])["scale"][0])
        lines = queries.statement(
            one.id, figure, queries.BEFORE_ALL + timedelta(1), as_of or queries.LAST_DAY, as_known_at=known_at
        )
        voice.table(
            ["transfer", "day", "event", "against", "amount", "balance"],
            [
                (
                    row["transfer"], row["business_date"], row["event"], row["contra"],
                    written(row["amount_minor"], scale), written(row["balance_minor"], scale),
                )
                for row in lines.iter_rows(named=True)
            ],
            right=["amount", "balance"],
        )  # fmt: skip
        voice.say(
            f"Next: nostro explain TRANSFER --entity {one.code}", f"下一步:nostro explain 转账编号 --entity {one.code}"
        )
        voice.document({"account": figure, "scale": scale, "lines": lines.to_dicts()})


def tell(voice: Voice, entity: Entity, lines: list[story.Line], *, messages: bool) -> None:
    """Print a story: what happened, where it came from, what it moved, and the original messages when asked for."""
    originals = (
        {line.message: inbox.original(entity.id, line.message) for line in lines if line.message is not None}
        if messages
        else {}
    )
    for line in lines:
        said = " ".join(f"{key}={value}" for key, value in line.content.items() if value not in (None, ""))
        source = f" ← {line.message_file}" if line.message_file else f" ← event {line.cause}" if line.cause else ""
        voice.say(*[f"{line.seq:>8}  {line.subject:32}  {line.kind}  {said}{source}"] * 2)
        for posting in line.postings:
            amount = written(posting.amount_minor, posting.scale)
            voice.say(*[f"{'':10}Dr {posting.debit}  Cr {posting.credit}  {amount} {posting.asset}"] * 2)
    for number, (name, data) in originals.items():
        voice.say(f"\nmessage {number} in {name}:", f"\n报文 {number},文件 {name}:")
        voice.say(*[readable(data)] * 2)
    voice.document(
        [
            {**_told(line), "original": readable(originals[line.message][1]) if line.message in originals else None}
            for line in lines
        ]
    )


def readable(data: bytes) -> str:
    """An original message as a terminal can show it: FIX's separator as |, bytes that are no text as escapes."""
    return data.decode("utf-8", "backslashreplace").replace("\x01", "|")


def _told(line: story.Line) -> Mapping[str, object]:
    return {
        "seq": line.seq, "recorded_at": line.recorded_at, "business_date": line.business_date, "kind": line.kind,
        "subject": line.subject, "actor": line.actor, "content": dict(line.content), "cause": line.cause,
        "message": line.message, "message_file": line.message_file,
        "postings": [
            {"id": p.id, "debit": p.debit, "credit": p.credit, "asset": p.asset, "amount_minor": p.amount_minor, "scale": p.scale}
            for p in line.postings
        ],
    }  # fmt: skip
