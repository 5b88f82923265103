"""Instructions, statuses and confirmations in SWIFT MT: what is written comes back, and what is wrong is told."""

import datetime as dt
import json
from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nostro.kernel.refusals import Refused
from nostro.messages.mt import confirmations, instructions, status, tokens, validate
from nostro.messages.shapes import CONFIRMATION, INSTRUCTION, STATUS, Built, Parsed

US, SERVICER = "LUXBDEFFXXX", "CEDELULLXXX"
X_SET = "ABCXYZabcxyz0189/-?:().,'+ "

REFERENCES = st.from_regex(r"[A-Z0-9+.,?]{1,16}", fullmatch=True)
DAYS = st.dates(dt.date(1990, 1, 1), dt.date(2099, 12, 31))
QUANTITIES = st.integers(1, 10**13)
MONEY = st.one_of(
    st.tuples(st.just("EUR"), st.integers(0, 10**13)),
    st.tuples(st.just("JPY"), st.integers(0, 10**13)),
    st.tuples(st.just("KWD"), st.integers(0, 10**13)),
)
DIRECTIONS = st.sampled_from(["receive", "deliver"])
BICS = st.sampled_from(["DEUTDEFFXXX", "BNPAFRPP", "DAKVDEFF750"])
ACCOUNTS = st.from_regex(r"[A-Za-z0-9/ .()+-]{1,34}[A-Z0-9]", fullmatch=True)


def instruction(money: tuple[str, int] = ("EUR", 18_517_500), **other: object) -> dict[str, object]:
    return {
        "reference": "I-1",
        "direction": "receive",
        "isin": "DE0007164600",
        "quantity_micro": 1_500_000_000,
        "amount_minor": money[1],
        "currency": money[0],
        "trade_date": dt.date(2026, 11, 24),
        "settle_date": dt.date(2026, 11, 26),
        "account": "4711/001",
        "party_bic": US,
        "counterparty_bic": "DEUTDEFFXXX",
        "place_bic": "DAKVDEFF",
    } | other


def confirmation(money: tuple[str, int] = ("EUR", 18_517_500), **other: object) -> dict[str, object]:
    kept = ("reference", "direction", "isin", "quantity_micro", "account")
    return (
        {name: value for name, value in instruction().items() if name in kept}
        | {"amount_minor": money[1], "currency": money[0], "settled_date": dt.date(2026, 11, 27)}
        | other
    )


def frame(rows: list[dict[str, object]], shape: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={name: kind for name, kind in shape.items() if name != "sender"}, orient="row")


def assert_comes_back(rows: pl.DataFrame, build: Callable[..., Built], read: Callable[[bytes], Parsed]) -> Parsed:
    built = build(rows, sender=US, receiver=SERVICER)
    parsed = read(built.data)
    assert parsed.bad.is_empty(), parsed.bad["errors"].to_list()
    assert parsed.good.select(rows.columns).equals(rows)
    assert built.index.equals(parsed.good.select(pl.col("reference").alias("key"), "ordinal", "start", "length"))
    for start, length in built.index.select("start", "length").iter_rows():
        message = tokens.tokenise(built.data[start : start + length].decode())
        assert validate.judge(message) == []
    return parsed


def told(parsed: Parsed) -> list[tuple[str, str]]:
    errors = json.loads(parsed.bad["errors"][0])
    return [(e["place"], e["facts"].get("rule", "missing")) for e in errors]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.builds(
            instruction,
            MONEY,
            reference=REFERENCES,
            direction=DIRECTIONS,
            quantity_micro=QUANTITIES,
            trade_date=DAYS,
            settle_date=DAYS,
            account=ACCOUNTS,
            party_bic=st.just(US) | BICS,
            counterparty_bic=BICS,
            place_bic=BICS,
        ),
        max_size=6,
    )
)
def test_an_instruction_that_is_written_is_read_back(rows):
    assert_comes_back(frame(rows, INSTRUCTION), instructions.build_instructions, instructions.read_instructions)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.builds(confirmation, MONEY, reference=REFERENCES, direction=DIRECTIONS, quantity_micro=QUANTITIES,
                  settled_date=DAYS, account=ACCOUNTS),
        max_size=6,
    )
)  # fmt: skip
def test_a_confirmation_that_is_written_is_read_back(rows):
    parsed = assert_comes_back(
        frame(rows, CONFIRMATION), confirmations.build_confirmations, confirmations.read_confirmations
    )
    assert set(parsed.good["sender"].to_list()) <= {US}


TEXTS = st.text(X_SET, min_size=1, max_size=210).filter(lambda t: all(t[i] not in ":-" for i in range(0, len(t), 35)))
STATUSES = st.one_of(
    st.tuples(st.just("matching"), st.just("MACH"), st.none(), st.none()),
    st.tuples(st.just("matching"), st.just("NMAT"), st.sampled_from(["CMIS", "DMON"]), st.none() | TEXTS),
    st.tuples(st.just("settlement"), st.sampled_from(["PEND", "PENF"]), st.none() | st.just("LACK"), st.none()),
    st.tuples(st.just("processing"), st.sampled_from(["ACPT", "REJT", "CANC"]), st.just("SAFE"), st.none() | TEXTS),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(REFERENCES, STATUSES), max_size=6))
def test_a_status_that_is_written_is_read_back(rows):
    flat = [dict(zip(STATUS, (reference, *rest), strict=False)) for reference, rest in rows]
    assert_comes_back(frame(flat, STATUS), status.build_status, status.read_status)


def test_an_instruction_is_written_as_the_market_writes_it():
    rows = frame([instruction(party_bic="AAAADEFFXXX")], INSTRUCTION)
    lines = instructions.build_instructions(rows, sender=US, receiver=SERVICER).data.decode().split("\r\n")
    assert lines[0] == "{1:F01LUXBDEFFAXXX0000000000}{2:I541CEDELULLXXXXN}{4:"
    text = "\n".join(lines[1:])
    for expected in (
        ":20C::SEME//I-1",
        ":98A::SETT//20261126\n:98A::TRAD//20261124",
        ":35B:ISIN DE0007164600",
        ":36B::SETT//UNIT/1500,\n:97A::SAFE//4711/001",
        ":16R:SETPRTY\n:95P::DEAG//DEUTDEFFXXX\n:16S:SETPRTY",
        ":16R:SETPRTY\n:95P::PSET//DAKVDEFF\n:16S:SETPRTY",
        ":16R:SETPRTY\n:95P::BUYR//AAAADEFFXXX\n:16S:SETPRTY",
        ":16R:AMT\n:19A::SETT//EUR185175,\n:16S:AMT",
    ):
        assert expected in text


MESSAGE = (
    instructions.build_instructions(frame([instruction()], INSTRUCTION), sender=US, receiver=SERVICER)
    .data.decode()
    .replace("\r\n", "\n")
    .strip()
)


def read_one(text: str) -> Parsed:
    return instructions.read_instructions(f"{MESSAGE}\n$\n{text}\n$\n{MESSAGE}\n".encode("latin-1"))


@pytest.mark.parametrize(
    ("before", "after", "place", "rule"),
    [
        (":20C::SEME//I-1\n", "", "GENL, field 20C:SEME", "missing"),
        ("//I-1", "//ABCDEFGHIJKLMNOPQ", "line 3, GENL, field 20C", "format :4!c//16r"),
        ("//I-1", "///I-1", "line 3, GENL, field 20C", "format :4!c//16r"),
        ("//I-1", "//I-1_", "line 3, GENL, field 20C", "format :4!c//16r"),
        ("23G:NEWM", "23G:CANC", "line 4, GENL, field 23G", "only NEWM"),
        (":98A::TRAD//20261124\n", "", "TRADDET, field 98A:TRAD", "missing"),
        (":98A::SETT//20261126\n", "", "TRADDET, field 98a:SETT", "missing"),
        ("SETT//20261126", "SETT//20261131", "line 7, TRADDET, field 98A", "calendar_date"),
        ("SETT//20261126", "SETT//20261326", "line 7, TRADDET, field 98A", "format :4!c//8!D"),
        ("35B:ISIN DE0007164600", "35B:/DE/716460", "line 9, TRADDET, field 35B", "isin_needed"),
        ("35B:ISIN DE0007164600", "35B:ISIN DE00071646", "line 9, TRADDET, field 35B", "format"),
        ("UNIT/1500,", "UNIT/1500", "line 12, FIAC, field 36B", "format :4!c//4!c/15d"),
        ("UNIT/1500,", "UNIT/1500.0", "line 12, FIAC, field 36B", "format :4!c//4!c/15d"),
        ("UNIT/1500,", "UNIT/0,", "line 12, FIAC, field 36B", "positive, at most 6 decimals"),
        ("UNIT/1500,", "UNIT/1,1234567", "line 12, FIAC, field 36B", "positive, at most 6 decimals"),
        ("UNIT/1500,", "AMOR/1500,", "line 12, FIAC, field 36B", "UNIT or FAMT"),
        ("UNIT/1500,", "UNIT/123456789012345,", "line 12, FIAC, field 36B", "format :4!c//4!c/15d"),
        ("EUR185175,", "EUR185175,001", "line 24, SETDET/AMT, field 19A", "decimals_of_currency"),
        ("EUR185175,", "NEUR185175,", "line 24, SETDET/AMT, field 19A", "not_negative"),
        ("EUR185175,", "eur185175,", "line 24, SETDET/AMT, field 19A", "format :4!c//[N]3!a15d"),
        ("95P::DEAG//DEUTDEFFXXX", "95R::DEAG/CEDE/1234", "SETDET/SETPRTY, field 95P:DEAG", "missing"),
        ("95P::PSET//DAKVDEFF", "95P::PSET//DAKV", "line 21, SETDET/SETPRTY, field 95P", "format :4!c//BIC"),
        (":16S:AMT\n", "", "line 23, AMT, field 16R", "sequence_not_closed AMT"),
        (":16R:AMT\n", "", "line 24, AMT, field 16S", "sequence_not_opened AMT"),
        (":16R:AMT\n", ":16R:ATM\n", "line 23, SETDET/ATM, field 16R", "sequence_unknown"),
        (":23G:NEWM\n", ":23G:NEWM\n:23G:NEWM\n", "line 5, GENL, field 23G", "once"),
        (":23G:NEWM\n", ":23G:NEWM\n:36B::SETT//UNIT/1,\n", "line 5, GENL, field 36B", "not_in_this_sequence"),
        (":20C::SEME//I-1\n:23G:NEWM", ":23G:NEWM\n:20C::SEME//I-1", "line 4, GENL, field 20C", "order"),
        ("{2:I541", "{2:I540", "line 1, field 2", "only MT 541 or 543"),
        ("{2:I541", "{2:I54", "line 1", "header_form"),
        ("-}", "", "line 1", "block_4_not_closed"),
        (":23G:NEWM", "23G NEWM", "line 3, GENL, field 20C", "format :4!c//16r"),
        (":23G:NEWM", ":G23:NEWM", "line 4", "field_form"),
    ],
)
def test_each_error_is_named_with_field_sequence_and_line(before, after, place, rule):
    assert before in MESSAGE
    parsed = read_one(MESSAGE.replace(before, after, 1))
    assert (place, rule) in told(parsed), told(parsed)
    assert parsed.bad["ordinal"].to_list() == [2]
    assert parsed.good["ordinal"].to_list() == [1, 3]


def test_all_errors_of_a_message_come_at_once():
    wrong = MESSAGE.replace("23G:NEWM", "23G:new").replace(":97A::SAFE//4711/001\n", "").replace("EUR185175,", "EUR1")
    assert told(read_one(wrong)) == [
        ("FIAC, field 97a:SAFE", "missing"),
        ("line 4, GENL, field 23G", "format 4!c[/4!c]"),
        ("line 23, SETDET/AMT, field 19A", "format :4!c//[N]3!a15d"),
    ]


def test_a_message_of_the_network_has_its_sender_in_block_2():
    given_out = MESSAGE.replace("{1:F01LUXBDEFFAXXX", "{1:F01CEDELULLAXXX").replace(
        "{2:I541CEDELULLXXXXN}", "{2:O5411200261124LUXBDEFFA12312345678902611241201N}{3:{108:MUR}}"
    )
    parsed = instructions.read_instructions(given_out.encode())
    assert parsed.good["party_bic"].to_list() == ["LUXBDEFF123"]


def test_separators_may_stand_behind_the_message_or_on_their_own_line():
    for separator in ("$", "$\n", "\n$\n", "\r\n$\r\n", "\n$ \n\n$\n"):
        assert len(instructions.read_instructions((MESSAGE + separator + MESSAGE + separator).encode()).good) == 2


def test_a_file_without_swift_messages_is_broken_and_an_empty_one_is_empty():
    assert instructions.read_instructions(b"reference;isin\nI-1;DE0007164600\n").bad["reason"].to_list() == [
        "file_broken"
    ]
    for data in (b"", b"\r\n"):
        parsed = instructions.read_instructions(data)
        assert (len(parsed.good), len(parsed.bad)) == (0, 0)


def test_a_message_may_carry_what_we_do_not_use():
    richer = (
        MESSAGE.replace(":23G:NEWM\n", ":23G:NEWM\n:98A::PREP//20261124\n:16R:LINK\n:20C::PREV//OTHER\n:16S:LINK\n")
        .replace(
            ":35B:ISIN DE0007164600\n", ":90B::DEAL//ACTU/EUR123,45\n:35B:ISIN DE0007164600\nSAP SE\n:70E::SPRO//A\nB\n"
        )
        .replace(
            ":16R:AMT\n",
            ":16R:CSHPRTY\n:95P::PAYE//DEUTDEFF\n:16S:CSHPRTY\n:16R:AMT\n:19A::DEAL//EUR1,\n:16S:AMT\n:16R:AMT\n",
        )
    )
    plain, other = instructions.read_instructions(MESSAGE.encode()), instructions.read_instructions(richer.encode())
    assert other.bad.is_empty(), other.bad["errors"].to_list()
    assert plain.good.drop("length").equals(other.good.drop("length"))


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({"reference": "ABCDEFGHIJKLMNOPQ"}, "20C", "format"),
        ({"reference": "Ä-1"}, "20C", "format"),
        ({"reference": "A//B"}, "20C", "format"),
        ({"reference": None}, "20C:SEME", None),
        ({"direction": "buy"}, "2", "receive or deliver"),
        ({"isin": "DE000716460"}, "35B", "format"),
        ({"quantity_micro": 0}, "36B", "positive"),
        ({"quantity_micro": 123_456_789_012_345_678}, "36B", "format"),
        ({"amount_minor": -1}, "19A", "not_negative"),
        ({"amount_minor": 12_345_678_901_234_500}, "19A", "format"),
        ({"currency": "EURO"}, "19A:SETT", None),
        ({"account": "A" * 36}, "97A", "format"),
        ({"account": "1\r\n:20C::SEME//X"}, "97A", "format"),
        ({"counterparty_bic": "DEUTDE"}, "95P", "format"),
        ({"settle_date": None}, "98A:SETT", None),
    ],
)
def test_what_the_dialect_cannot_say_is_refused(change, field, rule):
    rows = frame([instruction(), instruction(reference="I-2") | change], INSTRUCTION)
    with pytest.raises(Refused) as caught:
        instructions.build_instructions(rows, sender=US, receiver=SERVICER)
    assert [(r.facts["field"], r.facts.get("rule")) for r in caught.value.refusals] == [(field, rule)]


def test_every_row_that_cannot_be_written_is_told_at_once():
    rows = frame([instruction(reference=None, account=None), instruction(), instruction(isin="?")], INSTRUCTION)
    with pytest.raises(Refused) as caught:
        instructions.build_instructions(rows, sender=US, receiver=SERVICER)
    assert [r.facts["field"] for r in caught.value.refusals] == ["20C:SEME", "97A:SAFE", "35B"]
    with pytest.raises(Refused) as caught:
        instructions.build_instructions(rows.head(0), sender="?", receiver="!")
    assert len(caught.value.refusals) == 2


def test_a_status_names_its_axis_and_the_code_both_dialects_speak():
    rows = frame([dict(zip(STATUS, ("I-1", "processing", "ACPT", None, None), strict=False))], STATUS)
    data = status.build_status(rows, sender=SERVICER, receiver=US).data
    assert b":25D::IPRC//PACK" in data
    several = data.decode().replace(
        ":16S:GENL",
        ":16R:STAT\n:25D::MTCH//NMAT\n:16R:REAS\n:24B::NMAT//DMON\n:16S:REAS\n:16R:REAS\n:24B::NMAT//DQUA\n"
        ":70D::REAS//other\nquantity\n:16S:REAS\n:16S:STAT\n:16S:GENL",
    ).replace("\r\n", "\n")  # fmt: skip
    parsed = status.read_status(several.encode())
    assert parsed.good.select("reference", "axis", "code", "reason", "text", "sender").rows() == [
        ("I-1", "processing", "ACPT", None, None, SERVICER),
        ("I-1", "matching", "NMAT", "DMON", None, SERVICER),
        ("I-1", "matching", "NMAT", "DQUA", "other quantity", SERVICER),
    ]
    other = several.replace("25D::MTCH", "25D::CPRC")
    assert told(status.read_status(other.encode()))[0][1] == "MTCH, SETT or IPRC"


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        (("I-1", "matching", "MACH", "LACK", None), "what is matched has no reason"),
        (("I-1", "settlement", "PEND", None, "why"), "a text needs a reason"),
        (("I-1", "luck", "PEND", None, None), "matching, settlement or processing"),
        (("I-1", "settlement", "PEND", "LACK", "A" * 35 + "-B"), "no line begins with : or -"),
        (("I-1", "settlement", "PEND", "LACK", "A" * 211), "format"),
    ],
)
def test_a_status_that_makes_no_sense_is_not_written(row, rule):
    with pytest.raises(Refused) as caught:
        status.build_status(frame([dict(zip(STATUS, row, strict=False))], STATUS), sender=SERVICER, receiver=US)
    assert [r.facts["rule"] for r in caught.value.refusals] == [rule]


def test_a_confirmation_of_a_reversal_is_no_settlement():
    data = confirmations.build_confirmations(frame([confirmation()], CONFIRMATION), sender=SERVICER, receiver=US).data
    assert told(confirmations.read_confirmations(data.replace(b"23G:NEWM", b"23G:RVSL")))[0][1] == "only NEWM"
    assert confirmations.read_confirmations(data).good["sender"].to_list() == [SERVICER]


def test_a_fast_verdict_is_the_slow_one():
    """A layout accepts a message by one pattern; field by field it must say the same."""
    for before, after in [("EUR185175,", "EUR185175,\x00"), ("//I-1", "//I-1\x00"), ("UNIT/1500,", "UNIT/1500,,")]:
        message = tokens.tokenise(MESSAGE.replace(before, after))
        layout = validate.layout_of("541", message.heads)
        assert not layout.accepts(message.rests)
        assert layout.faults(message)
    message = tokens.tokenise(MESSAGE)
    layout = validate.layout_of("541", message.heads)
    assert layout.accepts(message.rests)
    assert layout.faults(message) == []
