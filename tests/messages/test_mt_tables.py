"""Our tables and tokenizer against outside facts: the structures of 2025, and messages that others test with."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from nostro.messages.mt import tokens, tree, validate
from nostro.messages.mt.tables import FLAT, FORMATS, STRUCTURES

SHARED = Path(os.environ.get("NOSTRO_SHARED", Path(__file__).resolve().parents[2] / "../shared"))
FOLDER = SHARED / "corpus/messages/prowide_mt"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the SWIFT MT facts of the shared corpus are not here")


def facts(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / name).read_text())


def messages() -> list[dict[str, Any]]:
    path = FOLDER / "messages.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


Shape = tuple[bool, bool, tuple[Any, ...]]


def theirs(children: list[dict[str, Any]]) -> tuple[Any, ...]:
    """A sequence as (field number, options, mandatory, repeated) and nested sequences, without 16R and 16S."""
    found: list[Any] = []
    for child in children:
        if "seq" in child:
            found.append((child["m"], child["rep"], theirs(child["ch"])))
        elif "fieldset" in child:
            options = {option for item in child["items"] for option in item["opt"]}
            # A set of one field with several qualifiers may always come more than once.
            found.append((child["fieldset"], "".join(sorted(options)), child["m"], True))
        elif child["f"] != "16":
            found.append((child["f"], "".join(sorted(child["opt"])), child["m"], child["rep"]))
    return tuple(found)


def ours(sequence: validate.Sequence_) -> tuple[Any, ...]:
    found: list[Any] = []
    for name in sequence.order:
        if name in sequence.fields:
            known = sequence.fields[name]
            found.append((known.number, "".join(sorted(known.options)), known.must, known.many))
        else:
            child = sequence.children[name]
            found.append((child.must, child.many, ours(child)))
    return tuple(found)


@pytest.mark.parametrize("mt", sorted(STRUCTURES))
def test_our_structures_are_those_of_the_release(mt):
    expected, found = theirs(facts("mt_structure_sru2025.json")[f"MT{mt}"]["ch"]), ours(validate.structure(mt))
    assert flattened(found) == flattened(expected)


def flattened(shape: tuple[Any, ...], path: str = "") -> list[str]:
    """One line for each field and sequence, so that a difference can be read."""
    lines = []
    for at, part in enumerate(shape):
        if isinstance(part[0], bool):
            lines.append(f"{path}{at} sequence must={part[0]} many={part[1]}")
            lines += flattened(part[2], f"{path}{at}.")
        else:
            lines.append(f"{path}{at} {part[0]}{part[1]} must={part[2]} many={part[3]}")
    return lines


def test_our_flat_table_is_that_of_the_release():
    known = facts("mt_structure_sru2025.json")["MT940"]["ch"]
    flat: list[str] = []
    for child in known:
        for one in child.get("ch", [child]):
            options = "".join(sorted((option or "").replace("NONE", "") for option in one["opt"]))
            flat.append(one["f"] + options)
    table = [item.rstrip("!*") for item in FLAT["940"].split()]
    # The 86 of an entry is told with its 61.
    assert table == [name for at, name in enumerate(flat) if not (name == "86" and at < len(flat) - 1)]


NOTATION = {
    "<AMOUNT>15": "15d",
    "<AMOUNT>30": "30d",
    "<CUR>": "3!a",
    "<3!a>": "3!a",
    "<N>": "N",
    "<DATE4>": "8!D",
    "<DATE2>": "6!d",
    "<TIME2>": "6!T",
    "<TIME3>": "2!n[2!n]",
    "<BIC>": "BIC",
    "<CC>": "2!a",
    "<DC>": "S",
    "1a": "1!a",
}


@pytest.mark.parametrize("tag", sorted(FORMATS))
def test_our_formats_are_those_of_the_release(tag):
    known = facts("field_patterns_sru2025.json").get(tag)
    if known is None or known["validator"] in (None, "CUSTOM"):
        assert tag in ("86", "64", "65", "25P") or known is not None
        return
    text = re.sub(r"\(\*+\)", "", known["validator"])
    for theirs_, our in NOTATION.items():
        text = text.replace(theirs_, our)
    text = re.sub(r"(\d+)x\[\$\1x\]0-(\d)", lambda m: f"{int(m.group(2)) + 1}*{m.group(1)}x", text)
    assert FORMATS[tag].replace("16r", "16x") == text


# Damaged on purpose, or no messages of users: acknowledgements, system messages, fragments, JSON.
@pytest.mark.parametrize("one", messages(), ids=lambda one: f"{one['mt']}-{one['test']}-{one['idx']}")
def test_every_message_is_cut_and_goes_out_again_or_says_what_is_broken(one):
    text = one["message"]
    message = tokens.tokenise(text)
    assert message.written() == text
    if message.faults:
        assert all(fault["reason"] == "mt_broken" and fault["facts"]["rule"] for fault in message.faults)
        return
    assert message.header is not None
    assert message.header.mt == one["mt"]
    body = text[text.index("{4:") :]
    lines = [line for line in body.replace("\r\n", "\n").split("\n") if re.match(r":\d\d[A-Z]?:", line)]
    assert [f":{field.tag}:{field.value}".split("\n")[0] for field in message.fields()] == lines
    for field in message.fields():
        assert text.replace("\r\n", "\n").split("\n")[field.line - 1].startswith(f":{field.tag}:")
    root, unbalanced = tree.build_tree(message.heads)
    # A few are only the beginning of a message; the tree says so.
    assert {wrong.rule for wrong in unbalanced} <= {"sequence_not_closed"}
    assert bool(unbalanced) == (message.raw.count(":16R:") != message.raw.count(":16S:"))
    assert sum(len(node.fields) for node in root.walk()) == sum(
        head[:3] not in ("16R", "16S") for head in message.heads
    )


def test_most_of_the_messages_are_whole():
    found = [tokens.tokenise(one["message"]) for one in messages()]
    assert len(found) == 120
    assert sum(not message.faults for message in found) >= 65


@pytest.mark.parametrize("mt", ["535", "540", "541", "543", "547"])
def test_messages_that_others_test_with_are_right_by_our_tables(mt):
    judged = {
        one["test"]: validate.judge(tokens.tokenise(one["message"]))
        for one in messages()
        if one["mt"] == mt and not tokens.tokenise(one["message"]).faults
    }
    assert judged
    # testUID is the beginning of a message.
    assert {test for test, faults in judged.items() if faults} <= {"testUID"}


def test_cutting_never_raises_whatever_the_damage():
    whole = next(one["message"] for one in messages() if one["mt"] == "541")
    for at in range(len(whole)):
        for damaged in (
            whole[:at],
            whole[:at] + whole[at + 1 :],
            whole[:at] + "{" + whole[at:],
            whole[:at] + "\r" + whole[at:],
        ):
            message = tokens.tokenise(damaged)
            assert message.written() == damaged
            validate.judge(message)
