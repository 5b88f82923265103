"""Accept or refuse the transfers of a batch, one after the other, so that a batch cut in two gives the same. 逐笔判定

Transfers with the same link other than 0 are one group, all or none. The first refused in a
group keeps its verdict, all others of the group get LINKED_REFUSED. The checks come in the order of `Verdict`.
"""

from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from numba import njit

from nostro.kernel.money import INT64_MAX, INT64_MIN
from nostro.ledger.rules.columns import TRANSFER
from nostro.ledger.rules.verdicts import Verdict

Whole = npt.NDArray[np.int64]

# Plain integers, since compiled code can't look into an enum.
ACCEPTED = int(Verdict.ACCEPTED)
EXISTS = int(Verdict.EXISTS)
DUPLICATE_DIFFERS = int(Verdict.DUPLICATE_DIFFERS)
AMOUNT_NOT_POSITIVE = int(Verdict.AMOUNT_NOT_POSITIVE)
SAME_ACCOUNT = int(Verdict.SAME_ACCOUNT)
DEBIT_UNKNOWN = int(Verdict.DEBIT_UNKNOWN)
CREDIT_UNKNOWN = int(Verdict.CREDIT_UNKNOWN)
DEBIT_ASSET_DIFFERS = int(Verdict.DEBIT_ASSET_DIFFERS)
CREDIT_ASSET_DIFFERS = int(Verdict.CREDIT_ASSET_DIFFERS)
DEBIT_CLOSED = int(Verdict.DEBIT_CLOSED)
CREDIT_CLOSED = int(Verdict.CREDIT_CLOSED)
CLOSED_DAY = int(Verdict.CLOSED_DAY)
DEBIT_OVERFLOW = int(Verdict.DEBIT_OVERFLOW)
CREDIT_OVERFLOW = int(Verdict.CREDIT_OVERFLOW)
CEILING_BREACHED = int(Verdict.CEILING_BREACHED)
FLOOR_BREACHED = int(Verdict.FLOOR_BREACHED)
LINKED_REFUSED = int(Verdict.LINKED_REFUSED)
DUPLICATE_IN_LINK = int(Verdict.DUPLICATE_IN_LINK)
LINK_POSTED_IN_PART = int(Verdict.LINK_POSTED_IN_PART)

NEW, SAME, OTHER = 0, 1, 2
NEVER: Final = 2**31 - 1
ALWAYS: Final = -(2**31)


def judge(
    transfers: pl.DataFrame, accounts: pl.DataFrame, posted: pl.DataFrame, closed_through: date | None
) -> tuple[pl.Series, pl.DataFrame]:
    """The verdict of each transfer in order (Int8, named "verdict"), and the new totals of the accounts that changed.

    transfers       columns of TRANSFER, without nulls
    accounts        columns of ACCOUNT in ascending order: every account the transfers name, as far as it exists
    posted          columns of TRANSFER: those of the ledger whose ids the batch names
    closed_through  the last closed business date; null when none is closed
    Refuses a link group whose transfers do not follow each other: whoever builds such a batch has made a mistake.
    """
    _whole(transfers)
    content = [transfers[name].to_physical().cast(pl.Int64).to_numpy() for name in TRANSFER]
    ids, debit, credit, asset, amount, event, day, link = content
    numbers = accounts["account"].to_numpy()
    assert (np.diff(numbers) > 0).all(), "accounts come in ascending order, each once"
    debits, credits = accounts["debit_minor"].to_numpy().copy(), accounts["credit_minor"].to_numpy().copy()
    verdicts = np.zeros(len(ids), np.int8)
    fixed = (
        *(debit, credit, asset, amount, event, day, link),
        *(_place(debit, numbers), _place(credit, numbers), _before(transfers, posted), _first_of_its_id(ids)),
        accounts["asset"].cast(pl.Int64).to_numpy(),
        accounts["floor_minor"].fill_null(INT64_MIN).to_numpy(),
        accounts["ceiling_minor"].fill_null(INT64_MAX).to_numpy(),
        accounts["closed_from"].to_physical().cast(pl.Int64).fill_null(NEVER).to_numpy(),
    )
    through = ALWAYS if closed_through is None else (closed_through - date(1970, 1, 1)).days
    _judge(*map(_read_only, fixed), through, debits, credits, verdicts)
    after = accounts.select("account", debit_minor=pl.Series(debits), credit_minor=pl.Series(credits))
    changed = (accounts["debit_minor"] != after["debit_minor"]) | (accounts["credit_minor"] != after["credit_minor"])
    return pl.Series("verdict", verdicts), after.filter(changed)


def _whole(transfers: pl.DataFrame) -> None:
    empty = [name for name in TRANSFER if transfers[name].null_count()]
    if empty:
        raise ValueError(f"transfers lack a value in {', '.join(empty)}")
    runs = transfers.select(pl.col("link").rle().struct.field("value")).to_series()
    heads = runs.filter(runs != 0)
    if heads.n_unique() != heads.len():
        torn = heads.filter(heads.is_duplicated()).unique().sort().head(5).to_list()
        raise ValueError(f"transfers of one link group follow each other; these groups are torn apart: {torn}")


def _read_only(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The same array. Polars hands out some arrays read-only and some not, and each mixture would be compiled anew."""
    fixed = np.ascontiguousarray(values)
    fixed.flags.writeable = False
    return fixed


def _place(accounts: Whole, numbers: Whole) -> Whole:
    """Where each account stands among the numbers; -1 when it is not there."""
    if not len(numbers):
        return np.full(len(accounts), -1, np.int64)
    # Numbers of accounts are dense, so that a table is small, and ten times faster than a search.
    table = np.full(int(numbers[-1]) + 2, -1, np.int64)
    table[numbers] = np.arange(len(numbers))
    return table[np.where((accounts < 0) | (accounts > numbers[-1]), len(table) - 1, accounts)]


def _before(transfers: pl.DataFrame, posted: pl.DataFrame) -> npt.NDArray[np.int8]:
    """Whether the ledger knows the id: not (NEW), with the same content (SAME) or with other (OTHER)."""
    if posted.is_empty():
        return np.zeros(transfers.height, np.int8)
    content = [name for name in TRANSFER if name != "id"]
    found = transfers.join(posted, on="id", how="left", suffix="_posted", maintain_order="left", coalesce=False)
    same = pl.all_horizontal(pl.col(name) == pl.col(f"{name}_posted") for name in content)
    answer = pl.when(pl.col("id_posted").is_null()).then(NEW).when(same).then(SAME).otherwise(OTHER)
    return found.select(answer.cast(pl.Int8)).to_series().to_numpy()


def _first_of_its_id(ids: Whole) -> Whole:
    """For each row the place of the first row with its id: its own, nearly always."""
    own = np.arange(len(ids))
    if len(ids) < 2 or (np.diff(ids) > 0).all():
        return own
    _, first, group = np.unique(ids, return_index=True, return_inverse=True)
    return first[group].astype(np.int64)


@njit(cache=True)
def _judge(
    debit: Whole,
    credit: Whole,
    asset: Whole,
    amount: Whole,
    event: Whole,
    day: Whole,
    link: Whole,
    debit_at: Whole,
    credit_at: Whole,
    before: npt.NDArray[np.int8],
    first: Whole,
    holds: Whole,
    floor: Whole,
    ceiling: Whole,
    closed_from: Whole,
    closed_through: int,
    debits: Whole,
    credits: Whole,
    verdicts: npt.NDArray[np.int8],
) -> None:
    count = len(debit)
    accepted_at = np.full(count, -1, np.int64)  # by the first row of an id: which row of that id was accepted
    start = 0
    while start < count:
        end = start + 1
        if link[start] != 0:
            while end < count and link[end] == link[start]:
                end += 1
        culprit = -1
        existed = 0
        fresh = 0
        for i in range(start, end):
            twin = accepted_at[first[i]]
            d = debit_at[i]
            c = credit_at[i]
            stands = before[i] == SAME or (
                0 <= twin < start
                and debit[i] == debit[twin]
                and credit[i] == credit[twin]
                and asset[i] == asset[twin]
                and amount[i] == amount[twin]
                and event[i] == event[twin]
                and day[i] == day[twin]
                and link[i] == link[twin]
            )
            if stands:
                verdict = EXISTS
            elif culprit >= 0:
                verdict = LINKED_REFUSED
            elif before[i] == OTHER or 0 <= twin < start:
                verdict = DUPLICATE_DIFFERS
            elif twin >= start:
                verdict = DUPLICATE_IN_LINK
            elif amount[i] <= 0:
                verdict = AMOUNT_NOT_POSITIVE
            elif debit[i] == credit[i]:
                verdict = SAME_ACCOUNT
            elif d < 0:
                verdict = DEBIT_UNKNOWN
            elif c < 0:
                verdict = CREDIT_UNKNOWN
            elif holds[d] != asset[i]:
                verdict = DEBIT_ASSET_DIFFERS
            elif holds[c] != asset[i]:
                verdict = CREDIT_ASSET_DIFFERS
            elif day[i] >= closed_from[d]:
                verdict = DEBIT_CLOSED
            elif day[i] >= closed_from[c]:
                verdict = CREDIT_CLOSED
            elif day[i] <= closed_through:
                verdict = CLOSED_DAY
            elif amount[i] > INT64_MAX - debits[d]:
                verdict = DEBIT_OVERFLOW
            elif amount[i] > INT64_MAX - credits[c]:
                verdict = CREDIT_OVERFLOW
            # Totals are never negative, so that their difference fits 64 bits, and so does the room up to a bound here.
            elif debits[d] + amount[i] - credits[d] > ceiling[d]:
                verdict = CEILING_BREACHED
            elif debits[c] - (credits[c] + amount[i]) < floor[c]:
                verdict = FLOOR_BREACHED
            else:
                verdict = ACCEPTED
            verdicts[i] = verdict
            if verdict == ACCEPTED:
                debits[d] += amount[i]
                credits[c] += amount[i]
                accepted_at[first[i]] = i
                fresh += 1
            elif verdict == EXISTS:
                existed += 1
            elif culprit < 0:
                culprit = i
        if (culprit >= 0 or existed > 0) and fresh > 0:
            for i in range(start, end):
                if verdicts[i] == ACCEPTED:
                    debits[debit_at[i]] -= amount[i]
                    credits[credit_at[i]] -= amount[i]
                    accepted_at[first[i]] = -1
                    verdicts[i] = LINKED_REFUSED if culprit >= 0 else LINK_POSTED_IN_PART
        start = end
