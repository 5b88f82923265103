"""What a person may do about accounting's exceptions. 会计处理动作"""

from collections.abc import Mapping
from datetime import date

from nostro.departments.accounting import desk
from nostro.spine.actions import Action, Item
from nostro.spine.entities import Entity


def _post_again(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    return "closed" if desk.post_again(entity, day, int(item.facts["event"])) else "open"


ACTIONS: Mapping[str, Action] = {
    # One person is enough: the event is decided, and the rules alone say what it is posted as.
    "post_again": Action("Post the event again", "重新记账", False, _post_again),
}
