"""What a person may do about a break. 对账处理动作"""

from collections.abc import Mapping
from datetime import date

import polars as pl

from nostro.departments.reconciliation import desk
from nostro.spine.actions import Action, Item
from nostro.spine.entities import Entity


def _rematch(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    kind = "holdings" if item.reason == "holding_differs" else "cash"
    of_day = date.fromisoformat(item.facts["day"])
    still = desk.rematch(entity, day, kind, item.facts["account"], item.facts.get("currency", ""), of_day)
    differs = still.filter(pl.col("reason") == item.reason, pl.col("subject") == item.subject)
    return "closed" if differs.is_empty() else "open"


def _accept(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    return "closed"


ACTIONS: Mapping[str, Action] = {
    "rematch": Action("Compare the account again", "重新对账", False, _rematch),
    "accept_break": Action("Accept the difference", "接受差异", True, _accept),
}
