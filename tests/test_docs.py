"""The documentation names only what there is: commands, links, faults, reasons, libraries, variables, modules."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tools import pages

from nostro.departments.operations.queue import WORDS
from nostro.front.cli import nostro
from nostro_street import faults

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
CHINESE_COMMAND = re.compile(r" --lang zh|NOSTRO_LANG=zh ")


def read(name: str) -> str:
    """A page of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def commands(text: str) -> list[str]:
    """The commands of a page's console blocks, in order."""
    lines = text.splitlines()
    inner = [
        line for first, last, language, _ in pages.blocks(text) if language == "console" for line in lines[first:last]
    ]
    return [line for line in inner if line.startswith(("$ ", "make ", "git ", "nostro ", ".venv/"))]


def prose(text: str) -> str:
    """A page without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """What one can link to in a page, as GitHub makes it of headings."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def named_commands(text: str) -> Iterator[str]:
    """Every `nostro ...` a page names: in its blocks, and between backticks in its text."""
    yield from (line.removeprefix("$ ") for line in commands(text) if line.startswith(("$ nostro ", "nostro ")))
    yield from re.findall(r"`(nostro [a-z][^`]*)`", prose(text))


def wrong_in(command: str) -> str | None:
    """What is wrong with a command by the tree of commands and options; nothing when it could be run."""
    words = shlex.split(command)[1:]
    known = {flag for option in nostro.params for flag in option.opts} | {"--help"}
    here: click.Command = nostro
    for word in words:
        if word.startswith("--"):
            if word.partition("=")[0] not in known:
                return f"{word} is no option of {here.name}"
        elif isinstance(here, click.Group) and word not in ("...", "…"):
            if word not in here.commands:
                return f"{word} is no command of {here.name}"
            here = here.commands[word]
            known |= {flag for option in here.params for flag in option.opts}
    return None


def test_both_readmes_say_the_same_in_two_languages() -> None:
    english, chinese = read("README.md"), read("README.zh.md")
    assert prose(english).count("\n## ") == prose(chinese).count("\n## ") > 5
    assert prose(english).count("\n| ") == prose(chinese).count("\n| ")
    assert prose(english).count("\n- ") == prose(chinese).count("\n- ")
    assert [CHINESE_COMMAND.sub("", command) for command in commands(chinese)] == commands(english) != []


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(read(name))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        page = (ROOT / name).parent / file if file else ROOT / name
        if not page.exists() or (anchor and anchor not in anchors(page.read_text(encoding="utf-8"))):
            dead.append(target)
    assert dead == []


@pytest.mark.parametrize("name", NAMES)
def test_every_command_named_exists_with_its_options(name: str) -> None:
    assert [f"{command}: {fault}" for command in named_commands(read(name)) if (fault := wrong_in(command))] == []


def test_a_command_that_does_not_exist_is_found() -> None:
    assert wrong_in("nostro exceptions list --entity EUB --json") is None
    assert wrong_in("nostro exceptions act 587 add_ssi --set agent_bic=X") is None
    assert wrong_in("nostro exceptions solve 587") == "solve is no command of exceptions"
    assert wrong_in("nostro audit verify --quickly") == "--quickly is no option of verify"


@pytest.mark.parametrize("name", NAMES)
def test_no_page_knows_the_machine_it_was_written_on(name: str) -> None:
    assert re.findall(r"(?:/work|/root|/tmp|/home|/Users)/\S*", read(name)) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_part_of_the_source_shown_is_the_source(name: str) -> None:
    assert pages.difference(ROOT / name, None) == "", f"python tools/pages.py --write {name}"


@pytest.mark.parametrize("name", NAMES)
def test_every_module_named_exists(name: str) -> None:
    house = ROOT / "src" / "nostro"
    own = Path(name).stem  # a department's page names its files by their place in the department
    rooms = [ROOT, ROOT / "src", ROOT / "docs", house, house / "departments", house / own, house / "departments" / own]
    named = re.findall(r"`((?:[a-z_0-9]+/)+[a-z_0-9]+\.(?:py|rule|toml|md))`", prose(read(name)))
    assert [path for path in named if not any((room / path).exists() for room in rooms)] == []


def test_every_fault_of_the_street_and_what_nostro_says_about_it_is_listed() -> None:
    rows = re.findall(r"^\| `(\w+)` \| \w+ \| .* \| `(\w+)` \| `[^`]+` \|$", read("docs/faults.md"), re.MULTILINE)
    assert rows == [(kind.name, kind.reason) for kind in faults.KINDS.values()]
    assert [reason for _, reason in rows if reason not in WORDS] == []


def test_the_page_of_dependencies_names_those_of_the_project_and_no_other() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    column = re.findall(r"^\| ([^|]*`[^|]*) \|", read("docs/dependencies.md"), re.MULTILINE)
    named = {name for cell in column for name in re.findall(r"`([^`]+)`", cell)}
    assert named == {re.split(r"[\[<>=]", one)[0] for one in wanted}


def test_the_readme_names_every_environment_variable_and_no_other() -> None:
    code = [path for room in ("src", "tests") for path in (ROOT / room).rglob("*.py") if path != Path(__file__)]
    used = {name for path in code for name in re.findall(r"[\"'](NOSTRO_[A-Z_]*[A-Z])[\"']", path.read_text("utf-8"))}
    assert set(re.findall(r"^\| `(NOSTRO_\w+)`", read("README.md"), re.MULTILINE)) == used
