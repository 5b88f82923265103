"""A file of SWIFT messages cut into messages, a message into blocks and fields, and back to the same bytes. 报文切分

RJE form: messages are separated by a "$" that ends a message or stands on a line of its own. Lines end with CR LF, or all
with LF. Text is held as Latin-1, one character for one byte, so that whatever came in goes out again.
Source: SWIFT FIN message structure: blocks 1 to 5 and S, text block fields ":" tag ":" value.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from nostro.messages.lines import fault
from nostro.messages.shapes import MessageReason

_SEPARATOR: Final = re.compile(rb"\$[ \t]*(?=\r|\n|\{|\Z)")
_BEFORE: Final = re.compile(r"\{1:[^{}]*\}\{2:[^{}]*\}(?:\{3:(?:\{[^{}]*\})*\})?")
_AFTER: Final = re.compile(r"(?:\{[5S]:(?:\{[^{}]*\})*\})*\s*")
_BLOCK: Final = re.compile(r"\{([0-9A-Z]):")
_FIELD: Final = re.compile(r":(16[RS]:[^\n]*|[0-9]{2}[A-Z]?:(?::[A-Z0-9]{4}/)?)([^\n]*(?:\n(?![:-])[^\n]*)*)(?:\n|\Z)")
_HEAD: Final = re.compile(r"([0-9]{2}[A-Z]?):(?::([A-Z0-9]{4})/)?")
_HEADERS: Final = re.compile(
    r"\{1:F01([A-Z0-9]{8})[A-Z0-9]([A-Z0-9]{3})[0-9]{10}\}"
    r"\{2:(?:I([0-9]{3})([A-Z0-9]{8})[A-Z0-9]([A-Z0-9]{3})[SUN]?[0-9]{0,4}"
    r"|O([0-9]{3})[0-9]{10}([A-Z0-9]{8})[A-Z0-9]([A-Z0-9]{3})[0-9]{20}[SUN]?)\}"
)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the text block. The value keeps its qualifier; its inner lines are separated by LF."""

    tag: str  # "98A"
    qualifier: str | None  # "SETT", where the value begins with one
    value: str  # ":SETT//20261126"
    line: int  # of the message, from 1


@dataclass(frozen=True, slots=True)
class Header:
    """Who says what to whom: BICs of 11 characters, the message type of three digits."""

    mt: str
    sender: str
    receiver: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `heads` and `rests` are its fields cut after the qualifier: ("98A::SETT/", "/20261126").

    `before`, `after` and `newline` hold everything else, so that `written` gives back the same text. `faults` says why a
    message is broken; then heads may be incomplete and `raw` is what stood in the file.
    """

    raw: str
    header: Header | None
    before: str = ""  # blocks 1 to 3
    newline: str = "\r\n"
    heads: tuple[str, ...] = ()
    rests: tuple[str, ...] = ()
    after: str = ""  # trailer blocks
    faults: list[dict[str, Any]] = field(default_factory=list)

    def fields(self) -> list[Field]:
        """The fields with their qualifiers and lines."""
        found, line = [], self.before.count("\n") + 2
        for head, rest in zip(self.heads, self.rests, strict=True):
            tag, qualifier, value = split_head(head, rest)
            found.append(Field(tag, qualifier, value, line))
            line += 1 + rest.count("\n")
        return found

    def line(self, index: int) -> int:
        """The line of the message on which a field begins, from 1."""
        return self.before.count("\n") + 2 + index + sum(rest.count("\n") for rest in self.rests[:index])

    def written(self) -> str:
        """The text of the message. Equal to `raw` when nothing was broken."""
        if self.header is None or not self.heads:
            return self.raw
        body = "\n".join(f":{head}{rest}" for head, rest in zip(self.heads, self.rests, strict=True))
        return f"{self.before}{{4:\n{body}\n-}}".replace("\n", self.newline) + self.after


def split_head(head: str, rest: str) -> tuple[str, str | None, str]:
    """Tag, qualifier and value of a field that was cut after its qualifier."""
    tag, _, qualified = head.partition(":")
    if not qualified:
        return tag, None, rest
    if tag in ("16R", "16S"):
        return tag, None, qualified + rest
    return tag, qualified[1:5], qualified + rest


def split_messages(data: bytes) -> Iterator[tuple[int, int]]:
    """Where each message stands in the file: start and end, without separator and surrounding blanks."""
    begin = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    for mark in _SEPARATOR.finditer(data, begin):
        # A "$" inside a line belongs to the text, wrong as it is there.
        before = data[begin : mark.start()].rstrip(b" \t")
        if not before or before[-1] in b"}\r\n":
            yield from _stripped(data, begin, mark.start())
            begin = mark.end()
    yield from _stripped(data, begin, len(data))


def _stripped(data: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and data[start] in b" \t\r\n":
        start += 1
    # \x01 and \x03 frame messages in the old line protocol; they may stand around a message.
    while end > start and data[end - 1] in b" \t\r\n\x03":
        end -= 1
    if start < end and data[start] == 1:
        start += 1
    if start < end:
        yield start, end


@lru_cache(4_096)
def read_header(before: str) -> Header | None:
    """Sender, receiver and type from blocks 1 to 3; null when they have not the form of FIN headers."""
    found = _HEADERS.match(before)
    if found is None or _BEFORE.fullmatch(before) is None:
        return None
    own, own_branch, sent, to, to_branch, came, origin, origin_branch = found.groups()
    if sent:
        return Header(sent, own + own_branch, to + to_branch)
    return Header(came, origin + origin_branch, own + own_branch)


def cut_fields(body: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Heads and rests of the text block, its lines separated by LF; null when a line belongs to no field."""
    found = _FIELD.findall(body)
    # The pattern passes over what it does not know; then fields and lines that begin one do not agree.
    if not found or body[0] != ":" or body.count("\n:") + 1 != len(found) or "\n-" in body:
        return None
    heads, rests = zip(*found, strict=True)
    return heads, rests


def tokenise(text: str) -> Message:
    """The blocks and fields of one message. What is broken is told in `faults`, never raised."""
    opened, closed = text.find("{4:"), text.find("\n-}")
    if 0 < opened < closed:
        before, body, after = text[:opened], text[opened + 3 : closed], text[closed + 3 :]
        newline = "\r\n" if body.startswith("\r\n") else "\n"
        header = read_header(before)
        if header is not None and body.startswith(newline) and _AFTER.fullmatch(after) and _one_newline(text, newline):
            cut = cut_fields(body.replace("\r\n", "\n").rstrip("\r")[1:])
            if cut is not None:
                return Message(text, header, before, newline, *cut, after)
    return _diagnose(text)


def _one_newline(text: str, newline: str) -> bool:
    if newline == "\n":
        return "\r" not in text
    pairs = text.count("\r\n")
    return pairs == text.count("\n") == text.count("\r")


def _diagnose(text: str) -> Message:
    """The same, for a message that is not as it should be: slowly, and with every reason."""
    faults: list[dict[str, Any]] = []

    def broken(at: int, rule: str) -> None:
        line = text.count("\n", 0, at) + 1
        faults.append(fault(MessageReason.MT_BROKEN, f"line {line}", line=str(line), rule=rule))

    blocks, seen = [], set()
    at = 0
    while at < len(text):
        opened = _BLOCK.match(text, at)
        if opened is None:
            following = _BLOCK.search(text, at)
            until = following.start() if following else len(text)
            if text[at:until].strip():
                broken(at, "text_outside_blocks")
            at = until
            continue
        name = opened.group(1)
        if name in seen:
            broken(at, "second_message_without_separator" if name == "1" else f"block_{name}_repeated")
        seen.add(name)
        closed = _closing(text, opened.end(), name)
        if closed is None:
            broken(at, f"block_{name}_not_closed")
            following = _BLOCK.search(text, opened.end()) if name != "4" else None
            until = following.start() if following else len(text)
            blocks.append((name, at, text[at:until]))
            at = until
            continue
        blocks.append((name, at, text[at:closed]))
        at = closed
    for name in ("1", "2", "4"):
        if name not in seen:
            broken(0, f"block_{name}_missing")
    header = read_header("".join(content for name, _, content in blocks if name in "12"))
    if header is None and {"1", "2"} <= seen:
        broken(0, "header_form")
    for name, start, content in blocks:
        if name == "4":
            _diagnose_text(content, lambda inside, rule, start=start: broken(start + inside, rule))
    if not faults:
        broken(0, "order_of_blocks")
    return Message(text, header, faults=faults)


def _closing(text: str, begin: int, name: str) -> int | None:
    """Where a block ends, behind its brace; null when it does not."""
    if name == "4" and text[begin : begin + 1] != "{":
        end = re.compile(r"(?:\r?\n|^)-\}").search(text, begin)
        return end.end() if end else None
    depth = 1
    for brace in re.compile(r"[{}]").finditer(text, begin):
        depth += 1 if brace.group() == "{" else -1
        if depth == 0:
            return brace.end()
    return None


def _diagnose_text(content: str, broken: Any) -> None:
    if content.startswith("{4:{"):
        broken(0, "system_message")
        return
    pairs = content.count("\r\n")
    if content.count("\r") != pairs or (pairs and content.count("\n") != pairs):
        broken(0, "line_ends_mixed")
    at, inside = 3, False
    lines = content[3:].removesuffix("-}").split("\n")
    if lines[0].strip("\r"):
        broken(at, "text_before_the_first_line")
    at += len(lines[0]) + 1
    for line in lines[1:]:
        text = line.rstrip("\r")
        if text.startswith(":"):
            inside = True
            if not re.match(r":[0-9]{2}[A-Z]?:", text):
                broken(at, "field_form")
        elif (text and not inside) or text.startswith("-"):
            broken(at, "field_form")
        at += len(line) + 1
    if not inside:
        broken(0, "no_fields")
