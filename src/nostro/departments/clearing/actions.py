"""What a person may do about an exception of clearing. 清算处理动作"""

from collections.abc import Mapping
from datetime import date

import polars as pl

from nostro.departments.clearing import desk, queries
from nostro.departments.clearing.rules import agree
from nostro.spine.actions import Action, Item
from nostro.spine.entities import Entity


def _accept(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    desk.take_ours(entity, day, item.subject, actor)
    return "closed"


def _retry(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    key = pl.DataFrame([{name: item.facts[name] for name in agree.KEY}]).with_columns(
        pl.col("settle_date").str.to_date()
    )
    told = queries.obligations(entity.id, key["settle_date"].to_list()).join(key, on=agree.KEY, how="semi")
    compared = desk.compare(entity, day, told)
    return "closed" if item.subject in compared.same["subject"] else "open"


ACTIONS: Mapping[str, Action] = {
    "accept_obligation": Action("Take our figure and instruct it", "以我方数据为准并发送指令", True, _accept),
    "retry": Action("Compare again", "重新核对", False, _retry),
}
