"""The business day as a table: which step follows which, for the house and for each firm. 日程表

A firm's steps form one chain, so that its events have one order whatever came in first; the house's likewise.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Final


@dataclass(frozen=True, slots=True)
class Planned:
    """A step of the plan. `after` names steps of the same entity; `after_house` and `after_firms` those of others."""

    name: str
    en: str
    zh: str
    after: str | None = None
    after_house: str | None = None
    after_firms: str | None = None


HOUSE_PLAN: Final = (
    Planned("receive_morning", "take in the morning's files", "接收早间文件"),
    Planned("reference", "markets, instruments, parties", "加载市场、证券与机构", "receive_morning"),
    Planned("prices_open", "prices and rates of the last close", "加载上日行情与汇率", "reference"),
    Planned("receive_evening", "take in the closing prices", "接收收市文件", "prices_open"),
    Planned("prices_close", "check and load the day's prices", "校验并加载当日行情", "receive_evening"),
    Planned("seal", "seal the day", "封存营业日", "prices_close", after_firms="seal"),
)
FIRM_PLAN: Final = (
    Planned("receive_morning", "take in the morning's files", "接收早间文件", after_house="prices_open"),
    Planned("static", "books, accounts, settlement instructions", "加载账簿、账户与结算指令", "receive_morning"),
    Planned("open_books", "opening positions and cash", "期初持仓与资金", "static"),
    Planned("capture", "capture executions", "捕获成交", "open_books"),
    Planned("enrich", "validate and enrich", "校验与补全", "capture"),
    Planned("allocate", "allocate to books", "分配至账簿", "enrich"),
    Planned("confirm", "agree with counterparties", "与对手方确认", "allocate"),
    Planned("novate", "novate and net", "合约更替与轧差", "confirm"),
    Planned("agree", "agree with the CCPs", "与中央对手方核对", "novate"),
    Planned("book_trades", "post trade-date entries", "交易日记账", "agree"),
    Planned("instruct", "instruct settlement", "发出交收指令", "book_trades"),
    Planned("release", "release messages to the street", "放行外发报文", "instruct"),
    Planned("receive_market", "take in the market's answers", "接收市场回报", "release"),
    Planned("answer", "match and settle", "匹配与交收", "receive_market"),
    Planned("fail", "what failed at the cut-off", "截止未交收", "answer"),
    Planned("book_settlements", "post settlement entries", "交收日记账", "fail"),
    Planned("receive_evening", "take in statements", "接收对账单", "book_settlements", after_house="prices_close"),
    Planned("value", "value positions", "估值", "receive_evening"),
    Planned("reconcile_holdings", "reconcile with custodians", "与托管人对账", "value"),
    Planned("reconcile_cash", "reconcile with banks", "与银行对账", "reconcile_holdings"),
    Planned("close", "trial balance and close", "试算平衡与关账", "reconcile_cash"),
    Planned("seal", "seal the firm's day", "封存", "close"),
)

Node = tuple[int, str]
"""An entity's number and the name of one of its steps."""


def order(firms: Iterable[int]) -> Iterator[Node]:
    """Every step of the house (0) and these firms, each after all it stands on; always in the same order."""
    return iter(TopologicalSorter(_needs(sorted(firms))).static_order())


def needs(node: Node, firms: Iterable[int]) -> set[Node]:
    """The steps that must be done before this one."""
    return _needs(sorted(firms))[node]


def _needs(firms: list[int]) -> dict[Node, set[Node]]:
    graph: dict[Node, set[Node]] = {}
    for entity, plan in [(0, HOUSE_PLAN), *((firm, FIRM_PLAN) for firm in firms)]:
        for step in plan:
            before: set[Node] = set()
            if step.after:
                before.add((entity, step.after))
            if step.after_house:
                before.add((0, step.after_house))
            if step.after_firms:
                before |= {(firm, step.after_firms) for firm in firms}
            graph[entity, step.name] = before
    return graph


def planned(node: Node) -> Planned:
    """The plan's line for a step of an entity."""
    return next(step for step in (HOUSE_PLAN if node[0] == 0 else FIRM_PLAN) if step.name == node[1])
