"""What people may do about an execution that cannot go on. 交易处理动作"""

from collections.abc import Mapping
from datetime import date

from django.db import connection

from nostro.departments.trades import desk
from nostro.reference.actions import ACTIONS as REFERENCE
from nostro.spine.actions import Action, Item
from nostro.spine.entities import Entity


def _retry(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    for step in (desk.enrich, desk.allocate, desk.confirm):
        step(entity, day)
    return _state(entity, item)


def _cancel_execution(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    desk.cancel_execution(entity, day, _exec_id(item), actor)
    return "closed"


def _accept_price(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    desk.accept_price(entity, day, _exec_id(item), actor)
    return _retry(entity, day, item, payload, actor)


def _accept_confirm(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    desk.accept_confirm(entity, day, _exec_id(item), item.facts.get("confirm_id", ""), actor)
    return "closed"


def _exec_id(item: Item) -> str:
    return item.subject.removeprefix("execution/")


def _state(entity: Entity, item: Item) -> str:
    """What trying again made of the exception: the desks close what has come right."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM spine_exception WHERE entity_id = %s AND id = %s", [entity.id, item.id])
        row = cursor.fetchone()
    return str(row[0]) if row else "open"


ACTIONS: Mapping[str, Action] = {
    "retry": Action("Try again", "重新处理", False, _retry),
    "cancel_execution": Action("Cancel the execution", "撤销成交", True, _cancel_execution),
    "accept_price_outside": Action("Accept the price", "接受该价格", True, _accept_price),
    "accept_confirm": Action("Hold it confirmed at our amount", "按我方金额确认", True, _accept_confirm),
    "add_instrument": REFERENCE["add_instrument"],
    "add_ssi": REFERENCE["add_ssi"],
}
