"""Every reason of the house speaks both languages, has an owner, and offers actions that exist."""

import re

import pytest

from nostro.departments.operations import queue
from nostro.front.words import DOORS
from nostro.messages.shapes import MessageReason
from nostro.spine.access import DUTIES
from nostro.spine.words import MESSAGES, Words, sentence
from nostro_street.faults import KINDS

CHINESE = re.compile(r"[\u4e00-\u9fff]")
FACT = re.compile(r"%\((\w+)\)s")


def told(text: str) -> set[str]:
    """The facts a sentence names; one with a Chinese wording of its own (direction_zh) is the same fact."""
    return {name.removesuffix("_zh") for name in FACT.findall(text)}


BY_DEPARTMENT = [
    (department, reason, said)
    for department, (words, _) in queue._DEPARTMENTS.items()
    for reason, said in words.WORDS.items()
] + [("operations", reason, said) for reason, said in MESSAGES.items()]


@pytest.mark.parametrize(("department", "reason", "said"), BY_DEPARTMENT, ids=lambda value: str(value)[:40])
def test_a_reason_has_words_an_owner_and_actions(department: str, reason: str, said: Words) -> None:
    assert said.en.strip()
    assert said.cure_en.strip()
    assert CHINESE.search(said.zh)
    assert CHINESE.search(said.cure_zh)
    assert said.owner in DUTIES
    assert said.actions
    assert set(said.actions) <= set(queue.actions_of(department)), f"{reason} offers an action nobody can do"
    assert told(said.en) == told(said.zh), "both languages tell the same facts"


@pytest.mark.parametrize(("department", "reason", "said"), BY_DEPARTMENT, ids=lambda value: str(value)[:40])
def test_a_sentence_can_be_made_of_any_facts(department: str, reason: str, said: Words) -> None:
    facts = dict.fromkeys(FACT.findall(said.en), "100 %")
    assert "%(" not in sentence(said, facts)
    assert "%(" not in sentence(said, {}, "zh")


def test_every_message_reason_and_every_planted_reason_has_words() -> None:
    assert {str(reason) for reason in MessageReason} <= set(MESSAGES)
    assert {kind.reason for kind in KINDS.values()} <= set(queue.WORDS)


def test_every_action_speaks_both_languages() -> None:
    for department in queue._DEPARTMENTS:
        for name, action in queue.actions_of(department).items():
            assert action.en.strip(), name
            assert CHINESE.search(action.zh), name


def test_every_door_speaks_both_languages_about_the_same_facts() -> None:
    for reason, (en, zh) in DOORS.items():
        assert CHINESE.search(zh), reason
        assert set(FACT.findall(en)) == set(FACT.findall(zh)), reason
