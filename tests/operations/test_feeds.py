"""Files come in unaltered and once; they go out the same however often they are released."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from django.db import connection

from nostro.departments.operations import feeds
from nostro.kernel.refusals import Tally
from nostro.messages.shapes import INDEX, Built
from nostro.spine import inbox
from nostro.spine.steps import Waiting

DAY = date(2026, 10, 13)


def _reasons() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reason, subject FROM spine_exception ORDER BY id")
        return [(reason, subject) for reason, subject in cursor.fetchall()]


def test_a_phase_that_has_not_come_is_waited_for(firm, tmp_path: Path):
    with pytest.raises(Waiting) as waiting:
        feeds.receiving(tmp_path, "1_morning")(firm, DAY)
    assert waiting.value.what == "EUB/1_morning"


def test_files_are_taken_once_unaltered_and_a_changed_one_is_an_exception(firm, tmp_path: Path):
    folder = tmp_path / "to" / "EUB" / "1_morning"
    folder.mkdir(parents=True)
    (folder / "10_executions.OMS.fix").write_bytes(b"\x00\xffwhatever\r\n")
    receive = feeds.receiving(tmp_path, "1_morning")
    assert receive(firm, DAY) == Tally(1, done=1)
    assert feeds.receive_files(firm, DAY, list(folder.iterdir()), prefix="1_morning/") == Tally(1, cancelled=1)
    with pytest.raises(Waiting, match="all that lies there came before"):
        receive(firm, DAY)
    (file,) = inbox.unread(firm.id, ["executions.fix"])
    assert inbox.content(firm.id, file.id) == b"\x00\xffwhatever\r\n"
    (folder / "10_executions.OMS.fix").write_bytes(b"something else")
    assert receive(firm, DAY) == Tally(1, refused=1)
    assert _reasons() == [("file_changed", "file/20261013/1_morning/10_executions.OMS.fix")]
    assert inbox.content(firm.id, file.id) == b"\x00\xffwhatever\r\n", "the original is kept"


def test_a_file_of_no_known_kind_is_stored_and_said(firm, tmp_path: Path):
    file = tmp_path / "nonsense"
    file.write_bytes(b"x")
    assert feeds.receive_files(firm, DAY, [file]) == Tally(1, refused=1)
    assert [reason for reason, _ in _reasons()] == ["file_unknown"]


def test_what_goes_out_is_the_same_however_often_it_is_released(firm, tmp_path: Path):
    built = Built(b"one\ntwo\n", pl.DataFrame([("a", 1, 0, 3), ("b", 2, 4, 3)], schema=INDEX, orient="row"))
    inbox.send(firm.id, DAY, kind="sese023.xml", receiver="R", name="10_sese023.R.xml", built=built)
    release = feeds.releasing(tmp_path)
    for _ in range(2):
        assert release(firm, DAY) == Tally(1, done=1)
        assert [p.name for p in (tmp_path / "from" / "EUB").iterdir()] == ["10_sese023.R.xml"]
        assert (tmp_path / "from" / "EUB" / "10_sese023.R.xml").read_bytes() == b"one\ntwo\n"
