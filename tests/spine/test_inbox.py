"""The inbox keeps every byte, takes a file once, and gives each message back exactly."""

from datetime import date

import polars as pl
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nostro.kernel.refusals import Refused
from nostro.messages.shapes import Built
from nostro.spine import inbox

DAY = date(2026, 10, 13)


def receive(name, data, sender="OMSFDEFFXXX", kind="executions.fix"):
    return inbox.receive(1, DAY, kind=kind, sender=sender, name=name, data=data)


def counts():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM spine_messagefile), (SELECT count(*) FROM spine_messagechunk),"
            " (SELECT count(*) FROM spine_event WHERE entity_id = 1)"
        )
        return cursor.fetchone()


def items(*rows):
    """Rows of (ordinal, start, length)."""
    schema = {"ordinal": pl.Int64, "start": pl.Int64, "length": pl.Int64}
    return pl.DataFrame(list(rows), schema=schema, orient="row").with_columns(
        key=pl.format("K{}", "ordinal"), outcome=pl.lit("done"), reason=pl.lit(None, pl.String)
    )


def test_the_same_file_again_changes_nothing(firm):
    first = receive("10_executions.OMSFDEFFXXX.fix", b"8=FIX")
    assert (first.id, first.size, first.duplicate_of) == (1, 5, None)
    before = counts()
    assert receive("10_executions.OMSFDEFFXXX.fix", b"8=FIX") is None
    assert counts() == before == (1, 1, 1)


def test_other_bytes_under_a_known_name_are_refused_with_both_fingerprints(firm):
    receive("a.fix", b"one")
    with pytest.raises(Refused) as refused:
        receive("a.fix", b"two")
    (only,) = refused.value.refusals
    assert (only.reason, only.subject) == ("file_changed", "file/a.fix")
    assert only.facts["before"] != only.facts["now"]
    assert counts() == (1, 1, 1)
    assert inbox.content(1, 1) == b"one"


def test_the_same_bytes_under_another_name_are_kept_marked_and_not_read(firm):
    receive("a.fix", b"one")
    copy = receive("b.fix", b"one")
    assert (copy.id, copy.duplicate_of) == (2, 1)
    assert inbox.content(1, 2) == b"one"
    assert [file.name for file in inbox.unread(1, ["executions.fix"])] == ["a.fix"]


@pytest.mark.parametrize(("sender", "kind"), [("OTHER", "executions.fix"), ("OMSFDEFFXXX", "confirms.fix")])
def test_the_same_bytes_of_another_sender_or_kind_are_another_file(firm, sender, kind):
    receive("a.fix", b"one")
    assert receive("b.fix", b"one", sender, kind).duplicate_of is None


def test_each_entity_has_an_inbox_of_its_own(firm):
    receive("a.fix", b"one")
    other = inbox.receive(0, DAY, kind="executions.fix", sender="OMSFDEFFXXX", name="a.fix", data=b"two")
    assert (other.id, other.duplicate_of) == (1, None)


def test_a_file_is_unread_until_a_step_has_recorded_its_messages(firm):
    for name in ("b.fix", "a.fix"):
        receive(name, name.encode())
    receive("c.fix", b"other kind", kind="confirms.fix")
    files = inbox.unread(1, ["executions.fix"])
    assert [file.name for file in files] == ["b.fix", "a.fix"]
    inbox.record(1, files[0], items((1, 0, 5)), read_by="capture")
    assert [file.name for file in inbox.unread(1, ["executions.fix"])] == ["a.fix"]


def test_an_empty_file_is_a_file(firm):
    file = receive("empty.fix", b"")
    assert inbox.content(1, file.id) == b""
    assert receive("empty.fix", b"") is None


@given(
    st.integers(1, 7),
    st.lists(st.binary(max_size=20), min_size=1, max_size=12),
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_messages_come_back_exactly_wherever_chunks_are_cut(firm, size, messages):
    from django.db import transaction

    whole = inbox.CHUNK_BYTES
    undo = transaction.atomic()
    undo.__enter__()
    inbox.CHUNK_BYTES = size
    try:
        file = receive("a.fix", b"\n".join(messages))
        rows, start = [], 0
        for ordinal, message in enumerate(messages, 1):
            rows.append((ordinal, start, len(message)))
            start += len(message) + 1
        inbox.record(1, file, items(*rows))
        numbers = items(*rows).select(file.message(pl.col("ordinal")))["literal"].to_list()
        assert [inbox.original(1, n) for n in numbers] == [("a.fix", message) for message in messages]
        assert inbox.content(1, file.id) == b"\n".join(messages)
    finally:
        inbox.CHUNK_BYTES = whole
        transaction.set_rollback(True)
        undo.__exit__(None, None, None)


def test_a_message_nobody_recorded_is_refused(firm):
    file = receive("a.fix", b"one")
    with pytest.raises(Refused, match="message_unknown"):
        inbox.original(1, (file.id << inbox.ORDINAL_BITS) + 1)


def test_messages_are_numbered_and_named_by_their_file(firm):
    receive("a.fix", b"one")
    file = receive("b.fix", b"two")
    told = pl.DataFrame({"ordinal": [1, 2]}).select(
        file.message(pl.col("ordinal")).alias("n"), s=file.subject(pl.col("ordinal"))
    )
    assert told.rows() == [((2 << 24) + 1, "message/b.fix/1"), ((2 << 24) + 2, "message/b.fix/2")]


def test_what_goes_out_is_stored_with_its_messages_before_it_is_sent(firm):
    built = Built(b"<a/>\n<b/>\n", items((1, 0, 5), (2, 5, 5)).select("ordinal", "start", "length", "key"))
    file = inbox.send(
        1, DAY, kind="sese023.xml", receiver="CSDADEFFXXX", name="20_sese023.CSDADEFFXXX.xml", built=built
    )
    assert inbox.original(1, (file.id << inbox.ORDINAL_BITS) + 2) == ("20_sese023.CSDADEFFXXX.xml", b"<b/>\n")
    assert inbox.unread(1, ["sese023.xml"]) == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT outcome, count(*) FROM spine_messageitem GROUP BY 1")
        assert cursor.fetchall() == [("sent", 2)]
        cursor.execute("SELECT kind, subject FROM spine_event WHERE entity_id = 1")
        assert cursor.fetchall() == [("spine.MessageFileSent/1", "file/20_sese023.CSDADEFFXXX.xml")]
