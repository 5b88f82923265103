"""One queue: opened once, with owner and proposal, acted on with a history, closed when it has come right."""

from datetime import UTC, date, datetime

import polars as pl
import psycopg
import pytest
from django.db import connection

from nostro.kernel.frames import REFUSED, refused
from nostro.messages.shapes import BAD, Parsed
from nostro.spine import exceptions, holds, inbox
from nostro.spine.database import raw
from nostro.spine.words import MESSAGES, Words, cure, sentence

DAY = date(2026, 10, 13)
WORDS = {
    "price_missing": Words(
        "No price for %(isin)s.", "%(isin)s 没有价格。", "Load one.", "请补录。", "data", ("set_price", "note")
    ),
    "ssi_missing": Words(
        "No SSI for %(party)s.", "%(party)s 没有 SSI。", "Add one.", "请补录。", "settlement", ("add_ssi",)
    ),
}
CUTOFF = datetime(2026, 10, 13, 14, tzinfo=UTC)


def refusals(*rows):
    """Rows of (reason, subject, money in cents or None)."""
    frame = pl.DataFrame(
        list(rows), schema={"reason": pl.String, "subject": pl.String, "money_minor": pl.Int64}, orient="row"
    )
    return frame.select(
        "reason",
        "subject",
        place=pl.lit(""),
        facts=pl.lit('{"isin":"DE000FCT0017"}'),
        money_minor="money_minor",
        currency=pl.when(pl.col("money_minor").is_not_null()).then(pl.lit("EUR")),
    )


def queue():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, reason, subject, owner, proposal, state, money_minor, currency, deadline FROM spine_exception"
            " WHERE entity_id = 1 ORDER BY id"
        )
        return cursor.fetchall()


def opened(*rows, **options):
    return exceptions.open_all(1, DAY, "trades", refusals(*rows), WORDS, **options)


def test_an_exception_has_owner_proposal_money_and_deadline_and_is_the_event_that_opened_it(firm):
    assert opened(("price_missing", "trade/1", 12_50), ("ssi_missing", "trade/2", None), deadline=CUTOFF) == 2
    assert queue() == [
        (1, "price_missing", "trade/1", "data", "set_price", "open", 12_50, "EUR", CUTOFF),
        (2, "ssi_missing", "trade/2", "settlement", "add_ssi", "open", None, None, CUTOFF),
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq, kind, subject FROM spine_event WHERE entity_id = 1 ORDER BY seq")
        assert cursor.fetchall() == [
            (1, "spine.ExceptionOpened/1", "trade/1"),
            (2, "spine.ExceptionOpened/1", "trade/2"),
        ]


def test_the_same_reason_for_the_same_subject_is_opened_once(firm):
    assert opened(("price_missing", "trade/1", None), ("price_missing", "trade/1", 5)) == 1
    assert opened(("price_missing", "trade/1", None), ("ssi_missing", "trade/1", None)) == 1
    assert opened() == 0
    assert len(queue()) == 2


def test_what_the_machine_dealt_with_itself_does_not_wait_in_the_queue(firm):
    opened(("price_missing", "trade/1", None), closed=True)
    assert queue()[0][5] == "closed"


def test_a_row_s_own_deadline_goes_before_the_common_one(firm):
    early = CUTOFF.replace(hour=9)
    frame = refusals(("price_missing", "a", None), ("price_missing", "b", None)).with_columns(
        deadline=pl.Series([early, None], dtype=pl.Datetime("us", "UTC"))
    )
    exceptions.open_all(1, DAY, "trades", frame, WORDS, deadline=CUTOFF)
    assert [row[8] for row in queue()] == [early, CUTOFF]


def test_a_reason_without_words_is_our_own_mistake(firm):
    with pytest.raises(AssertionError, match="reasons without words"):
        opened(("moon_in_the_way", "trade/1", None))


def test_every_action_stands_in_the_history_with_who_and_why(firm):
    opened(("price_missing", "trade/1", None))
    exceptions.act(1, DAY, 1, "trade/1", "note", actor="chen", comment="asked the vendor", state="waiting")
    exceptions.act(1, DAY, 1, "trade/1", "set_price", actor="li", comment="came", state="closed")
    with connection.cursor() as cursor:
        cursor.execute("SELECT number, action, actor, comment, event FROM spine_exceptionaction ORDER BY number")
        assert cursor.fetchall() == [(1, "note", "chen", "asked the vendor", 2), (2, "set_price", "li", "came", 3)]
        cursor.execute("SELECT seq, actor, cause FROM spine_event WHERE entity_id = 1 ORDER BY seq")
        assert cursor.fetchall() == [(1, "nostro", None), (2, "chen", 1), (3, "li", 1)]
    assert queue()[0][5] == "closed"


def test_what_came_right_is_closed_by_the_machine_and_nothing_else_is(firm):
    opened(("price_missing", "a", None), ("price_missing", "b", None), ("ssi_missing", "a", None))
    assert exceptions.resolve(1, DAY, pl.Series(["a", "c"]), ["price_missing"], "a price came") == 1
    assert exceptions.resolve(1, DAY, pl.Series(["a", "c"]), ["price_missing"], "a price came") == 0
    assert [(row[1], row[2], row[5]) for row in queue()] == [
        ("price_missing", "a", "closed"),
        ("price_missing", "b", "open"),
        ("ssi_missing", "a", "open"),
    ]


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'lost'", "exception_state_known"),
        ("money_minor = 5, currency = NULL", "exception_money_has_currency"),
        ("facts = 'none'", "exception_facts_are_json"),
    ],
)
def test_an_exception_that_can_not_be_true_is_refused_by_name(firm, change, constraint):
    opened(("price_missing", "a", None))
    with pytest.raises(psycopg.errors.CheckViolation, match=constraint), raw().transaction():
        raw().execute(f"UPDATE spine_exception SET {change}")


def test_a_broken_message_is_named_by_its_file_and_place(firm):
    file = inbox.receive(1, DAY, kind="executions.fix", sender="X", name="a.fix", data=b"junk")
    errors = '[{"place": "message 3, tag 10", "facts": {"rule": "checksum", "found": "001", "expected": "128"}}]'
    bad = pl.DataFrame([(3, 0, 4, None, "fix_garbled", errors)], schema=BAD, orient="row")
    parsed = Parsed(good=pl.DataFrame(), bad=bad)
    assert exceptions.open_bad_messages(1, DAY, "trades", file, parsed, MESSAGES) == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT subject, place, facts FROM spine_exception")
        (row,) = cursor.fetchall()
        cursor.execute("SELECT message FROM spine_event WHERE kind = 'spine.ExceptionOpened/1'")
        assert cursor.fetchone() == ((file.id << 24) + 3,)
    assert row[:2] == ("message/a.fix/3", "message 3, tag 10")
    assert sentence(MESSAGES["fix_garbled"], row[2]) == "The FIX message is garbled: checksum, found 001, expected 128."


def test_a_sentence_is_made_in_the_reader_s_language_and_a_missing_fact_shows(firm):
    words = WORDS["price_missing"]
    assert sentence(words, {"isin": "X"}) == "No price for X."
    assert sentence(words, '{"isin": "X"}', "zh-hans") == "X 没有价格。"
    assert sentence(words, {}) == "No price for ?."
    assert (cure(words), cure(words, "zh")) == ("Load one.", "请补录。")


def test_refusals_of_a_frame_carry_facts_as_text(db):
    frame = pl.DataFrame({"isin": ["A", None], "gross": [5, None]})
    told = refused(
        frame,
        "price_missing",
        subject=pl.format("trade/{}", pl.col("isin").fill_null("?")),
        facts={"gross": pl.col("gross")},
    )
    assert told.schema == REFUSED
    assert told["facts"].to_list() == ['{"gross":"5"}', '{"gross":""}']


def test_what_is_held_stays_held_until_everybody_who_held_it_has_cleared_it(firm):
    held = pl.DataFrame({"subject": ["trade/1", "trade/2", "trade/1"], "reason": ["limit"] * 3})
    assert holds.place(1, DAY, "risk", held) == 2
    assert holds.place(1, DAY, "risk", held) == 0
    assert holds.place(1, DAY, "compliance", held[:1]) == 1
    assert holds.held(1)["subject"].to_list() == ["trade/1", "trade/2"]
    assert holds.lift(1, DAY, "risk", "trade/1", actor="chen")
    assert holds.held(1)["subject"].sort().to_list() == ["trade/1", "trade/2"]
    assert holds.lift(1, DAY, "compliance", "trade/1")
    assert not holds.lift(1, DAY, "compliance", "trade/1")
    assert holds.held(1)["subject"].to_list() == ["trade/2"]
    assert holds.place(1, DAY, "risk", held) == 1
