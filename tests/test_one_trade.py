"""The pages that show a day show it as it is: every command is run again, every message looked up again."""

from pathlib import Path

import pytest
from tools import pages

ROOT = Path(__file__).resolve().parents[1]
OPTIONS = ("--trades", "300", "--seed", "7")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> pages.Day:
    """The day on which the pages stand."""
    return pages.Day(tmp_path_factory.mktemp("page"), OPTIONS)


def cure(page: str) -> str:
    """What to do when a page is no longer true."""
    return f"{page} is no longer so: python tools/pages.py --write {page}"


def test_one_trade_the_messages_and_the_queue_are_told_as_they_are(day: pages.Day) -> None:
    # operations.md acts on the queue, so that it comes last.
    for name in ("docs/one-trade.md", "docs/messages.md", "docs/operations.md"):
        page = ROOT / name
        assert pages.options(page.read_text(encoding="utf-8")) == OPTIONS
        assert pages.difference(page, day) == "", cure(name)


def test_a_changed_figure_command_or_message_is_found(day: pages.Day, tmp_path: Path) -> None:
    whole = (ROOT / "docs" / "one-trade.md").read_text(encoding="utf-8")
    start, end = whole.index("## 5."), whole.index("## 6.")
    text = whole[whole.index("<!-- demo") : whole.index("The day is that of")] + whole[start:end]
    page = tmp_path / "page.md"
    for before, after in [("net_minor=19114200", "net_minor=19114201"), ("|118=191142|", "|118=191143|")]:
        assert before in text
        page.write_text(text.replace(before, after, 1), encoding="utf-8")
        difference = pages.difference(page, day)
        assert f"{after}" in difference
        assert f"{before}" in difference


@pytest.mark.soak
@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_the_readme_shows_what_the_demo_prints(page: str, tmp_path: Path) -> None:
    path = ROOT / page
    day = pages.Day(tmp_path, pages.options(path.read_text(encoding="utf-8")))
    assert pages.difference(path, day) == "", cure(page)


def test_ids_change_all_at_once_and_only_as_whole_words() -> None:
    old, new = {"a": "108", "b": "351"}, {"a": "351", "b": "108"}
    assert pages.renamed("trade/108 351 1081 x108", old, new) == "trade/351 108 1081 x108"


@pytest.mark.parametrize(
    ("ranges", "width", "shown"),
    [
        ("", None, ["one", "two", "three", "four"]),
        ("1", None, ["one", "…"]),
        ("2-3", None, ["…", "two", "three", "…"]),
        ("1,-1", None, ["one", "…", "four"]),
        ("3", 4, ["…", "thr…", "…"]),
        ("9", None, []),
    ],
)
def test_lines_left_out_are_marked(ranges: str, width: int | None, shown: list[str]) -> None:
    assert pages.chosen(["one", "two", "three", "four"], ranges, width) == shown


def test_times_and_sizes_may_differ_and_nothing_else() -> None:
    stage = "capture executions      304   300     0          1        3     {}"
    assert pages.plain(stage.format("0.28")) == pages.plain(stage.format("1.92"))
    assert pages.plain("peak memory 323 MB") == pages.plain("peak memory 1,196 MB")
    assert pages.plain("EUB 191,142.00") != pages.plain("EUB 191,142.01")
    assert pages.plain(stage.format("0.28")) != pages.plain(stage.replace("304", "305").format("0.28"))
