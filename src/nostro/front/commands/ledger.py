"""`nostro ledger`: trial balance, balances, statements, verification. 总账"""

from datetime import date, datetime

import click
import polars as pl

from nostro.front.commands.exceptions import ENTITY
from nostro.front.commands.trade import AS_OF, KNOWN_AT, explain
from nostro.front.output import Voice
from nostro.front.session import opened
from nostro.kernel.money import written
from nostro.ledger import queries, verify
from nostro.ledger.assets import assets
from nostro.spine import entities
from nostro.spine.audit import sentence
from nostro.spine.database import raw


@click.group()
def ledger() -> None:
    """The books: who owns what. 总账"""


def _named(frame: pl.DataFrame) -> pl.DataFrame:
    """The same with each asset's code (`asset`) and scale."""
    named = assets().select(asset_id="id", asset="code", scale="scale")
    return frame.join(named, on="asset_id", how="left", maintain_order="left")


@ledger.command("trial-balance")
@click.option("--entity", metavar="CODE", help="Only this legal entity.")
@AS_OF
@KNOWN_AT
@click.pass_obj
def trial_balance(voice: Voice, entity: str | None, as_of: date | None, known_at: datetime | None) -> int:
    """Debits and credits of each asset; exit code 1 when one differs."""
    with opened():
        chosen = [entities.named(entity)] if entity else entities.firms()
        rows = [
            {"entity": one.code, **row}
            for one in chosen
            for row in _named(queries.trial_balance(one.id, as_of=as_of, as_known_at=known_at)).iter_rows(named=True)
        ]
        voice.table(
            ["entity", "asset", "debit", "credit", "difference"],
            [
                (
                    r["entity"],
                    r["asset"],
                    *(written(r[c], r["scale"]) for c in ("debit_minor", "credit_minor", "difference_minor")),
                )
                for r in rows
            ],
            right=["debit", "credit", "difference"],
        )
        voice.document(rows)
    return 1 if any(row["difference_minor"] for row in rows) else 0


@ledger.command("balances")
@ENTITY
@click.option("--prefix", metavar="CODE", help="Only accounts whose code begins so, such as nostro/.")
@AS_OF
@KNOWN_AT
@click.pass_obj
def balances(voice: Voice, entity: str, prefix: str | None, as_of: date | None, known_at: datetime | None) -> None:
    """Balances of accounts: debits less credits."""
    with opened():
        one = entities.named(entity)
        frame = queries.balances(one.id, as_of=as_of, as_known_at=known_at, prefix=prefix)
        rows = _named(frame).sort("code")
        voice.table(
            ["account", "asset", "debit", "credit", "balance"],
            [
                (
                    r["code"],
                    r["asset"],
                    *(written(r[c], r["scale"]) for c in ("debit_minor", "credit_minor", "balance_minor")),
                )
                for r in rows.iter_rows(named=True)
            ],
            right=["debit", "credit", "balance"],
        )
        voice.document(rows.with_columns(pl.lit(one.code).alias("entity")).to_dicts())


ledger.add_command(explain, "statement")


@ledger.command("verify")
@click.option("--entity", metavar="CODE", help="Only this legal entity.")
@click.pass_obj
def check(voice: Voice, entity: str | None) -> int:
    """Balances = replay of transfers = snapshots; exit code 1 and every difference by name otherwise."""
    with opened():
        chosen = [entities.named(entity)] if entity else entities.firms()
        flaws = [flaw for one in chosen for flaw in verify.verify(raw(), one.id)]
        for flaw in flaws:
            voice.say(*(sentence(flaw, language, verify.SENTENCES) for language in ("en", "zh")))
        if not flaws:
            voice.say("The ledger is whole.", "总账完整。")
        voice.document(
            [
                {
                    "entity": f.entity_id,
                    "what": f.what,
                    "subject": f.subject,
                    "said": sentence(f, voice.language, verify.SENTENCES),
                }
                for f in flaws
            ]
        )
    return 1 if flaws else 0
