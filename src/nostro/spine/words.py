"""How a reason speaks: its sentence and its cure in English and 中文, whose it is, and what may be done. 用语

Codes are stored, sentences are made here, at the edge, in the reader's language. English and Chinese stand side by side
instead of in a catalogue: whoever changes one sees the other, and there is nothing to compile.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from nostro.messages.shapes import MessageReason


@dataclass(frozen=True, slots=True)
class Words:
    """What a person needs to know about a reason. Sentences name facts as %(fact)s."""

    en: str
    zh: str
    cure_en: str
    cure_zh: str
    owner: str  # a duty
    actions: tuple[str, ...]  # what may be done; the first is what we propose

    @property
    def proposal(self) -> str:
        """The action we would take."""
        return self.actions[0]


class _Facts(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


def sentence(words: Words, facts: str | Mapping[str, str], language: str = "en") -> str:
    """What happened, in words; a fact that is missing reads "?"."""
    told = json.loads(facts) if isinstance(facts, str) else facts
    return (words.zh if language.startswith("zh") else words.en) % _Facts({k: str(v) for k, v in told.items()})


def cure(words: Words, language: str = "en") -> str:
    """What to do next, in words."""
    return words.cure_zh if language.startswith("zh") else words.cure_en


_RESEND_EN = "Ask the sender for a correct message; the original is kept under the subject."
_RESEND_ZH = "请发送方重发正确报文;原文已按该编号留存。"


def _message(en: str, zh: str) -> Words:
    return Words(en, zh, _RESEND_EN, _RESEND_ZH, "operator", ("ask_sender", "close"))


MESSAGES: Mapping[str, Words] = {
    MessageReason.FIX_GARBLED: _message(
        "The FIX message is garbled: %(rule)s, found %(found)s, expected %(expected)s.",
        "FIX 报文损坏:%(rule)s,实际 %(found)s,应为 %(expected)s。",
    ),
    MessageReason.FIX_FIELD_MISSING: _message(
        "The FIX message lacks tag %(tag)s (%(name)s).", "FIX 报文缺少标签 %(tag)s(%(name)s)。"
    ),
    MessageReason.FIX_FIELD_INVALID: _message(
        "FIX tag %(tag)s (%(name)s) says %(value)s: %(rule)s.",
        "FIX 标签 %(tag)s(%(name)s)的值 %(value)s 无效:%(rule)s。",
    ),
    MessageReason.XML_BROKEN: _message(
        "The XML is not well-formed at line %(line)s, column %(column)s: %(message)s.",
        "XML 格式错误,第 %(line)s 行第 %(column)s 列:%(message)s。",
    ),
    MessageReason.XML_INVALID: _message("%(path)s is not valid: %(rule)s.", "%(path)s 无效:%(rule)s。"),
    MessageReason.MT_BROKEN: _message(
        "The SWIFT message is broken at line %(line)s: %(rule)s.", "SWIFT 报文第 %(line)s 行损坏:%(rule)s。"
    ),
    MessageReason.MT_FIELD_MISSING: _message(
        "The SWIFT message lacks field %(field)s in sequence %(sequence)s.",
        "SWIFT 报文序列 %(sequence)s 缺少必填栏位 %(field)s。",
    ),
    MessageReason.MT_FIELD_INVALID: _message(
        "SWIFT field %(field)s in sequence %(sequence)s says %(value)s: %(rule)s.",
        "SWIFT 序列 %(sequence)s 栏位 %(field)s 的值 %(value)s 无效:%(rule)s。",
    ),
    MessageReason.FILE_BROKEN: _message("The file cannot be read: %(rule)s.", "文件无法读取:%(rule)s。"),
    MessageReason.CSV_FIELD_MISSING: _message(
        "Line %(line)s lacks a value in column %(column)s.", "第 %(line)s 行缺少 %(column)s 列的值。"
    ),
    MessageReason.CSV_FIELD_INVALID: _message(
        "Line %(line)s, column %(column)s says %(value)s: %(rule)s.",
        "第 %(line)s 行 %(column)s 列的值 %(value)s 无效:%(rule)s。",
    ),
    "file_changed": _message(
        "A file of this name came before with other content (%(before)s, now %(now)s).",
        "同名文件此前内容不同(原 %(before)s,现 %(now)s)。",
    ),
    "file_unknown": Words(
        "Nobody knows what to do with this file: %(rule)s.",
        "无法识别该文件:%(rule)s。",
        "Give it the name of its kind and import it again; it is stored as it came.",
        "请按种类命名后重新导入;原件已留存。",
        "operator",
        ("close",),
    ),
}
"""Reasons that belong to no department: what is wrong with a message or a file."""
