"""Files of ISO 20022 messages that are broken, hostile or in another of their forms, and how fast whole ones are read."""

# ruff: noqa: E501 (the tables below are one case a line)

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from nostro.messages.iso20022 import reading, sese023, sese024, sese025, xsd
from nostro.messages.iso20022.camt053 import build_cash, read_cash
from nostro.messages.iso20022.semt002 import build_holdings, read_holdings
from nostro.messages.iso20022.sese023 import build_instructions, read_instructions
from nostro.messages.shapes import CASH, CONFIRMATION, HOLDING, INSTRUCTION, STATUS, WHERE

SHARED = Path(os.environ.get("NOSTRO_SHARED") or Path(__file__).resolve().parents[2] / "../shared")
SCHEMAS = SHARED / "corpus/messages/iso20022_xsd"
needs_schemas = pytest.mark.skipif(not SCHEMAS.is_dir(), reason=f"no ISO 20022 schemas in {SCHEMAS}")
ENVELOPE = {"sender": "OMSFDEFFXXX", "receiver": "DAKVDEFF", "created": datetime(2026, 11, 24, 9, tzinfo=UTC)}
DAY = date(2026, 11, 24)


def instructions(rows):
    n = pl.col("n")
    return (
        pl.DataFrame({"n": range(rows)})
        .select(
            reference=pl.format("R{}", n),
            direction=pl.when(n % 2 == 0).then(pl.lit("receive")).otherwise(pl.lit("deliver")),
            isin=pl.lit("DE0007164600"),
            quantity_micro=n * 1_234_567 + 1,
            amount_minor=n * 100 + 7,
            currency=pl.when(n % 3 == 0).then(pl.lit("JPY")).otherwise(pl.lit("EUR")),
            trade_date=DAY,
            settle_date=date(2026, 11, 26),
            account=pl.lit("12345"),
            party_bic=pl.lit("OMSFDEFFXXX"),
            counterparty_bic=pl.lit("CPTYFRPP"),
            place_bic=pl.lit("DAKVDEFF"),
        )
        .cast(dict(INSTRUCTION))
    )


def holdings(statements, positions):
    rows = [
        (f"S{s}", s, f"ACC{s}", DAY, "DE0007164600", s * 1_000_000 + p, ENVELOPE["sender"])
        for s in range(statements)
        for p in range(positions)
    ]
    return pl.DataFrame(rows, schema=HOLDING, orient="row")


def lines(*texts):
    return b"\n".join(texts) + b"\n"


ONE = build_instructions(instructions(1), **ENVELOPE).data.strip()


def said(parsed):
    """(ordinal, reason, rule or message) of every error."""
    return [
        (row["ordinal"], e["reason"], e["facts"].get("rule") or e["facts"]["message"])
        for row in parsed.bad.iter_rows(named=True)
        for e in json.loads(row["errors"])
    ]


@pytest.mark.parametrize(
    ("line", "reason", "told"),
    [
        (ONE[:-6], "xml_broken", "Premature end of data"),
        (ONE.replace(b"</TxId>", b"</TxIx>"), "xml_broken", "Opening and ending tag mismatch"),
        (ONE.replace(b">R0<", b">R&0<"), "xml_broken", "xmlParseEntityRef"),
        (ONE.replace(b">R0<", b">R\x010<"), "xml_broken", "PCDATA invalid Char value 1"),
        (ONE.replace(b">R0<", b">R\xff0<"), "xml_broken", "Invalid bytes in character encoding"),
        (ONE.replace(b">R0<", b">R]]>0<"), "xml_broken", "Sequence ']]>' not allowed in content"),
        (ONE.replace(b">R0<", b"><R0><"), "xml_broken", "Opening and ending tag mismatch"),
        (ONE + ONE, "xml_broken", "Extra content at the end of the document"),
        (b"not xml", "xml_broken", "Start tag expected"),
        (b"<Msg/>", "xml_invalid", "document sese.023.001.12"),
        (b"<Document/>", "xml_invalid", "document sese.023.001.12"),
        (ONE.replace(b"</AppHdr>", b"</AppHdr><Other/>"), "xml_invalid", "document sese.023.001.12"),
        (ONE.replace(b"head.001.001.02", b"head.001.001.09"), "xml_invalid", "document sese.023.001.12"),
        (b"<a>" * 300 + b"</a>" * 300, "xml_broken", "Excessive depth"),
        (b"<!DOCTYPE Msg>" + ONE, "xml_invalid", "no_document_type"),
        (b'<!DOCTYPE Msg [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>' + ONE.replace(b">R0<", b">&b;<"), "xml_invalid", "no_document_type"),
        (b'<!DOCTYPE Msg [<!ENTITY x SYSTEM "file:///etc/hostname">]>' + ONE.replace(b">R0<", b">&x;<"), "xml_invalid", "no_document_type"),
        (b'<?xml version="1.0" encoding="UTF-16"?>' + ONE.replace(b">R0<", b"><"), "xml_invalid", "text_min 1"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_and_its_neighbours_are_read(line, reason, told):
    parsed = read_instructions(lines(ONE, line, ONE))
    assert parsed.good["ordinal"].to_list() == [1, 3]
    (found,) = said(parsed)
    assert found[:2] == (2, reason)
    assert found[2].startswith(told)
    assert parsed.bad.select("start", "length").row(0) == (len(ONE) + 1, len(line))
    if reason == "xml_broken":
        assert json.loads(parsed.bad["errors"][0])[0]["facts"]["line"] == "2"


def test_a_truncated_file_costs_its_last_message_only():
    data = build_instructions(instructions(5), **ENVELOPE).data
    for cut in (len(data) - 2, len(data) - 300, len(data) - 1250):
        parsed = read_instructions(data[:cut])
        assert parsed.good["ordinal"].to_list() == [1, 2, 3, 4]
        assert parsed.bad["ordinal"].to_list() == [5]


def test_blank_lines_and_a_byte_order_mark_are_no_messages():
    parsed = read_instructions(b"\xef\xbb\xbf" + ONE + b"\r\n \r\n\n" + ONE)
    assert parsed.good["ordinal"].to_list() == [1, 2]
    assert parsed.good["start"].to_list() == [3, 3 + len(ONE) + 6]
    assert read_instructions(b"").good.columns == [*WHERE, *INSTRUCTION]


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_a_file_in_another_encoding_is_one_bad_row(mark):
    data = mark + ONE.decode().encode("utf-16-le")
    for read in (read_instructions, read_holdings):
        parsed = read(data)
        assert said(parsed) == [(0, "file_broken", "utf_8")]
        assert parsed.good.is_empty()


def test_comments_and_cdata_do_not_change_a_value():
    line = ONE.replace(b">R0<", b">R<!-- > -->1<![CDATA[<2>]]>&#51;<")
    parsed = read_instructions(lines(ONE, line))
    assert parsed.good["reference"].to_list() == ["R0", "R1<2>3"]


PIECES = st.sampled_from(
    [b"R0", b"<", b">", b"&", b"&lt;", b"]]>", b"<x/>", b"</TxId>", b"<TxId>", b"<!-- -->", b"\xef\xbf\xbe", b"\r", b"\t", b"\xc3\xa9", b"\xff", b" ", b'"']
)  # fmt: skip


@given(
    st.lists(PIECES, max_size=4).map(b"".join),
    st.sampled_from([b">R0<", b"<TxId>", b"</TxId>", b'Ccy="JPY"', b"<Msg>", b"</Msg>"]),
)
@settings(max_examples=300, deadline=None)
def test_a_line_read_by_its_remembered_markup_reads_as_by_the_parser(piece, place):
    """The quick way against its slow twin: each line after a whole one of the same markup, and alone."""
    for mutant in (
        ONE.replace(place, place + piece, 1),
        ONE.replace(place, piece + place, 1),
        ONE.replace(place, piece, 1),
    ):
        if b"\n" in mutant:
            continue
        quick = read_instructions(lines(ONE, mutant))
        slow = read_instructions(mutant)
        place_apart = ["ordinal", "start", "length"]
        assert quick.good.filter(pl.col("ordinal") == 2).drop(place_apart).equals(slow.good.drop(place_apart))
        assert quick.bad.height == slow.bad.height


def test_lines_of_one_markup_are_parsed_once(monkeypatch):
    parsed_lines = []
    fromstring = etree.fromstring
    monkeypatch.setattr(reading.etree, "fromstring", lambda *args: parsed_lines.append(1) or fromstring(*args))
    assert read_instructions(build_instructions(instructions(1000), **ENVELOPE).data).good.height == 1000
    # Two directions have one markup, two currencies two.
    assert len(parsed_lines) == 2


def test_a_business_file_cut_short_gives_what_was_whole_and_names_the_rest():
    out = build_holdings(holdings(4, 3), **ENVELOPE)
    third = out.index.row(2, named=True)
    parsed = read_holdings(out.data[: third["start"] + 500])
    assert parsed.good["statement"].unique(maintain_order=True).to_list() == ["S0", "S1"]
    assert (
        parsed.good.select("start", "length").unique(maintain_order=True).rows()
        == out.index.select("start", "length").rows()[:2]
    )
    ((ordinal, reason, _),) = said(parsed)
    assert (ordinal, reason) == (0, "xml_broken")
    second = out.index.row(1, named=True)
    assert parsed.bad["start"].to_list() == [second["start"] + second["length"]]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"<NbOfDocs>2<", b"<NbOfDocs>3<", [(0, "xml_invalid", "documents 2")]),
        (b"<PyldIdr>20261124090000000000</PyldIdr>", b"", [(0, "xml_invalid", "required")]),
        (b"<PyldTp>semt.002.001.12</PyldTp>", b"<PyldTp> </PyldTp>", [(0, "xml_invalid", "required")]),
        (b"<StmtId>S1</StmtId>", b"", [(2, "xml_invalid", "required")]),
        (b"<?xml", b"<!DOCTYPE Xchg><?xml", [(0, "file_broken", "no_document_type")]),
    ],
)
def test_what_is_wrong_with_a_business_file_is_told_beside_its_good_statements(old, new, told):
    data = build_holdings(holdings(2, 2), **ENVELOPE).data
    assert old in data
    parsed = read_holdings(data.replace(old, new, 1))
    assert said(parsed) == told
    assert parsed.good["ordinal"].unique().to_list() == (
        [] if "file_broken" in told[0] else [1] if told[0][0] == 2 else [1, 2]
    )


def test_statements_are_read_from_a_business_file_from_lines_and_from_one_document():
    frame = holdings(3, 2)
    out = build_holdings(frame, **ENVELOPE)
    pairs = [out.data[s : s + n].removeprefix(b"<Pyld>").removesuffix(b"</Pyld>") for _, _, s, n in out.index.rows()]
    bare = [etree.tostring(etree.fromstring(pair)[1]) for pair in pairs]
    pretty = etree.tostring(etree.fromstring(bare[0]), pretty_print=True, xml_declaration=True, encoding="UTF-8")
    payloads_of_two = out.data.replace(b'<Msg xmlns="">', b"").replace(b"</Msg>", b"")
    prefixed = (
        b'<?xml version="1.0"?><!-- a file --><f:Xchg xmlns:f="%s"><f:PyldDesc><f:PyldData><f:PyldIdr>1</f:PyldIdr><f:CreDtAndTm>2026-11-24T09:00:00Z</f:CreDtAndTm></f:PyldData><f:PyldTp>x</f:PyldTp></f:PyldDesc>%s</f:Xchg>'
        % (reading.FILE_NAMESPACE.encode(), b"".join(b"<f:Pyld>%s</f:Pyld>" % b for b in bare))
    )
    for data, count, sender in (
        (out.data, 3, ENVELOPE["sender"]),
        (lines(*pairs), 3, ENVELOPE["sender"]),
        (lines(*bare), 3, None),
        (bare[0], 1, None),
        (pretty, 1, None),
        (payloads_of_two, 3, ENVELOPE["sender"]),
        (prefixed, 3, None),
    ):
        parsed = read_holdings(data)
        assert said(parsed) == []
        expected = frame.head(2 * count).with_columns(sender=pl.lit(sender, pl.String))
        assert parsed.good.drop("ordinal", "start", "length").equals(expected)
        for start, length in parsed.good.select("start", "length").unique().rows():
            assert b"SctiesBalCtdyRpt" in data[start : start + length]


def test_an_empty_statement_is_one_row_that_holds_nothing():
    row = ("S", 1, "ACC", DAY, None, None, ENVELOPE["sender"])
    frame = pl.DataFrame([row], schema=HOLDING, orient="row")
    data = build_holdings(frame, **ENVELOPE).data
    assert b"<ActvtyInd>false</ActvtyInd>" in data
    assert read_holdings(data).good.drop("ordinal", "start", "length").rows() == [row]


def test_an_iban_is_written_as_one_and_any_other_account_is_not():
    def tag(account):
        row = ("S", 1, account, "EUR", DAY, 0, 0, *(None,) * 6, ENVELOPE["sender"])
        return build_cash(pl.DataFrame([row], schema=CASH, orient="row"), **ENVELOPE).data

    assert b"<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id>" in tag("DE89370400440532013000")
    assert b"<Acct><Id><Othr><Id>DE89370400440532013001</Id></Othr></Id>" in tag("DE89370400440532013001")
    assert read_cash(tag("X-1")).good["account"].to_list() == ["X-1"]


@needs_schemas
def test_with_schemas_a_message_is_refused_for_what_only_they_know():
    wrong = ONE.replace(b"<SttlmParams>", b"<SttlmParams><HldInd><Ind>perhaps</Ind></HldInd>")
    assert read_instructions(wrong).bad.is_empty()
    parsed = read_instructions(lines(ONE, wrong), SCHEMAS)
    assert parsed.good["ordinal"].to_list() == [1]
    ((_, reason, rule),) = said(parsed)
    assert (reason, rule) == ("xml_invalid", "schema SCHEMAV_CVC_DATATYPE_VALID_1_2_1")
    (error,) = json.loads(parsed.bad["errors"][0])
    assert error["place"] == "/Document/SctiesSttlmTxInstr/SttlmParams/HldInd/Ind"


@needs_schemas
def test_with_schemas_the_header_of_a_business_file_is_judged_too():
    data = build_holdings(holdings(1, 1), **ENVELOPE, schemas=SCHEMAS).data
    assert read_holdings(data, SCHEMAS).bad.is_empty()
    wrong = data.replace(b"<PyldTp>", b"<PssblDplctFlg>true</PssblDplctFlg><PyldTp>")
    assert [rule for _, _, rule in said(read_holdings(wrong, SCHEMAS))] == ["schema SCHEMAV_ELEMENT_CONTENT"]


def test_a_schema_that_is_not_there_is_no_check_passed(tmp_path):
    with pytest.raises(ValueError, match="holds no schemas"):
        read_instructions(ONE, tmp_path)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "head.001.001.02.xsd").write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:iso:std:iso:20022:tech:xsd:head.001.001.02">'
        '<xs:element name="AppHdr"/></xs:schema>'
    )
    assert said(read_instructions(ONE, tmp_path)) == [(1, "xml_invalid", "schema_missing")]
    assert list(xsd.schema_files(tmp_path)) == ["head.001.001.02"]


@pytest.mark.parametrize("kind", ["sese.023", "sese.024", "sese.025"])
def test_a_file_of_many_chunks_is_read_whole(kind):
    rows = 50_000
    base = instructions(rows)
    sender = pl.lit(ENVELOPE["sender"])
    if kind == "sese.023":
        frame, build, read = base, sese023.build_instructions, sese023.read_instructions
    elif kind == "sese.025":
        frame = base.with_columns(settled_date="settle_date", sender=sender).select(*CONFIRMATION)
        build, read = sese025.build_confirmations, sese025.read_confirmations
    else:
        matched = pl.int_range(pl.len()) % 2 == 0
        frame = base.select(
            "reference",
            axis=pl.when(matched).then(pl.lit("matching")).otherwise(pl.lit("settlement")),
            code=pl.when(matched).then(pl.lit("MACH")).otherwise(pl.lit("PENF")),
            reason=pl.when(~matched).then(pl.lit("LACK")),
            text=pl.when(~matched).then(pl.lit("no securities")),
            sender=sender,
        ).select(*STATUS)
        build, read = sese024.build_statuses, sese024.read_statuses
    parsed = read(build(frame, **ENVELOPE).data)
    assert parsed.good.drop("ordinal", "start", "length").equals(frame)


def test_payload_tags_without_end_are_answered():  # a reader of quadratic time would run into the suite's limit
    data = build_holdings(holdings(1, 1), **ENVELOPE).data.replace(b"<Pyld>", b"<Pyld>" * 200_000, 1)
    parsed = read_holdings(data)
    assert parsed.good.is_empty()
    assert [reason for _, reason, _ in said(parsed)] == ["xml_broken"]
