"""`nostro recon`: the ledger against custodians and banks. 对账"""

from datetime import date

import click

from nostro.departments.reconciliation import queries
from nostro.front.commands.day import DAY
from nostro.front.output import Voice
from nostro.front.session import latest_day, opened
from nostro.spine import entities


@click.group()
def recon() -> None:
    """The ledger against the world. 对账"""


@recon.command("list")
@click.option("--entity", metavar="CODE", help="Only this legal entity.")
@DAY
@click.pass_obj
def summary(voice: Voice, entity: str | None, day: date | None) -> int:
    """Each statement of the day: lines, matched, breaks. Exit code 3 when there is a break."""
    with opened():
        chosen = [entities.named(entity)] if entity else entities.firms()
        rows = [
            {"entity": one.code, **row}
            for one in chosen
            for row in queries.summary(one.id, day or latest_day()).iter_rows(named=True)
        ]
        columns = ["entity", "kind", "account", "currency", "statement", "lines", "matched", "breaks"]
        voice.table(columns, [[row[name] for name in columns] for row in rows], right=columns[5:])
        voice.document(rows)
    return 3 if any(row["breaks"] for row in rows) else 0


@recon.command("breaks")
@click.option("--entity", metavar="CODE", help="Only this legal entity.")
@DAY
@click.pass_obj
def breaks(voice: Voice, entity: str | None, day: date | None) -> int:
    """Each line that differs: theirs, ours, the difference. Exit code 3 when there is one."""
    with opened():
        chosen = [entities.named(entity)] if entity else entities.firms()
        rows = [
            {"entity": one.code, **row}
            for one in chosen
            for row in queries.breaks(one.id, day or latest_day()).iter_rows(named=True)
        ]
        columns = ["entity", "kind", "account", "currency", "item", "theirs", "ours", "difference"]
        voice.table(columns, [[row[name] for name in columns] for row in rows], right=columns[5:])
        voice.document(rows)
    return 3 if rows else 0
