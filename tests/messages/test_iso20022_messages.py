"""Every kind of ISO 20022 message: what we build the schemas of ISO accept, and reading gives it back.

The schemas are the outside judge, asked here without our own code in between. Where they are absent, those tests skip.
"""

# ruff: noqa: E501 (the tables below are one case a line)

import json
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from nostro.kernel.refusals import Refused
from nostro.messages.iso20022 import camt053, semt002, sese023, sese024, sese025
from nostro.messages.shapes import BAD, CASH, CONFIRMATION, HOLDING, INDEX, INSTRUCTION, STATUS, WHERE

SHARED = Path(os.environ.get("NOSTRO_SHARED") or Path(__file__).resolve().parents[2] / "../shared")
SCHEMAS = SHARED / "corpus/messages/iso20022_xsd"
needs_schemas = pytest.mark.skipif(not SCHEMAS.is_dir(), reason=f"no ISO 20022 schemas in {SCHEMAS}")
CREATED = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
SENDER, RECEIVER = "OMSFDEFFXXX", "DAKVDEFF"
HEAD = "urn:iso:std:iso:20022:tech:xsd:head.001.001.02"

letters = st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
bics = st.sampled_from(["OMSFDEFFXXX", "DAKVDEFF", "CPTYFRPP", "BANKGB2L"])
isins = st.sampled_from(["DE0007164600", "US0378331005", "US0378331006"])
currencies = st.sampled_from(["EUR", "USD", "JPY", "KWD", "CLF"])
dates = st.dates()
DIGITS_18 = 10**18 - 1
positive = st.one_of(st.integers(0, DIGITS_18), st.sampled_from([0, 1, DIGITS_18]))
signed = st.one_of(st.integers(-DIGITS_18, DIGITS_18), st.sampled_from([0, -1, DIGITS_18, -DIGITS_18]))
characters = st.characters(
    exclude_categories=["Cs"],
    exclude_characters=[*map(chr, range(9)), "\x0b", "\x0c", *map(chr, range(14, 32)), "\ufffe", "\uffff"],
)


def texts(length: int, characters: st.SearchStrategy[str] = characters) -> st.SearchStrategy[str]:
    return st.text(characters, min_size=1, max_size=length).filter(lambda t: t.strip() != "")


def frames(schema: pl.Schema, **columns: st.SearchStrategy[Any]) -> st.SearchStrategy[pl.DataFrame]:
    columns.setdefault("sender", st.just(SENDER))
    row = st.tuples(*(columns[name] for name in schema))
    return st.lists(row, max_size=5).map(lambda rows: pl.DataFrame(rows, schema=schema, orient="row"))


REASONS = {
    "REJT": "DQUA",
    "NMAT": "DMON",
    "PEND": "LACK",
    "PENF": "MONY",
    "ACPT": "SMPG",
    "CANC": "CANI",
    "MACH": "X1y2",
}
AXES = {
    "ACPT": "processing",
    "REJT": "processing",
    "CANC": "processing",
    "MACH": "matching",
    "NMAT": "matching",
    "PEND": "settlement",
    "PENF": "settlement",
}


def status_rows() -> st.SearchStrategy[pl.DataFrame]:
    def row(code: str, reference: str, has_reason: bool, text: str | None) -> tuple[Any, ...]:
        reason = REASONS[code] if has_reason else None
        told = text if has_reason or code == "MACH" else None
        return reference, AXES[code], code, reason, told, SENDER

    one = st.builds(row, st.sampled_from(sorted(AXES)), texts(35), st.booleans(), st.none() | texts(210))
    return st.lists(one, max_size=6).map(lambda rows: pl.DataFrame(rows, schema=STATUS, orient="row"))


@st.composite
def holding_frames(draw: st.DrawFn) -> pl.DataFrame:
    rows = []
    for statement in draw(st.lists(texts(35), unique=True, max_size=3)):
        head = (statement, draw(st.none() | st.integers(0, 99_999)), draw(texts(35)), draw(dates))
        lines = draw(st.lists(st.tuples(isins, signed), max_size=3)) or [(None, None)]
        rows += [(*head, isin, quantity, SENDER) for isin, quantity in lines]
    return pl.DataFrame(rows, schema=HOLDING, orient="row")


@st.composite
def cash_frames(draw: st.DrawFn) -> pl.DataFrame:
    rows: list[Any] = []
    line = texts(140, st.characters(codec="utf-8", exclude_characters="\n\ufffe\uffff", min_codepoint=32))
    for statement in draw(st.lists(texts(35), unique=True, max_size=3)):
        account = draw(st.sampled_from(["DE89370400440532013000", "CASH-1"]) | texts(34))
        sequence = draw(st.none() | st.integers(0, DIGITS_18))
        head = (statement, sequence, account, draw(currencies), draw(dates), draw(signed), draw(signed))
        entry = st.tuples(
            dates,
            signed,
            st.none() | texts(35).filter(lambda t: t != "NOTPROVIDED"),
            st.none() | texts(35),
            st.none() | st.lists(line, min_size=1, max_size=3).map("\n".join),
        )
        entries = [(n, *e) for n, e in enumerate(draw(st.lists(entry, max_size=3)), start=1)] or [(None,) * 6]
        rows += [(*head, *e, SENDER) for e in entries]
    return pl.DataFrame(rows, schema=CASH, orient="row")


@dataclass(frozen=True)
class Kind:
    """A kind of message: how to build it and read it, and frames of it."""

    build: Any
    read: Any
    frames: st.SearchStrategy[pl.DataFrame]
    example: dict[str, Any]
    schema: pl.Schema
    definition: str


INSTRUCTIONS = Kind(
    sese023.build_instructions,
    sese023.read_instructions,
    frames(
        INSTRUCTION,
        reference=texts(35),
        direction=st.sampled_from(["receive", "deliver"]),
        isin=isins,
        quantity_micro=positive,
        amount_minor=positive,
        currency=currencies,
        trade_date=dates,
        settle_date=dates,
        account=texts(35),
        party_bic=bics,
        counterparty_bic=bics,
        place_bic=bics,
    ),
    {
        "reference": "REF-1",
        "direction": "receive",
        "isin": "DE0007164600",
        "quantity_micro": 1_500_000,
        "amount_minor": 182_50,
        "currency": "EUR",
        "trade_date": date(2026, 11, 24),
        "settle_date": date(2026, 11, 26),
        "account": "12345",
        "party_bic": "OMSFDEFFXXX",
        "counterparty_bic": "CPTYFRPP",
        "place_bic": "DAKVDEFF",
    },
    INSTRUCTION,
    "sese.023.001.12",
)
STATUSES = Kind(
    sese024.build_statuses,
    sese024.read_statuses,
    status_rows(),
    {
        "reference": "REF-1",
        "axis": "settlement",
        "code": "PENF",
        "reason": "LACK",
        "text": "no securities",
        "sender": SENDER,
    },
    STATUS,
    "sese.024.001.13",
)
CONFIRMATIONS = Kind(
    sese025.build_confirmations,
    sese025.read_confirmations,
    frames(
        CONFIRMATION,
        reference=texts(35),
        direction=st.sampled_from(["receive", "deliver"]),
        isin=isins,
        quantity_micro=positive,
        amount_minor=positive,
        currency=currencies,
        settled_date=dates,
        account=texts(35),
    ),
    {
        "reference": "REF-1",
        "direction": "deliver",
        "isin": "DE0007164600",
        "quantity_micro": 1_500_000,
        "amount_minor": 182_50,
        "currency": "JPY",
        "settled_date": date(2026, 11, 26),
        "account": "12345",
        "sender": SENDER,
    },
    CONFIRMATION,
    "sese.025.001.12",
)
HOLDINGS = Kind(
    semt002.build_holdings,
    semt002.read_holdings,
    holding_frames(),
    {
        "statement": "S-1",
        "sequence": 17,
        "account": "12345",
        "day": date(2026, 11, 24),
        "isin": "DE0007164600",
        "quantity_micro": -1_500_000,
        "sender": SENDER,
    },
    HOLDING,
    "semt.002.001.12",
)
CASHES = Kind(
    camt053.build_cash,
    camt053.read_cash,
    cash_frames(),
    {
        "statement": "S-1",
        "sequence": 17,
        "account": "CASH-1",
        "currency": "EUR",
        "day": date(2026, 11, 24),
        "opening_minor": 100_00,
        "closing_minor": -82_50,
        "entry": 1,
        "value_date": date(2026, 11, 24),
        "amount_minor": -182_50,
        "reference": "REF-1",
        "bank_reference": "B-1",
        "text": "settled",
        "sender": SENDER,
    },
    CASH,
    "camt.053.001.13",
)
KINDS = {kind.definition[:8]: kind for kind in (INSTRUCTIONS, STATUSES, CONFIRMATIONS, HOLDINGS, CASHES)}
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
thorough = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def built(kind, frame, **more):
    return kind.build(frame, sender=SENDER, receiver=RECEIVER, created=CREATED, **more)


def example(kind, **changes):
    return pl.DataFrame([kind.example | changes], schema=kind.schema, orient="row")


def message(kind, **changes):
    """One message of this kind, alone: a wrapper of header and document."""
    out = built(kind, example(kind, **changes))
    ((_, _, start, length),) = out.index.rows()
    text = out.data[start : start + length].decode()
    return text.removeprefix("<Pyld>").removesuffix("</Pyld>").replace(' xmlns=""', "")


@cache
def judge(definition):
    return etree.XMLSchema(etree.parse(SCHEMAS / definition[:4] / f"{definition}.xsd"))


def schema_verdicts(definition, root):
    """What the schemas say of a wrapper's header and document."""
    header, document = root
    return [
        *(str(e) for e in judge("head.001.001.02").error_log if not judge("head.001.001.02").validate(header)),
        *([] if judge("head.001.001.02").validate(header) else ["header"]),
        *([] if judge(definition).validate(document) else [str(e) for e in judge(definition).error_log]),
    ]


def rules(parsed):
    """(place, rule) of every error of every bad message."""
    return [
        (e["place"], e["facts"].get("rule", e["facts"].get("message")))
        for errors in parsed.bad["errors"].to_list()
        for e in json.loads(errors)
    ]


@each_kind
def test_reading_gives_back_what_was_built(kind):
    @given(kind.frames)
    @thorough
    def holds(frame):
        out = built(kind, frame)
        parsed = kind.read(out.data)
        assert rules(parsed) == []
        assert parsed.good.drop("ordinal", "start", "length").equals(frame)
        assert parsed.good.columns == [*WHERE, *kind.schema]
        assert parsed.good.schema["ordinal"] == pl.Int64
        assert out.index.schema == INDEX
        assert parsed.bad.schema == BAD

    holds()


@needs_schemas
@each_kind
def test_the_schemas_of_iso_accept_what_we_build_to_the_extremes(kind):
    @given(kind.frames)
    @thorough
    def holds(frame):
        out = built(kind, frame)
        for _, _, start, length in out.index.rows():
            root = etree.fromstring(out.data[start : start + length])
            root = root[0] if root.tag == "Pyld" else root
            assert schema_verdicts(kind.definition, root) == []
        if out.data.startswith(b"<?xml"):
            assert judge("head.002.001.01").validate(etree.fromstring(out.data)), judge("head.002.001.01").error_log

    holds()


@each_kind
def test_the_index_says_where_each_message_stands_and_reading_says_the_same(kind):
    frame = pl.concat([example(kind), example(kind, **{next(iter(kind.schema)): "ANOTHER"})])
    out = built(kind, frame)
    assert out.index["key"].to_list() == [frame[0, 0], "ANOTHER"]
    assert kind.read(out.data).good.select("ordinal", "start", "length").equals(out.index.drop("key"))
    for key, _, start, length in out.index.rows():
        piece = out.data[start : start + length]
        assert etree.fromstring(piece) is not None
        assert f">{key}<".encode() in piece


# What a reader of the standard expects to find where; our own reader is not asked.
PLACES = [
    (INSTRUCTIONS, {}, {
        "SttlmTpAndAddtlParams/SctiesMvmntTp": "RECE",
        "SttlmTpAndAddtlParams/Pmt": "APMT",
        "DlvrgSttlmPties/Pty1/Id/AnyBIC": "CPTYFRPP",
        "RcvgSttlmPties/Pty1/Id/AnyBIC": "OMSFDEFFXXX",
        "RcvgSttlmPties/Dpstry/Id/AnyBIC": "DAKVDEFF",
        "TradDtls/TradDt/Dt/Dt": "2026-11-24",
        "TradDtls/SttlmDt/Dt/Dt": "2026-11-26",
        "QtyAndAcctDtls/SttlmQty/Qty/Unit": "1.5",
        "SttlmAmt/Amt": "182.50",
        "SttlmAmt/CdtDbtInd": "DBIT",
    }),
    (INSTRUCTIONS, {"direction": "deliver", "quantity_micro": 100_000_000, "currency": "KWD"}, {
        "SttlmTpAndAddtlParams/SctiesMvmntTp": "DELI",
        "DlvrgSttlmPties/Pty1/Id/AnyBIC": "OMSFDEFFXXX",
        "RcvgSttlmPties/Pty1/Id/AnyBIC": "CPTYFRPP",
        "QtyAndAcctDtls/SttlmQty/Qty/Unit": "100",
        "SttlmAmt/Amt": "18.250",
        "SttlmAmt/CdtDbtInd": "CRDT",
    }),
    (STATUSES, {}, {"SttlmSts/Flng/Rsn/Cd/Cd": "LACK", "SttlmSts/Flng/Rsn/AddtlRsnInf": "no securities"}),
    (STATUSES, {"code": "PEND", "reason": None, "text": None}, {"SttlmSts/Pdg/NoSpcfdRsn": "NORE"}),
    (STATUSES, {"axis": "processing", "code": "REJT", "reason": "DQUA"}, {"PrcgSts/Rjctd/Rsn/Cd/Cd": "DQUA"}),
    (STATUSES, {"axis": "matching", "code": "MACH", "reason": None}, {"MtchgSts/Mtchd/AddtlRsnInf": "no securities"}),
    (CONFIRMATIONS, {}, {"TxIdDtls/AcctOwnrTxId": "REF-1", "SttldAmt/Amt": "18250", "SttldAmt/CdtDbtInd": "CRDT"}),
    (HOLDINGS, {}, {
        "StmtGnlDtls/RptNb/Lng": "00017",
        "BalForAcct/AggtBal/ShrtLngInd": "SHOR",
        "BalForAcct/AggtBal/Qty/Qty/Qty/Unit": "1.5",
    }),
    (CASHES, {}, {
        "Stmt/Bal[1]/Tp/CdOrPrtry/Cd": "OPBD",
        "Stmt/Bal[1]/Amt": "100.00",
        "Stmt/Bal[1]/CdtDbtInd": "CRDT",
        "Stmt/Bal[2]/Tp/CdOrPrtry/Cd": "CLBD",
        "Stmt/Bal[2]/Amt": "82.50",
        "Stmt/Bal[2]/CdtDbtInd": "DBIT",
        "Stmt/Ntry/CdtDbtInd": "DBIT",
        "Stmt/Ntry/NtryDtls/TxDtls/Refs/EndToEndId": "REF-1",
        "Stmt/Ntry/NtryDtls/TxDtls/RmtInf/Ustrd": "settled",
    }),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "changes", "places"), PLACES)
def test_each_value_stands_where_the_standard_puts_it(kind, changes, places):
    (report,) = etree.fromstring(message(kind, **changes))[1]
    namespace = etree.QName(report).namespace
    steps = {path: "/".join(f"{{{namespace}}}{step}" for step in path.split("/")) for path in places}
    assert {path: report.findtext(step) for path, step in steps.items()} == places


@each_kind
def test_messages_without_header_have_no_sender(kind):
    text = message(kind)
    bare = text[text.index("<Document") : text.index("</Msg>")]
    parsed = kind.read(bare.encode())
    assert rules(parsed) == []
    if "sender" in kind.schema:
        assert parsed.good["sender"].to_list() == [None]


def elements(root):
    """Each element below the wrapper, as its path of names."""
    for element in root.iter():
        if element is not root:
            yield root.getroottree().getpath(element)


@needs_schemas
@each_kind
def test_without_the_schemas_we_refuse_each_missing_element_that_the_schemas_refuse(kind):
    whole = message(kind).encode()
    refused_by_schema = 0
    for path in elements(etree.fromstring(whole)):
        root = etree.fromstring(whole)
        (element,) = root.xpath(path)
        element.getparent().remove(element)
        parsed = kind.read(etree.tostring(root))
        if len(root) == 2 and schema_verdicts(kind.definition, root):
            refused_by_schema += 1
            assert parsed.bad.height == 1, f"without {path}"
            assert kind.read(etree.tostring(root), SCHEMAS).bad.height == 1
        # Nothing is ever in neither frame.
        assert parsed.good["ordinal"].n_unique() + parsed.bad.height == 1
    assert refused_by_schema > 10


@needs_schemas
@each_kind
def test_without_the_schemas_we_refuse_each_emptied_or_repeated_element_that_the_schemas_refuse(kind):
    whole = message(kind).encode()
    for path in elements(etree.fromstring(whole)):
        for mutate in ("empty", "twice", "renamed"):
            root = etree.fromstring(whole)
            (element,) = root.xpath(path)
            if mutate == "empty":
                for child in list(element):
                    element.remove(child)
                element.text = ""
            elif mutate == "twice":
                element.addnext(etree.fromstring(etree.tostring(element)))
            else:
                element.tag = element.tag + "X"
            parsed = kind.read(etree.tostring(root))
            if len(root) != 2 or schema_verdicts(kind.definition, root):
                # The schema refuses an unknown element; what of it matters to us is missing, or nothing is.
                assert parsed.bad.height == 1 or mutate == "renamed", f"{mutate} {path}"


@needs_schemas
@each_kind
@pytest.mark.parametrize(
    "value",
    ["", " ", "x", "2026-02-30", "1e5", "-1", "99999999999999999999", "0.0000000000000000001", "TRUE", "é" * 600],
)
def test_what_our_rules_accept_the_schemas_accept(kind, value):
    whole = message(kind).encode()
    for path in elements(etree.fromstring(whole)):
        root = etree.fromstring(whole)
        (element,) = root.xpath(path)
        if len(element):
            continue
        element.text = value
        if schema_verdicts(kind.definition, root):
            assert kind.read(etree.tostring(root)).bad.height == 1, f"{path} = {value!r}"


@needs_schemas
@each_kind
def test_reading_and_building_with_schemas_gives_the_same(kind):
    frame = example(kind)
    out = built(kind, frame, schemas=SCHEMAS)
    assert out.data == built(kind, frame).data
    assert kind.read(out.data, SCHEMAS).good.equals(kind.read(out.data).good)


@each_kind
def test_no_rows_make_a_file_that_reads_as_no_rows(kind):
    out = built(kind, pl.DataFrame(schema=kind.schema))
    parsed = kind.read(out.data)
    assert parsed.good.is_empty()
    assert parsed.bad.is_empty()
    assert out.index.is_empty()


@pytest.mark.parametrize(
    ("kind", "changes", "place", "rule"),
    [
        (INSTRUCTIONS, {"reference": "R" * 36}, "/Document/SctiesSttlmTxInstr/TxId", "text_max 35"),
        (INSTRUCTIONS, {"reference": None}, "/Document/SctiesSttlmTxInstr/TxId", "required"),
        (INSTRUCTIONS, {"account": " "}, "/Document/SctiesSttlmTxInstr/QtyAndAcctDtls/SfkpgAcct/Id", "text_min 1"),
        (INSTRUCTIONS, {"account": "a\x02"}, "/Document/SctiesSttlmTxInstr/QtyAndAcctDtls/SfkpgAcct/Id", "no_control_characters"),
        (INSTRUCTIONS, {"direction": "lend"}, "/Document/SctiesSttlmTxInstr/SttlmTpAndAddtlParams/SctiesMvmntTp", "one_of RECE|DELI"),
        (INSTRUCTIONS, {"quantity_micro": 10**18 + 1}, "/Document/SctiesSttlmTxInstr/QtyAndAcctDtls/SttlmQty/Qty/Unit", "digits_max 18"),
        (INSTRUCTIONS, {"quantity_micro": -1}, "/Document/SctiesSttlmTxInstr/QtyAndAcctDtls/SttlmQty/Qty/Unit", "not_negative"),
        (INSTRUCTIONS, {"amount_minor": -1}, "/Document/SctiesSttlmTxInstr/SttlmAmt/Amt", "not_negative"),
        (INSTRUCTIONS, {"currency": "euro"}, "/Document/SctiesSttlmTxInstr/SttlmAmt/Amt/@Ccy", "currency"),
        (INSTRUCTIONS, {"party_bic": "OMSF"}, "/Document/SctiesSttlmTxInstr/RcvgSttlmPties/Pty1/Id/AnyBIC", "bic"),
        (STATUSES, {"axis": "matching"}, "/Document/SctiesSttlmTxStsAdvc", "some_of PrcgSts|MtchgSts|SttlmSts"),
        (STATUSES, {"reason": None}, "/Document/SctiesSttlmTxStsAdvc/SttlmSts/Flng/Rsn[1]/Cd", "exactly_one_of Cd|Prtry/Id"),
        (STATUSES, {"text": "t" * 211}, "/Document/SctiesSttlmTxStsAdvc/SttlmSts/Flng/Rsn[1]/AddtlRsnInf", "text_max 210"),
        (HOLDINGS, {"sequence": 100_000}, "/Document/SctiesBalCtdyRpt/StmtGnlDtls/RptNb/Lng", "five_digits"),
        (CASHES, {"text": "t" * 141}, "/Document/BkToCstmrStmt/Stmt[1]/Ntry[2]/NtryDtls[1]/TxDtls[1]/RmtInf/Ustrd[1]", "text_max 140"),
        (CASHES, {"value_date": None, "day": None}, "/Document/BkToCstmrStmt/Stmt[1]/Bal[1]/Dt", "exactly_one_of Dt|DtTm"),
    ],
)  # fmt: skip
def test_a_row_no_message_can_hold_is_refused_at_the_door_with_its_place(kind, changes, place, rule):
    with pytest.raises(Refused) as door:
        built(kind, pl.concat([example(kind), example(kind, **changes)]))
    assert (place, rule) in [(r.place, r.facts["rule"]) for r in door.value.refusals]


def edited(kind, *changes):
    text = message(kind)
    for old, new in changes:
        assert text.count(old) >= 1, old
        text = text.replace(old, new, 1)
    return text.encode()


R23, R24, R25 = "/Document/SctiesSttlmTxInstr", "/Document/SctiesSttlmTxStsAdvc", "/Document/SctiesSttlmTxConf"
R02, R53 = "/Document/SctiesBalCtdyRpt", "/Document/BkToCstmrStmt/Stmt[1]"
LACK = "<Rsn><Cd><Cd>LACK</Cd></Cd><AddtlRsnInf>no securities</AddtlRsnInf></Rsn>"


@pytest.mark.parametrize(
    ("kind", "changes", "told"),
    [
        # An empty instrument passes the schema; so does an amount with more decimals than its currency has.
        (INSTRUCTIONS, [("<ISIN>DE0007164600</ISIN>", "")], [(f"{R23}/FinInstrmId/ISIN", "required")]),
        (INSTRUCTIONS, [("182.50<", "182.505<")], [(f"{R23}/SttlmAmt/Amt", "decimals_of_currency EUR 2")]),
        (INSTRUCTIONS, [('"EUR"', '"JPY"')], [(f"{R23}/SttlmAmt/Amt", "decimals_of_currency JPY 0")]),
        (INSTRUCTIONS, [("<CdtDbtInd>DBIT", "<CdtDbtInd>CRDT")], [(f"{R23}/SttlmAmt/CdtDbtInd", "cash_runs_against_securities")]),
        (INSTRUCTIONS, [("APMT", "FREE")], [(f"{R23}/SttlmTpAndAddtlParams/Pmt", "one_of APMT")]),
        (INSTRUCTIONS, [(">1.5<", ">1.5000001<")], [(f"{R23}/QtyAndAcctDtls/SttlmQty/Qty/Unit", "decimals_max 6")]),
        (INSTRUCTIONS, [(">1.5<", ">9223372036854.775808<")], [(f"{R23}/QtyAndAcctDtls/SttlmQty/Qty/Unit", "digits_max 18")]),
        (INSTRUCTIONS, [(">1.5<", ">99999999999999<")], [(f"{R23}/QtyAndAcctDtls/SttlmQty/Qty/Unit", "fits_64_bits")]),
        (INSTRUCTIONS, [("182.50<", "99999999999999999<")], [(f"{R23}/SttlmAmt/Amt", "fits_64_bits")]),
        (INSTRUCTIONS, [("sese.023.001.12</Msg", "sese.023.001.11</Msg")], [("/AppHdr/MsgDefIdr", "one_of sese.023.001.12")]),
        (INSTRUCTIONS, [("xsd:sese.023.001.12", "xsd:sese.023.001.11")], [("/Document", "document sese.023.001.12")]),
        (INSTRUCTIONS, [("<TxId>REF-1</TxId>", ""), ("2026-11-26", "2026-11-31"), ("DAKVDEFF</BICFI>", "DAKV</BICFI>")],
            [("/AppHdr/To/FIId/FinInstnId/BICFI", "bic"), (f"{R23}/TxId", "required"), (f"{R23}/TradDtls/SttlmDt/Dt/Dt", "iso_date")]),
        (INSTRUCTIONS, [("<ISIN>DE0007164600</ISIN>", "<ISIN>DE00<x/>07164600</ISIN>")],
            [(f"{R23}/FinInstrmId/ISIN", "no_elements"), (f"{R23}/FinInstrmId/ISIN", "isin")]),
        (INSTRUCTIONS, [("<TxId>REF-1</TxId>", "<TxId>A</TxId><TxId>B</TxId>")], [(f"{R23}/TxId", "once")]),
        (STATUSES, [(LACK, "")], [(f"{R24}/SttlmSts/Flng", "exactly_one_of NoSpcfdRsn|Rsn")]),
        (STATUSES, [(LACK, "<NoSpcfdRsn>NORE</NoSpcfdRsn>" + LACK)], [(f"{R24}/SttlmSts/Flng", "exactly_one_of NoSpcfdRsn|Rsn")]),
        (STATUSES, [("<Cd>LACK</Cd>", "<Cd>FUTU</Cd>")], [(f"{R24}/SttlmSts/Flng/Rsn[1]/Cd/Cd", "one_of ")]),
        (STATUSES, [("Flng>", "Flxx>"), ("Flng>", "Flxx>")], [(R24, "some_of PrcgSts|MtchgSts|SttlmSts")]),
        (CONFIRMATIONS, [("<CdtDbtInd>CRDT", "<CdtDbtInd>DBIT")], [(f"{R25}/SttldAmt/CdtDbtInd", "cash_runs_against_securities")]),
        (HOLDINGS, [("<PgNb>1<", "<PgNb>2<"), (">true<", ">false<")], [(f"{R02}/Pgntn/PgNb", "single_page"), (f"{R02}/Pgntn/LastPgInd", "one_of true|1")]),
        (HOLDINGS, [("COMP", "DELT"), ("SETT", "TRAD")], [(f"{R02}/StmtGnlDtls/UpdTp/Cd", "one_of COMP"), (f"{R02}/StmtGnlDtls/StmtBsis/Cd", "one_of SETT")]),
        (HOLDINGS, [("</SctiesBalCtdyRpt>", "<SubAcctDtls><ActvtyInd>false</ActvtyInd></SubAcctDtls></SctiesBalCtdyRpt>")], [(f"{R02}/SubAcctDtls", "no_sub_accounts")]),
        (CASHES, [("<Cd>OPBD</Cd>", "<Cd>ITBD</Cd>")], [(f"{R53}/Bal", "balance OPBD")]),
        (CASHES, [("<Cd>CLBD</Cd>", "<Cd>ITBD</Cd>")], [(f"{R53}/Bal", "balance CLBD")]),
        (CASHES, [('<Ntry><Amt Ccy="EUR">', '<Ntry><Amt Ccy="USD">')], [(f"{R53}/Ntry[1]/Amt", "currency_of_account EUR")]),
        (CASHES, [("<Ccy>EUR</Ccy>", "<Ccy>USD</Ccy>")], [(f"{R53}/Bal", "currency_of_account USD"), (f"{R53}/Ntry[1]/Amt", "currency_of_account USD")]),
        (CASHES, [("BOOK", "PDNG")], [(f"{R53}/Ntry[1]/Sts/Cd", "one_of BOOK")]),
    ],
)  # fmt: skip
def test_what_a_schema_does_not_catch_is_refused_with_all_errors_at_once(kind, changes, told):
    parsed = kind.read(edited(kind, *changes))
    assert parsed.good.is_empty()
    found = rules(parsed)
    assert [(place, rule[: len(wanted)]) for (place, rule), (_, wanted) in zip(found, told, strict=True)] == told


def test_a_bad_message_keeps_its_key_when_it_can_still_be_read():
    for kind in KINDS.values():
        wrong = ("LACK", "NONE") if kind is STATUSES else ("2026-11-2", "2026-13-2")
        bad = kind.read(edited(kind, wrong))
        assert bad.bad["key"].to_list() == [kind.example[next(iter(kind.schema))]]
        assert bad.bad["reason"].to_list() == ["xml_invalid"]


def test_several_statuses_and_reasons_in_one_message_are_rows_at_one_place():
    more = "<MtchgSts><Umtchd><Rsn><Cd><Cd>DMON</Cd></Cd></Rsn><Rsn><Cd><Prtry><Id>ABCD</Id><Issr>X</Issr></Prtry></Cd></Rsn></Umtchd></MtchgSts>"
    parsed = sese024.read_statuses(edited(STATUSES, ("<SttlmSts>", more + "<SttlmSts>")))
    assert parsed.good.select("ordinal", "axis", "code", "reason", "text").rows() == [
        (1, "matching", "NMAT", "DMON", None),
        (1, "matching", "NMAT", "ABCD", None),
        (1, "settlement", "PENF", "LACK", "no securities"),
    ]


def test_a_bank_may_say_prcd_for_opening_date_times_for_dates_and_details_for_references():
    parsed = camt053.read_cash(
        edited(
            CASHES,
            ("<Cd>OPBD</Cd>", "<Cd>PRCD</Cd>"),
            ("<Dt><Dt>2026-11-24</Dt></Dt>", "<Dt><DtTm>2026-11-23T18:00:00Z</DtTm></Dt>"),
            ("<ValDt><Dt>2026-11-24</Dt></ValDt>", ""),
            ("<AcctSvcrRef>B-1</AcctSvcrRef>", ""),
            ("<Refs>", "<Refs><AcctSvcrRef>B-2</AcctSvcrRef>"),
            ("</NtryDtls>", "<TxDtls><Refs><EndToEndId>REF-2</EndToEndId></Refs></TxDtls></NtryDtls>"),
        )
    )
    assert rules(parsed) == []
    row = parsed.good.row(0, named=True)
    assert (row["opening_minor"], row["value_date"]) == (100_00, date(2026, 11, 24))
    assert (row["reference"], row["bank_reference"], row["text"]) == (None, "B-2", "settled")


def test_face_amount_time_and_an_organisation_as_sender_are_read():
    parsed = sese025.read_confirmations(
        edited(
            CONFIRMATIONS,
            ("<Unit>1.5</Unit>", "<FaceAmt>1000</FaceAmt>"),
            ("<Dt><Dt>2026-11-26</Dt></Dt>", "<Dt><DtTm>2026-11-26T23:59:59.5+02:00</DtTm></Dt>"),
            (
                "<FIId><FinInstnId><BICFI>OMSFDEFFXXX</BICFI></FinInstnId></FIId>",
                "<OrgId><Id><OrgId><AnyBIC>CPTYFRPP</AnyBIC></OrgId></Id></OrgId>",
            ),
        )
    )
    assert rules(parsed) == []
    row = parsed.good.row(0, named=True)
    assert (row["quantity_micro"], row["settled_date"], row["sender"]) == (
        1_000_000_000,
        date(2026, 11, 26),
        "CPTYFRPP",
    )
