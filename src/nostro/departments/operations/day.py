"""Runs a business day: every step that can go on goes on; what waits or failed is said; again continues. 营业日运行"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final

from django.db import InterfaceError, OperationalError, connection
from polars.exceptions import PanicException

from nostro.departments.accounting import desk as accounting
from nostro.departments.clearing import desk as clearing
from nostro.departments.operations import feeds
from nostro.departments.operations.rules import plan
from nostro.departments.operations.seal import seal
from nostro.departments.reconciliation import desk as reconciliation
from nostro.departments.settlement import desk as settlement
from nostro.departments.trades import desk as trades
from nostro.kernel.refusals import Tally
from nostro.reference import desk as reference
from nostro.spine import entities, steps
from nostro.spine.entities import HOUSE, Entity

log = logging.getLogger(__name__)
RETRIES_MAX: Final = 2
RETRY_SECONDS: Final = 0.5
Progress = Callable[[Entity, str, Tally | None], None]
"""Called when a step begins (without a tally) and when it is done."""


@dataclass(slots=True)
class Run:
    """How far a day came: tallies of steps done, what each waiting step waits for, the error of each failed one."""

    done: dict[plan.Node, Tally] = field(default_factory=dict)
    waiting: dict[plan.Node, str] = field(default_factory=dict)
    failed: dict[plan.Node, str] = field(default_factory=dict)
    total: int = 0

    @property
    def is_complete(self) -> bool:
        """Every step is done."""
        return len(self.done) == self.total


def desks(exchange: Path) -> Mapping[str, steps.Desk]:
    """What each step of the plan calls."""
    return {
        "receive_morning": feeds.receiving(exchange, "1_morning"),
        "receive_market": feeds.receiving(exchange, "2_market"),
        "receive_evening": feeds.receiving(exchange, "3_evening"),
        "reference": reference.load_reference,
        "prices_open": reference.load_opening_prices,
        "prices_close": reference.load_closing_prices,
        "static": reference.load_static,
        "open_books": accounting.open_books,
        "capture": trades.capture,
        "enrich": trades.enrich,
        "allocate": trades.allocate,
        "confirm": trades.confirm,
        "novate": clearing.novate,
        "agree": clearing.agree,
        "book_trades": accounting.book,
        "instruct": settlement.instruct,
        "release": feeds.releasing(exchange),
        "answer": settlement.answer,
        "fail": settlement.fail,
        "book_settlements": accounting.book,
        "value": accounting.value,
        "reconcile_holdings": reconciliation.reconcile_holdings,
        "reconcile_cash": reconciliation.reconcile_cash,
        "close": accounting.close,
        "seal": seal,
    }


def run(day: date, exchange: Path, progress: Progress) -> Run:
    """Run what can be run of the day, in the plan's order. Running it again goes on where it stopped."""
    house = entities.house()
    table = desks(exchange)
    result = Run()
    while True:
        everybody = {HOUSE: house, **{firm.id: firm for firm in entities.firms()}}
        firms = [number for number in everybody if number != HOUSE]  # known once the house has loaded them
        nodes = list(plan.order(firms))
        result.total = len(nodes)
        tried = {*result.done, *result.waiting, *result.failed}
        ready = [node for node in nodes if node not in tried and plan.needs(node, firms) <= result.done.keys()]
        if not ready:
            return result
        for entity, name in ready:
            _step(everybody[entity], day, (entity, name), table[name], result, progress)


def _step(entity: Entity, day: date, node: plan.Node, desk: steps.Desk, result: Run, progress: Progress) -> None:
    progress(entity, node[1], None)
    for chance in range(RETRIES_MAX, -1, -1):
        try:
            tally = steps.run(entity, day, node[1], desk)
        except steps.Waiting as waiting:
            result.waiting[node] = waiting.what
        except (OperationalError, InterfaceError) as error:
            # The database went away or chose us as the victim of a deadlock: the step left no trace and may be tried again.
            connection.close()
            if chance:
                time.sleep(RETRY_SECONDS)
                continue
            result.failed[node] = f"{type(error).__name__}: {error}"
        except (Exception, PanicException) as error:  # one firm's broken step is written down and stops no other firm
            log.exception("step %s of %s failed", node[1], entity.code)
            result.failed[node] = f"{type(error).__name__}: {error}"
        else:
            result.done[node] = tally
            progress(entity, node[1], tally)
        return
