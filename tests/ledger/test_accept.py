"""Accepting and refusing transfers: the compiled rule against an obvious twin, and each reason to refuse."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.kernel.money import INT64_MAX
from nostro.ledger.rules.accept import judge
from nostro.ledger.rules.columns import ACCOUNT, TOTALS, TRANSFER
from nostro.ledger.rules.verdicts import Verdict

DAY = date(2026, 10, 13)


def obvious(transfers, accounts, posted, closed_through):
    """The same rule with dictionaries and Python's own integers: the verdicts, and the totals of all accounts."""
    held = {a["account"]: dict(a) for a in accounts}
    known = {t["id"]: t for t in posted}
    verdicts = []
    groups: list[list[dict]] = []
    for transfer in transfers:
        if groups and transfer["link"] != 0 and groups[-1][-1]["link"] == transfer["link"]:
            groups[-1].append(transfer)
        else:
            groups.append([transfer])
    for group in groups:
        before = {number: dict(account) for number, account in held.items()}
        inside: dict[int, dict] = {}
        answers = []
        for t in group:
            answer = Verdict.LINKED_REFUSED
            if known.get(t["id"]) == t:
                answer = Verdict.EXISTS
            elif all(a in (Verdict.ACCEPTED, Verdict.EXISTS) for a in answers):
                answer = one(t, held, known, inside, closed_through)
            if answer == Verdict.ACCEPTED:
                held[t["debit"]]["debit_minor"] += t["amount_minor"]
                held[t["credit"]]["credit_minor"] += t["amount_minor"]
                inside[t["id"]] = t
            answers.append(answer)
        failed = any(a not in (Verdict.ACCEPTED, Verdict.EXISTS) for a in answers)
        mixed = len(set(answers)) == 2 and not failed
        if failed or mixed:
            held = before
            instead = Verdict.LINKED_REFUSED if failed else Verdict.LINK_POSTED_IN_PART
            answers = [instead if a == Verdict.ACCEPTED else a for a in answers]
        else:
            known.update(inside)
        verdicts += answers
    return verdicts, {n: (a["debit_minor"], a["credit_minor"]) for n, a in held.items()}


def one(t, held, known, inside, closed_through):
    if t["id"] in known:
        return Verdict.DUPLICATE_DIFFERS
    if t["id"] in inside:
        return Verdict.DUPLICATE_IN_LINK
    if t["amount_minor"] <= 0:
        return Verdict.AMOUNT_NOT_POSITIVE
    if t["debit"] == t["credit"]:
        return Verdict.SAME_ACCOUNT
    debit, credit = held.get(t["debit"]), held.get(t["credit"])
    if debit is None:
        return Verdict.DEBIT_UNKNOWN
    if credit is None:
        return Verdict.CREDIT_UNKNOWN
    if debit["asset"] != t["asset"]:
        return Verdict.DEBIT_ASSET_DIFFERS
    if credit["asset"] != t["asset"]:
        return Verdict.CREDIT_ASSET_DIFFERS
    if debit["closed_from"] and t["business_date"] >= debit["closed_from"]:
        return Verdict.DEBIT_CLOSED
    if credit["closed_from"] and t["business_date"] >= credit["closed_from"]:
        return Verdict.CREDIT_CLOSED
    if closed_through and t["business_date"] <= closed_through:
        return Verdict.CLOSED_DAY
    if debit["debit_minor"] + t["amount_minor"] > INT64_MAX:
        return Verdict.DEBIT_OVERFLOW
    if credit["credit_minor"] + t["amount_minor"] > INT64_MAX:
        return Verdict.CREDIT_OVERFLOW
    lifted = debit["debit_minor"] + t["amount_minor"] - debit["credit_minor"]
    if debit["ceiling_minor"] is not None and lifted > debit["ceiling_minor"]:
        return Verdict.CEILING_BREACHED
    pressed = credit["debit_minor"] - credit["credit_minor"] - t["amount_minor"]
    if credit["floor_minor"] is not None and pressed < credit["floor_minor"]:
        return Verdict.FLOOR_BREACHED
    return Verdict.ACCEPTED


def judged(transfers, accounts, posted=(), closed_through=None):
    """The compiled rule over rows, in the shape `obvious` answers."""
    frame = pl.DataFrame(list(accounts), schema=ACCOUNT)
    verdicts, changed = judge(
        pl.DataFrame(list(transfers), schema=TRANSFER),
        frame,
        pl.DataFrame(list(posted), schema=TRANSFER),
        closed_through,
    )
    assert changed.schema == TOTALS
    totals = {a: (d, c) for a, d, c in frame.select(TOTALS.names()).iter_rows()}
    return [Verdict(v) for v in verdicts], totals | {a: (d, c) for a, d, c in changed.iter_rows()}


def account(number, asset=1, floor=None, ceiling=None, closed_from=None, debit=0, credit=0):
    values = (number, asset, floor, ceiling, closed_from, debit, credit)
    return dict(zip(ACCOUNT.names(), values, strict=True))


def transfer(number, debit, credit, amount, link=0, asset=1, day=DAY, event=1):
    return dict(zip(TRANSFER.names(), (number, debit, credit, asset, amount, event, day, link), strict=True))


BOOK = [
    account(1),
    account(2),
    account(3, asset=2),
    account(4, closed_from=DAY),
    account(5, floor=-100),
    account(6, ceiling=100),
    account(7, debit=INT64_MAX - 10),
    account(8, credit=INT64_MAX - 10),
]
STANDING = [transfer(900, 1, 2, 5), transfer(901, 1, 2, 5, link=40)]


@pytest.mark.parametrize(
    ("verdict", "refused"),
    [
        ("ACCEPTED", transfer(1, 1, 2, 10)),
        ("EXISTS", transfer(900, 1, 2, 5)),
        ("DUPLICATE_DIFFERS", transfer(900, 1, 2, 6)),
        ("DUPLICATE_DIFFERS", transfer(900, 1, 2, 5, event=2)),
        ("AMOUNT_NOT_POSITIVE", transfer(1, 1, 2, 0)),
        ("AMOUNT_NOT_POSITIVE", transfer(1, 1, 2, -10)),
        ("SAME_ACCOUNT", transfer(1, 2, 2, 10)),
        ("DEBIT_UNKNOWN", transfer(1, 99, 2, 10)),
        ("DEBIT_UNKNOWN", transfer(1, 0, 2, 10)),
        ("CREDIT_UNKNOWN", transfer(1, 1, -7, 10)),
        ("DEBIT_ASSET_DIFFERS", transfer(1, 3, 2, 10)),
        ("CREDIT_ASSET_DIFFERS", transfer(1, 1, 3, 10)),
        ("DEBIT_CLOSED", transfer(1, 4, 2, 10)),
        ("CREDIT_CLOSED", transfer(1, 1, 4, 10)),
        ("ACCEPTED", transfer(1, 1, 4, 10, day=DAY - timedelta(1))),
        ("CLOSED_DAY", transfer(1, 1, 2, 10, day=DAY - timedelta(3))),
        ("CLOSED_DAY", transfer(1, 1, 2, 10, day=DAY - timedelta(30))),
        ("DEBIT_OVERFLOW", transfer(1, 7, 2, 11)),
        ("CREDIT_OVERFLOW", transfer(1, 1, 8, 11)),
        ("ACCEPTED", transfer(1, 7, 8, 10)),
        ("CEILING_BREACHED", transfer(1, 6, 2, 101)),
        ("ACCEPTED", transfer(1, 6, 2, 100)),
        ("FLOOR_BREACHED", transfer(1, 1, 5, 101)),
        ("ACCEPTED", transfer(1, 1, 5, 100)),
    ],
)
def test_each_verdict_has_its_transfer(verdict, refused):
    verdicts, totals = judged([refused], BOOK, STANDING, DAY - timedelta(3))
    assert verdicts == [Verdict[verdict]]
    untouched = {a["account"]: (a["debit_minor"], a["credit_minor"]) for a in BOOK}
    assert (totals == untouched) is (verdict != "ACCEPTED")


@pytest.mark.parametrize(
    ("amounts", "verdicts"),
    [
        ([10, 20, 30], ["ACCEPTED"] * 3),
        ([10, -1, 30], ["LINKED_REFUSED", "AMOUNT_NOT_POSITIVE", "LINKED_REFUSED"]),
        ([10, -1, -2], ["LINKED_REFUSED", "AMOUNT_NOT_POSITIVE", "LINKED_REFUSED"]),
        ([-1, 10, 20], ["AMOUNT_NOT_POSITIVE", "LINKED_REFUSED", "LINKED_REFUSED"]),
    ],
)
def test_a_link_group_is_posted_whole_or_not_at_all_and_only_its_culprit_says_why(amounts, verdicts):
    answered, totals = judged([transfer(n, 1, 2, a, link=7) for n, a in enumerate(amounts, 1)], BOOK)
    assert [v.name for v in answered] == verdicts
    assert totals[1] == ((60, 0) if "ACCEPTED" in verdicts else (0, 0))


def test_room_taken_by_a_refused_group_is_free_again():
    answered, totals = judged(
        [transfer(1, 6, 2, 100, link=7), transfer(2, 1, 1, 1, link=7), transfer(3, 6, 2, 100, link=8)], BOOK
    )
    assert [v.name for v in answered] == ["LINKED_REFUSED", "SAME_ACCOUNT", "ACCEPTED"]
    assert totals[6] == (100, 0)


def test_an_id_may_be_used_again_after_it_was_refused_but_not_after_it_was_posted():
    answered, _ = judged(
        [transfer(1, 1, 2, 0), transfer(1, 1, 2, 5), transfer(1, 1, 2, 5), transfer(1, 1, 2, 6), transfer(2, 1, 2, 1)],
        BOOK,
    )
    assert [v.name for v in answered] == ["AMOUNT_NOT_POSITIVE", "ACCEPTED", "EXISTS", "DUPLICATE_DIFFERS", "ACCEPTED"]


@pytest.mark.parametrize(
    "other",
    [
        {"debit": 6},
        {"credit": 6},
        {"asset": 2},
        {"amount_minor": 6},
        {"event": 2},
        {"business_date": DAY + timedelta(1)},
        {"link": 9},
    ],
)
def test_two_of_one_id_are_the_same_only_when_every_column_is_whether_posted_now_or_before(other):
    first = transfer(1, 1, 2, 5)
    assert [v.name for v in judged([first, first | other], BOOK)[0]] == ["ACCEPTED", "DUPLICATE_DIFFERS"]
    assert [v.name for v in judged([first | other], BOOK, [first])[0]] == ["DUPLICATE_DIFFERS"]


def test_a_group_that_is_posted_in_part_is_not_completed_behind_the_back_of_its_event():
    answered, totals = judged([transfer(901, 1, 2, 5, link=40), transfer(902, 1, 2, 9, link=40)], BOOK, STANDING)
    assert [v.name for v in answered] == ["EXISTS", "LINK_POSTED_IN_PART"]
    assert totals[1] == (0, 0)


def test_an_id_twice_in_one_group_refuses_the_group():
    answered, _ = judged([transfer(1, 1, 2, 5, link=3), transfer(1, 1, 2, 5, link=3)], BOOK)
    assert [v.name for v in answered] == ["LINKED_REFUSED", "DUPLICATE_IN_LINK"]


def test_groups_torn_apart_are_named_as_our_own_mistake():
    with pytest.raises(ValueError, match=r"torn apart: \[7\]"):
        judged([transfer(1, 1, 2, 5, link=7), transfer(2, 1, 2, 5), transfer(3, 1, 2, 5, link=7)], BOOK)


def test_a_transfer_without_a_value_is_named_as_our_own_mistake():
    with pytest.raises(ValueError, match="amount_minor"):
        judged([transfer(1, 1, 2, None)], BOOK)


def test_every_verdict_stands_in_the_documentation():
    page = (Path(__file__).resolve().parents[2] / "docs" / "ledger.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ") and line.count("|") == 4]
    told = {name.strip() for row in rows for name in row.split(",")} - {"verdict"}
    assert told >= {verdict.name.lower() for verdict in Verdict}


accounts = st.tuples(
    st.sampled_from([1, 1, 1, 2]),
    st.sampled_from([None, None, -50, -5, 0]),
    st.sampled_from([None, None, 0, 5, 50]),
    st.sampled_from([None, None, None, DAY, DAY + timedelta(1)]),
    st.sampled_from([0, 0, 0, INT64_MAX - 60]),
)
transfers = st.lists(
    st.tuples(
        st.integers(1, 14),  # id: few, so that they collide
        st.integers(0, 5),
        st.integers(0, 5),
        st.sampled_from([1, 1, 1, 1, 2]),
        st.integers(-1, 40),
        st.integers(1, 2),
        st.sampled_from([DAY, DAY, DAY, DAY - timedelta(1), DAY + timedelta(1)]),
        st.integers(1, 3),  # the length of its group
    ),
    max_size=25,
)


def book_of(drawn):
    return [
        account(n, asset, floor, ceiling, closed, full, full)
        for n, (asset, floor, ceiling, closed, full) in enumerate(drawn, 1)
    ]


def batch_of(drawn, start=0):
    rows, link, left = [], 0, 0
    for place, (number, debit, credit, asset, amount, event, day, length) in enumerate(drawn, start + 1):
        if not left:
            link, left = (place if length > 1 else 0), length
        left -= 1
        rows.append(transfer(number, debit, credit, amount, link, asset, day, event))
    return rows


@given(st.lists(accounts, min_size=4, max_size=4), transfers, transfers, st.sampled_from([None, DAY - timedelta(1)]))
@settings(max_examples=400, deadline=None)
def test_the_compiled_rule_equals_the_obvious_one(book, earlier, drawn, closed):
    book, batch = book_of(book), batch_of(drawn)
    posted = list({t["id"]: t for t in batch_of(earlier[:4], 1000) + batch[::5]}.values())[:5]
    assert judged(batch, book, posted, closed) == obvious(batch, book, posted, closed)


@given(st.lists(accounts, min_size=4, max_size=4), transfers, st.integers(0, 25))
@settings(max_examples=300, deadline=None)
def test_a_batch_cut_in_two_between_groups_gives_the_same_verdicts_and_balances(book, drawn, cut):
    book, batch = book_of(book), batch_of(drawn)
    while 0 < cut < len(batch) and batch[cut]["link"] and batch[cut]["link"] == batch[cut - 1]["link"]:
        cut += 1
    whole, totals = judged(batch, book)
    first, between = judged(batch[:cut], book)
    carried = [{**a, "debit_minor": between[a["account"]][0], "credit_minor": between[a["account"]][1]} for a in book]
    standing = [t for t, v in zip(batch[:cut], first, strict=True) if v == Verdict.ACCEPTED]
    second, after = judged(batch[cut:], carried, standing)
    assert first + second == whole
    assert after == totals


def test_one_hundred_thousand_random_transfers_end_in_the_books_of_the_obvious_rule():
    rng, count = np.random.default_rng(7), 100_000
    book = [
        account(
            n, 1 + n % 7 // 6, -400 if n % 3 == 0 else None, 900 if n % 5 == 0 else None, DAY if n % 50 == 1 else None
        )
        for n in range(1, 301)
    ]
    lengths = rng.integers(1, 5, count)
    links = np.repeat(np.arange(1, count + 1), lengths)[:count]
    alone = np.repeat(lengths == 1, lengths)[:count]
    columns = (
        rng.integers(1, count, count),
        rng.integers(1, 303, count),
        rng.integers(1, 303, count),
        rng.choice([1, 1, 1, 1, 1, 2], count),
        rng.integers(-1, 120, count),
        rng.integers(1, 3, count),
        links * ~alone,
    )
    batch = [
        transfer(i, d, c, a, link, asset, DAY, event)
        for i, d, c, asset, a, event, link in zip(*(x.tolist() for x in columns), strict=True)
    ]
    fast, slow = judged(batch, book), obvious(batch, book, [], None)
    assert fast == slow
    assert len(set(fast[0])) >= 11, "the operations meet most reasons to refuse"
    assert sum(d - c for d, c in fast[1].values()) == 0
