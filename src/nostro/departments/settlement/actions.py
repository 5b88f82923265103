"""What a person may do about an exception of settlement. 交收处理动作"""

from collections.abc import Mapping
from datetime import date

import polars as pl

from nostro.departments.settlement import desk, queries
from nostro.spine import exceptions
from nostro.spine.actions import Action, Item
from nostro.spine.entities import Entity


def _cancel(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    desk.cancel(entity, day, item.facts["reference"], actor)
    others = [reason for reason in desk.TROUBLES if reason != item.reason]
    exceptions.resolve(entity.id, day, pl.Series([item.subject]), others, "The instruction was cancelled. 指令已撤销")
    return "closed"


def _resend(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    desk.recreate(entity, day, item.facts["reference"], actor)
    return "closed"


def _retry(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    desk.instruct(entity, day)
    return "open" if queries.of_source(entity.id, item.facts["source"]).is_empty() else "closed"


ACTIONS: Mapping[str, Action] = {
    "cancel_instruction": Action("Cancel the instruction", "撤销指令", True, _cancel),
    "resend": Action("Instruct it anew", "重新发送指令", True, _resend),
    "retry": Action("Instruct it now", "立即发送指令", False, _retry),
}
