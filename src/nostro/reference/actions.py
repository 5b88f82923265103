"""What two people may change in reference data: a price, an instrument, a settlement instruction. 参考数据处理动作"""

from collections.abc import Mapping
from datetime import date
from typing import Final

import polars as pl

from nostro.kernel.money import MICRO, to_minor
from nostro.kernel.refusals import Refusal, Refused
from nostro.messages.shapes import WHERE
from nostro.reference import desk, queries
from nostro.reference.rules import static
from nostro.spine.actions import Action, Item
from nostro.spine.entities import Entity, house


def _set_price(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    isin = item.subject.removeprefix("price/")
    desk.set_price(house(), _day(item), isin, _price_micro(item, payload["price"]), item.facts["currency"], actor)
    return "closed"


def _accept_price(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    return _set_price(entity, day, item, {"price": item.facts["price"]}, actor)


def _add_instrument(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    row = {"isin": item.facts["isin"], **{name: payload[name] for name in INSTRUMENT_FIELDS}}
    scale = row["scale"] if row["scale"].isdigit() else "-1"
    frame = pl.DataFrame([{**dict.fromkeys(WHERE, 1), **row, "scale": int(scale)}])
    problems = list(static.errors("instruments.csv", frame).get(1, ()))
    known = queries.markets(day)["mic"].to_list()
    wrong = [(e["facts"]["column"], e["facts"]["value"], e["facts"]["rule"]) for e in problems]
    if row["mic"] not in known:
        wrong.append(("mic", row["mic"], f"one_of {'|'.join(known)}"))
    _refuse(item, wrong)
    desk.add_instrument(house(), day, frame.drop(*WHERE), actor)
    return "open"


def _add_ssi(entity: Entity, day: date, item: Item, payload: Mapping[str, str], actor: str) -> str:
    party, place = item.facts["counterparty"], item.facts["place"]
    row = {"party_bic": party, "place_bic": place, "valid_from": day, **{name: payload[name] for name in SSI_FIELDS}}
    problems = static.errors("ssis.csv", pl.DataFrame([{**dict.fromkeys(WHERE, 1), **row}])).get(1, ())
    _refuse(item, [(e["facts"]["column"], e["facts"]["value"], e["facts"]["rule"]) for e in problems])
    desk.add_ssi(entity, day, party, place, payload["agent_bic"], payload["account"], actor)
    return "open"


def _day(item: Item) -> date:
    return date.fromisoformat(item.facts["day"]) if "day" in item.facts else item.business_date


def _price_micro(item: Item, text: str) -> int:
    try:
        micro = to_minor(text.replace(",", ""), MICRO)
    except (ValueError, OverflowError) as error:
        _refuse(item, [("price", text, str(error))])
        raise
    if micro <= 0:
        _refuse(item, [("price", text, "more than 0")])
    return micro


def _refuse(item: Item, wrong: list[tuple[str, str, str]]) -> None:
    if wrong:
        raise Refused(
            *(Refusal("value_invalid", item.subject, facts={"field": f, "value": v, "rule": r}) for f, v, r in wrong)
        )


INSTRUMENT_FIELDS: Final = ("name", "name_zh", "cfi", "currency", "mic", "scale")
SSI_FIELDS: Final = ("agent_bic", "account")
ACTIONS: Mapping[str, Action] = {
    "set_price": Action("Set a price", "录入价格", True, _set_price, ("price",)),
    "accept_price": Action("Accept the vendor's price", "接受行情商价格", True, _accept_price),
    "add_instrument": Action("Add the instrument", "新增证券", True, _add_instrument, INSTRUMENT_FIELDS),
    "add_ssi": Action("Add a settlement instruction", "新增标准结算指令", True, _add_ssi, SSI_FIELDS),
}
"""An added instrument or instruction leaves the exception open: the trade it was for is tried again, and closes it."""
