"""Closing a business date: prove the books, keep a snapshot, and take nothing more. 关账"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl
from django.db import connection

from nostro.kernel.refusals import Refusal, Refused
from nostro.ledger.queries import EVER, LAST_DAY, balances, replayed, trial_of
from nostro.ledger.rules.columns import TOTALS
from nostro.ledger.rules.replay import differences
from nostro.spine.database import copy_in
from nostro.spine.events import head

DIFFERENCES_SHOWN_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class Closed:
    """What was closed: transfers of the day, accounts in the snapshot, and the trial balance up to the day."""

    transfers: int
    accounts: int
    trial_balance: pl.DataFrame


def close_day(entity_id: int, day: date, event: int | None = None) -> Closed:
    """Close a business date and all before it, in the caller's transaction: posting on them is CLOSED_DAY from now on.

    event  the last event known at the close; the end of the entity's log when it is left out
    Refuses a date that is closed, or that a later close covers. Refuses, with every difference by name, when debits and
    credits of an asset differ, or when the balances are not the replay of the last snapshot and the transfers after it.
    """
    end = head(entity_id, lock=True).last_seq
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(business_date) FROM ledger_closedday WHERE entity_id = %s", [entity_id])
        last = cursor.fetchone()[0]
        if last is not None and day <= last:
            raise Refused(Refusal("day_closed_already", f"day/{day}", facts={"closed_through": str(last)}))
        cursor.execute(
            "SELECT count(*) FROM ledger_transfer WHERE entity_id = %s AND business_date = %s", [entity_id, day]
        )
        transfers = int(cursor.fetchone()[0])
        cursor.execute(
            "SELECT EXISTS (SELECT FROM ledger_transfer WHERE entity_id = %s AND business_date > %s)", [entity_id, day]
        )
        goes_on = bool(cursor.fetchone()[0])
    held = balances(entity_id, as_of=day)
    trial = trial_of(held)
    again = replayed(entity_id, LAST_DAY, EVER) if goes_on else held.select(TOTALS.names())
    wrong = differences(balances(entity_id).select(TOTALS.names()), again)
    refusals = [
        Refusal(
            "trial_balance_differs", f"asset/{asset}", facts={"debits_minor": str(debit), "credits_minor": str(credit)}
        )
        for asset, debit, credit, difference in trial.iter_rows()
        if difference
    ] + [
        Refusal("balance_differs", f"account/{account}", facts={"stored": stored, "replayed": replay})
        for account, stored, replay in wrong.head(DIFFERENCES_SHOWN_MAX).iter_rows()
    ]
    if refusals:
        raise Refused(*refusals)
    known = end if event is None else event
    copy_in(
        "ledger_snapshot",
        held.select(
            "account",
            "debit_minor",
            "credit_minor",
            entity_id=pl.lit(entity_id),
            business_date=pl.lit(day),
            event=pl.lit(known),
        ),
    )
    copy_in("ledger_closedday", pl.DataFrame({"entity_id": [entity_id], "business_date": [day], "event": [known]}))
    return Closed(transfers, held.height, trial)
