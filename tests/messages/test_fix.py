"""FIX files are read and written whole: what is written comes back, and what is wrong is told, all of it."""

import datetime as dt
import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.kernel.refusals import Refused
from nostro.messages import fix
from nostro.messages.shapes import ALLOCATION, CONFIRM, EXECUTION, Built, Parsed

HEADER = {"sender": "OMSFDEFFXXX", "target": "LUX", "sending_time": "20261124-08:00:00.000"}
SHARED = Path(os.environ.get("NOSTRO_SHARED", Path(__file__).resolve().parents[2] / "../shared"))
DICTIONARY = SHARED / "corpus/messages/fix/spec/FIX44.xml"

NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20)
CODES = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-", min_size=1, max_size=20)
DAYS = st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31))
QUANTITIES = st.integers(1, 2**62)
BICS = st.sampled_from(["DEUTDEFFXXX", "BNPAFRPPXXX", "EUXCDEFF"])


def execution(**other: object) -> dict[str, object]:
    return {
        "exec_id": "X-1",
        "order_id": "O-1",
        "book": "DESK1",
        "isin": "DE0007164600",
        "side": "buy",
        "quantity_micro": 1_500_000_000,
        "price_micro": 123_450_000,
        "currency": "EUR",
        "trade_date": dt.date(2026, 11, 24),
        "settle_date": dt.date(2026, 11, 26),
        "mic": "XETR",
        "counterparty_bic": "DEUTDEFFXXX",
        "ccp_bic": None,
        "transact_time": "20261124-07:59:59.123",
    } | other


def allocation(**other: object) -> dict[str, object]:
    return {
        "alloc_id": "A-1",
        "exec_id": "X-1",
        "isin": "DE0007164600",
        "side": "buy",
        "total_micro": 1_500_000_000,
        "price_micro": 123_450_000,
        "trade_date": dt.date(2026, 11, 24),
        "book": "FUND1",
        "quantity_micro": 500_000_000,
    } | other


def confirm(**other: object) -> dict[str, object]:
    return {
        "confirm_id": "C-1",
        "order_id": "O-1",
        "isin": "DE0007164600",
        "side": "sell",
        "quantity_micro": 1_500_000_000,
        "price_micro": 123_450_000,
        "net_minor": 18_517_500,
        "currency": "EUR",
        "trade_date": dt.date(2026, 11, 24),
        "settle_date": dt.date(2026, 11, 26),
        "counterparty_bic": "DEUTDEFFXXX",
    } | other


def framed(body: str, begin: str = "FIX.4.4", length: int | None = None, check: int | None = None) -> bytes:
    """A message from its body, written with | for SOH, with a right length and sum unless they are given."""
    inner = body.replace("|", "\x01").encode()
    head = f"8={begin}\x019={len(inner) if length is None else length}\x01".encode() + inner
    return head + f"10={sum(head) % 256 if check is None else check:03}\x01".encode()


BODY = (
    "35=8|49=OMS|56=LUX|34=1|52=20261124-08:00:00|37=O-1|17=X-1|453=2|448=DEUTDEFF|447=B|452=17|448=EUXCDEFF|447=B|452=21|"
    "150=F|39=2|1=DESK1|48=DE0007164600|22=4|54=1|15=EUR|32=10|31=9.5|30=XETR|151=0|14=10|6=9.5|75=20261124|64=20261126|"
)


def one(body: str) -> Parsed:
    return fix.read_executions(framed(body) + b"\n")


def told(parsed: Parsed) -> list[tuple[str, str]]:
    """What is wrong with the first bad message: (place, rule), where a missing tag is "missing"."""
    errors = json.loads(parsed.bad["errors"][0])
    return [(e["place"], "missing" if e["reason"] == "fix_field_missing" else e["facts"]["rule"]) for e in errors]


def frame(rows: list[dict[str, object]], schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame(
        rows, schema={name: kind for name, kind in schema.items() if name not in ("sender", "content")}, orient="row"
    )


def assert_comes_back(
    rows: pl.DataFrame, build: Callable[..., Built], read: Callable[[bytes], Parsed], key: str
) -> None:
    built = build(rows, **HEADER)
    parsed = read(built.data)
    assert parsed.bad.is_empty(), parsed.bad["errors"].to_list()
    assert parsed.good.select(rows.columns).equals(rows)
    assert set(parsed.good["sender"].to_list()) <= {HEADER["sender"]}
    places = parsed.good.select(pl.col(key).alias("key"), "ordinal", "start", "length").unique(maintain_order=True)
    assert built.index.equals(places)
    for start, length in built.index.select("start", "length").iter_rows():
        message = built.data[start : start + length]
        assert message.startswith(b"8=FIX.4.4\x01")
        assert message.count(b"\x0110=") == 1
        assert message.endswith(b"\x01")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.builds(
            execution,
            exec_id=NAMES,
            order_id=CODES,
            book=NAMES,
            side=st.sampled_from(["buy", "sell"]),
            quantity_micro=QUANTITIES,
            price_micro=st.integers(0, 2**62),
            trade_date=DAYS,
            settle_date=st.none() | DAYS,
            counterparty_bic=BICS,
            ccp_bic=st.none() | BICS,
            transact_time=st.none() | st.just("20261124-07:59:59"),
        ),
        max_size=8,
    )
)
def test_an_execution_that_is_written_is_read_back(rows):
    assert_comes_back(frame(rows, EXECUTION), fix.build_executions, fix.read_executions, "exec_id")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.tuples(CODES, QUANTITIES), min_size=1, max_size=4), max_size=5))
def test_an_allocation_that_is_written_is_read_back(allocations):
    rows = [
        allocation(alloc_id=f"A-{n}", exec_id=f"X-{n}", book=book, quantity_micro=quantity)
        for n, entries in enumerate(allocations)
        for book, quantity in entries
    ]
    assert_comes_back(frame(rows, ALLOCATION), fix.build_allocations, fix.read_allocations, "alloc_id")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.builds(
            confirm,
            confirm_id=NAMES,
            order_id=CODES,
            currency=st.sampled_from(["EUR", "JPY", "KWD", "CLF"]),
            quantity_micro=st.integers(1, 10**12),
            price_micro=st.integers(0, 10**12),
            net_minor=st.integers(-(2**62), 2**62),
        ),
        max_size=8,
    )
)
def test_a_confirmation_that_is_written_is_read_back(rows):
    assert_comes_back(frame(rows, CONFIRM), fix.build_confirms, fix.read_confirms, "confirm_id")


def test_a_file_longer_than_a_chunk_is_read_whole(monkeypatch):
    monkeypatch.setattr(fix, "_CHUNK", 7)
    rows = frame([execution(exec_id=f"X-{n}", ccp_bic="EUXCDEFF" if n % 3 else None) for n in range(30)], EXECUTION)
    assert_comes_back(rows, fix.build_executions, fix.read_executions, "exec_id")


def test_the_tags_of_a_message_may_come_in_any_order_and_others_are_passed_over():
    head, *tags = BODY[:-1].split("|")
    parties = tags[tags.index("453=2") :][:7]
    others = [tag for tag in tags if tag not in parties]
    turned = "|".join([head, *others[::-1], *parties, "58=hello", "58=again", "6000=x"]) + "|"
    straight, other = one(BODY).good, one(turned).good
    assert len(straight) == 1
    assert straight.drop("length").equals(other.drop("length"))


def test_each_error_has_its_name_and_its_tag():
    table = """
        change                              | place    rule
        35=8 -> 35=D                        | tag 35   only 8
        17=X-1| ->                          | tag 17   missing
        17=X-1| -> 17=|                     | tag 17   empty
        17=X-1| -> 17=X-1|17=X-2|           | tag 17   once
        48=DE0007164600| ->                 | tag 48   missing
        22=4 -> 22=1                        | tag 22   one of 4
        150=F -> 150=H                      | tag 150  one of F
        54=1 -> 54=5                        | tag 54   one of 1 2
        15=EUR -> 15=eur                    | tag 15   iso_currency
        |32=10| -> |32=0|                   | tag 32   positive
        |32=10| -> |32=-1|                  | tag 32   positive
        |32=10| -> |32=1e3|                 | tag 32   number
        |32=10| -> |32=10,5|                | tag 32   number
        |32=10| -> |32=.|                   | tag 32   number
        |32=10| -> |32=0.1234567|           | tag 32   decimals_max_6
        |32=10| -> |32=9223372036854.775808| | tag 32  fits_64_bits
        31=9.5 -> 31=-9.5                   | tag 31   not_negative
        75=20261124 -> 75=20261131          | tag 75   date_yyyymmdd
        75=20261124 -> 75=2026-11-24        | tag 75   date_yyyymmdd
        64=20261126 -> 64=20260230          | tag 64   date_yyyymmdd
        52=20261124-08:00:00 -> 52=08:00    | tag 52   utc_timestamp
        453=2 -> 453=3                      | tag 453  group_count, found 2
        453=2 -> 453=x                      | tag 453  group_count, found 2
        453=2| ->                           | tag 453  group_count, found 2
        452=17| ->                          | tag 452  missing
        452=21 -> 452=17                    | tag 452  once
        447=B|452=17| -> 447=B|447=B|452=17| | tag 447  once in an entry
        448=DEUTDEFF|447=B -> 448=DEUTDEFF|447=D | tag 448 missing
        453=2|448=DEUTDEFF|447=B -> 453=2|447=B|448=DEUTDEFF | tag 447 group_order
    """
    for line in table.strip().splitlines()[1:]:
        change, expected = line.strip().rsplit(" | ", 1)
        before, _, after = (part.strip() for part in change.partition("->"))
        assert before in BODY, line
        place, rule = expected.split(None, 2)[:2], expected.split(None, 2)[2]
        parsed = one(BODY.replace(before, after, 1))
        assert (" ".join(place), rule) in told(parsed), (line, told(parsed))
        assert parsed.good.is_empty()


def test_numbers_may_be_written_as_fix_allows_and_are_exact():
    for text, micro in {
        "00023.23": 23_230_000,
        "23.": 23_000_000,
        ".5": 500_000,
        "1.5000000000": 1_500_000,
        "9223372036854.775807": 2**63 - 1,
        "0.000001": 1,
    }.items():
        parsed = one(BODY.replace("|32=10|", f"|32={text}|"))
        assert parsed.good["quantity_micro"].to_list() == [micro], (text, parsed.bad["errors"].to_list())


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        (framed(BODY, begin="FIX.4.2"), "begin_string"),
        (framed(BODY, length=5), "body_length"),
        (framed(BODY, check=255 if sum(framed(BODY)) % 256 != 255 else 1), "check_sum"),
        (framed(BODY)[:-1], "last_field_closed"),
        (framed(BODY)[:-7], "check_sum_last"),
        (framed("49=X|" + BODY), "header_order"),
        (framed(BODY + "free text|"), "field_form"),
        (framed(BODY + "012=x|"), "field_form"),
        (b"hello\x01", "begin_string"),
    ],
)
def test_a_garbled_message_says_how(message, rule):
    parsed = fix.read_executions(framed(BODY) + b"\n" + message + b"\n" + framed(BODY))
    assert parsed.bad["reason"].to_list() == ["fix_garbled"]
    assert rule in [found for _, found in told(parsed)]
    assert parsed.good["ordinal"].to_list() == [1, 3]


def test_all_errors_of_a_message_come_at_once_and_its_neighbours_are_read():
    wrong = BODY.replace("54=1", "54=9").replace("32=10", "32=0").replace("37=O-1|", "")
    data = framed(BODY) + b"\n" + framed(wrong, length=1) + b"\r\n\n" + framed(BODY) + b"\n\n"
    parsed = fix.read_executions(data)
    assert parsed.good["ordinal"].to_list() == [1, 3]
    row = parsed.bad.row(0, named=True)
    assert (row["ordinal"], row["key"], row["reason"]) == (2, "X-1", "fix_garbled")
    assert data[row["start"] :][: row["length"]] == framed(wrong, length=1)
    assert told(parsed) == [
        ("tag 9", "body_length"),
        ("tag 37", "missing"),
        ("tag 54", "one of 1 2"),
        ("tag 32", "positive"),
    ]


def test_a_message_of_another_type_is_blamed_for_that_alone():
    assert told(one("35=J|49=A|56=B|34=1|52=x|70=A|78=1|448=X|")) == [("tag 35", "only 8")]
    assert told(fix.read_allocations(framed(BODY) + b"\n")) == [("tag 35", "only J")]


def test_a_value_that_is_not_utf_8_is_refused_alone():
    body = BODY.replace("17=X-1", "17=X-\udcff").replace("|", "\x01").encode("utf-8", "surrogateescape")
    head = f"8=FIX.4.4\x019={len(body)}\x01".encode() + body
    message = head + f"10={sum(head) % 256:03}\x01".encode()
    parsed = fix.read_executions(message + b"\n" + framed(BODY))
    assert told(parsed) == [("tag 17", "printable")]
    assert parsed.good["exec_id"].to_list() == ["X-1"]


def test_what_is_no_fix_file_is_broken_and_an_empty_one_is_empty():
    assert fix.read_executions(b"exec_id,isin\nX-1,DE0007164600\n").bad["reason"].to_list() == ["file_broken"]
    for data in (b"", b"\n", b"\r\n\n"):
        parsed = fix.read_executions(data)
        assert (len(parsed.good), len(parsed.bad)) == (0, 0)


def test_an_allocation_needs_one_execution_and_whole_entries():
    body = (
        "35=J|49=A|56=B|34=1|52=20261124-08:00:00|70=A-1|71=0|626=1|857=0|124=1|32=10|17=X-1|54=1|48=DE0007164600|22=4|53=10|"
        "6=9.5|75=20261124|78=2|79=F1|80=4|79=F2|80=6|"
    )
    assert fix.read_allocations(framed(body)).good["book"].to_list() == ["F1", "F2"]
    for change, after, expected in [
        ("124=1|", "124=2|", ("tag 124", "one entry")),
        ("124=1|", "", ("tag 124", "missing")),
        ("17=X-1|", "", ("tag 17", "missing")),
        ("71=0|", "71=2|", ("tag 71", "one of 0")),
        ("78=2|", "78=1|", ("tag 78", "group_count, found 2")),
        ("79=F2|80=6|", "79=F2|", ("tag 80", "missing")),
        ("80=6|", "80=0|", ("tag 80", "positive")),
        ("78=2|79=F1|80=4|79=F2|80=6|", "78=0|", ("tag 79", "missing")),
    ]:
        assert change in body
        assert expected in told(fix.read_allocations(framed(body.replace(change, after)))), change


def test_a_confirmed_amount_has_the_decimals_of_its_currency():
    built = fix.build_confirms(frame([confirm(currency="JPY", net_minor=185_175)], CONFIRM), **HEADER)
    body = built.data.split(b"\x01", 2)[2].rsplit(b"10=", 1)[0].decode().replace("\x01", "|")
    assert "|118=185175|" in body
    assert told(fix.read_confirms(framed(body.replace("118=185175", "118=185175.5")))) == [
        ("tag 118", "decimals_of_currency")
    ]


def test_what_could_not_be_read_back_is_not_written_and_all_of_it_is_told():
    with pytest.raises(Refused) as caught:
        fix.build_executions(
            frame(
                [execution(), execution(exec_id="X\x01-2", side="short", quantity_micro=0), execution(isin=None)],
                EXECUTION,
            ),
            **HEADER,
        )
    found = [(r.subject, r.place, r.facts.get("rule")) for r in caught.value.refusals]
    assert found == [
        ("execution/X\x01-2", "tag 17", "printable"),
        ("execution/X\x01-2", "tag 54", "one of 1 2"),
        ("execution/X\x01-2", "tag 32", "positive"),
        ("execution/X-1", "tag 48", None),
    ]


def test_rows_of_one_allocation_must_agree():
    with pytest.raises(Refused) as caught:
        fix.build_allocations(frame([allocation(), allocation(side="sell")], ALLOCATION), **HEADER)
    assert [r.facts["value"] for r in caught.value.refusals] == ["side"]


# --- the data dictionary as an outside judge


class Dictionary:
    """The FIX 4.4 data dictionary: which tags a message may have, which it must, and what they may say."""

    def __init__(self, path: Path) -> None:
        root = ET.parse(path).getroot()
        self.root = root
        self.components = {c.get("name"): c for c in root.find("components")}
        self.numbers = {f.get("name"): int(f.get("number")) for f in root.find("fields")}
        self.enums = {int(f.get("number")): {v.get("enum") for v in f} for f in root.find("fields") if len(f)}

    def tags(self, element: ET.Element, required_only: bool) -> set[int]:
        found: set[int] = set()
        for child in element:
            required = child.get("required") == "Y"
            if required_only and not required:
                continue
            if child.tag == "component":
                found |= self.tags(self.components[child.get("name")], required_only)
            else:
                found.add(self.numbers[child.get("name")])
                if child.tag == "group":
                    found |= self.tags(child, required_only)
        return found

    def message(self, msg_type: str) -> ET.Element:
        return next(m for m in self.root.find("messages") if m.get("msgtype") == msg_type)


def built_messages() -> dict[str, bytes]:
    cleared = execution(ccp_bic="EUXCDEFFXXX")
    return {
        "8": fix.build_executions(
            frame([execution(settle_date=None, transact_time=None), cleared], EXECUTION), **HEADER
        ).data,
        "J": fix.build_allocations(frame([allocation(), allocation(book="FUND2")], ALLOCATION), **HEADER).data,
        "AK": fix.build_confirms(frame([confirm()], CONFIRM), **HEADER).data,
    }


@pytest.mark.skipif(not DICTIONARY.exists(), reason="the FIX 4.4 dictionary of the shared corpus is not here")
@pytest.mark.parametrize("msg_type", ["8", "J", "AK"])
def test_the_fix_dictionary_allows_every_tag_we_write_and_misses_none(msg_type):
    dictionary = Dictionary(DICTIONARY)
    header, trailer = dictionary.root.find("header"), dictionary.root.find("trailer")
    body = dictionary.message(msg_type)
    header_tags = dictionary.tags(header, required_only=False)
    allowed = header_tags | dictionary.tags(trailer, False) | dictionary.tags(body, False)
    # Empty mandatory groups and components with no mandatory field of their own ask for nothing.
    needed = dictionary.tags(header, True) | dictionary.tags(trailer, True) | dictionary.tags(body, True) | {48, 22}
    for line in built_messages()[msg_type].splitlines():
        pairs = [field.split("=", 1) for field in line.decode().rstrip("\x01").split("\x01")]
        tags = [int(tag) for tag, _ in pairs]
        assert set(tags) <= allowed, set(tags) - allowed
        assert needed <= set(tags), needed - set(tags)
        assert tags[:3] == [8, 9, 35]
        assert tags[-1] == 10
        in_header = [tag in header_tags for tag in tags]
        assert in_header == sorted(in_header, reverse=True), "a header tag stands after the body has begun"
        for tag, value in pairs:
            assert value in dictionary.enums.get(int(tag), {value}), (tag, value)
