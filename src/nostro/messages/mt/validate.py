"""Judges a SWIFT message by the tables: sequences, mandatory fields, formats; all errors at once. 报文校验

Messages of one layout (the same fields and qualifiers in the same order) share one verdict on their structure and one
compiled pattern for their values, so that a message costs one look-up and one match.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from nostro.messages.lines import fault
from nostro.messages.mt.tables import FLAT, FORMATS, STRUCTURES
from nostro.messages.mt.tokens import Message, split_head
from nostro.messages.mt.tree import Node, build_tree
from nostro.messages.shapes import MessageReason

_X: Final = r"A-Za-z0-9/\-?:().,'+ "
_CLASSES: Final = {
    "n": "0-9",
    "a": "A-Z",
    "c": "A-Z0-9",
    "x": _X,
    "z": _X + r"=!\"%&*<>;{@#_",
}
_BIC: Final = r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?"
_DATE: Final = r"[0-9]{4}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_SHORT_DATE: Final = r"[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_TIME: Final = r"(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]"
_REFERENCE: Final = rf"(?!/)(?![^\n]*//)(?![^\n]*/(?:\n|\x00|\Z))[{_X}]{{1,16}}"
_TOKEN: Final = re.compile(r"(?:([0-9]+)\*)?([0-9]+)(!?)([a-zDT])|(BIC)|([\[\]])|(.)", re.DOTALL)
# 35B: an ISIN, a description of up to four lines, or both. 61: value date to supplementary details.
_SPECIAL: Final = {
    "35B": rf"(?:ISIN [A-Z0-9]{{12}}(?:\n[{_X}]{{1,35}}){{0,4}}|(?!ISIN )[{_X}]{{1,35}}(?:\n[{_X}]{{1,35}}){{0,3}})",
    "61": (
        rf"{_SHORT_DATE}(?:(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))?R?[CD][A-Z]?(?=[0-9,]{{2,15}}[A-Z])[0-9]+,[0-9]*"
        rf"[SNF][A-Z0-9]{{3}}(?![^\n]{{0,16}}///)(?:(?!//)[{_X}]){{1,16}}(?://[{_X}]{{1,16}})?(?:\n[{_X}]{{1,34}})?"
    ),
}
# Values that cannot match: "\x00" stands in no value.
_NEVER: Final = r"(?!)"


@cache
def pattern(tag: str) -> str:
    """The regular expression of a whole value of this field, from its format in the handbook's notation."""
    return _SPECIAL.get(tag) or _compiled(FORMATS[tag])


def _compiled(notation: str) -> str:
    parts: list[str] = []
    for lines, size, fixed, letter, bic, bracket, other in _TOKEN.findall(notation):
        if bic:
            parts.append(_BIC)
        elif bracket:
            parts.append("(?:" if bracket == "[" else ")?")
        elif other == "$":
            parts.append(r"\n")
        elif other == "S":
            parts.append("[DC]")
        elif other:
            parts.append(re.escape(other))
        elif letter == "D":
            parts.append(_DATE)
        elif letter == "T":
            parts.append(_TIME)
        elif letter == "r":
            parts.append(_REFERENCE)
        elif letter == "d" and fixed:
            parts.append(_SHORT_DATE)
        elif letter == "d":
            # The comma must be there and counts among the characters.
            parts.append(rf"(?=[0-9,]{{2,{size}}}(?![0-9,]))[0-9]+,[0-9]*")
        elif lines:
            line = f"[{_CLASSES[letter]}]{{1,{size}}}"
            parts.append(rf"{line}(?:\n{line}){{0,{int(lines) - 1}}}")
        elif int(size) > 100:
            parts.append(rf"[{_CLASSES[letter]}\n]{{1,{size}}}")
        else:
            parts.append(f"[{_CLASSES[letter]}]{{{size if fixed else f'1,{size}'}}}")
    return "".join(parts)


@cache
def _rest_pattern(head: str) -> str:
    """The pattern of what follows the head. A head with a qualifier the format does not know matches nothing."""
    tag, qualifier, _ = split_head(head, "")
    if tag in ("16R", "16S"):
        return ""
    if tag not in FORMATS and tag not in _SPECIAL:
        return r"[^\x00]*"  # a field we do not know is told as such; its value is not judged
    whole = pattern(tag)
    known = re.escape(":") + "[A-Z0-9]{4}" + re.escape("/")
    if qualifier is None:
        return whole
    return whole[len(known) :] if whole.startswith(known) else _NEVER


@cache
def _rest_compiled(head: str) -> re.Pattern[str]:
    return re.compile(_rest_pattern(head))


@dataclass(frozen=True, slots=True)
class _Allowed:
    number: str
    options: str
    qualifier: str | None
    must: bool
    many: bool


@dataclass(slots=True)
class Sequence_:
    """What one sequence of a message type may hold: fields by number and inner sequences by code, with their order.

    A field that has a second place under another option stands there by its tag: 70 and, later, 70E.
    """

    code: str
    must: bool = False
    many: bool = False
    fields: dict[str, _Allowed] = field(default_factory=dict)
    children: dict[str, "Sequence_"] = field(default_factory=dict)
    order: dict[str, int] = field(default_factory=dict)

    def name_of(self, tag: str) -> str:
        """Under which name this sequence knows a field."""
        return tag if tag in self.fields else tag[:2]


_FIELD: Final = re.compile(r"([0-9]{2})([A-Z]*)(?::([A-Z0-9]{4}))?([!*]*)")


@cache
def structure(mt: str) -> Sequence_:
    """The sequences of a message type, from its table."""
    root = Sequence_("")
    open_: list[tuple[int, Sequence_]] = [(-1, root)]
    for line in STRUCTURES[mt].splitlines():
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        name, *items = line.split()
        while open_[-1][0] >= indent:
            open_.pop()
        own = Sequence_(name.rstrip("!*"), "!" in name, "*" in name)
        parent = open_[-1][1]
        parent.children[own.code] = own
        if parent is root:
            root.order[own.code] = len(root.order)
        for place, item in enumerate(items):
            if item.startswith(">"):
                own.order[item[1:]] = place
                continue
            found = _FIELD.fullmatch(item)
            assert found is not None, f"{item} in the table of MT {mt}"
            number, options, qualifier, marks = found.groups()
            name = number + options if number in own.fields else number
            own.order[name] = place
            own.fields[name] = _Allowed(number, options, qualifier, "!" in marks, "*" in marks)
        open_.append((indent, own))
    return root


@dataclass(frozen=True, slots=True)
class Problem:
    """One error of structure: the field it stands at (-1 for the sequence as a whole), and what is wrong."""

    index: int
    field: str
    sequence: str
    rule: str  # "missing" for what is not there


def judge_structure(mt: str, heads: Sequence[str]) -> tuple[Node, list[Problem]]:
    """The tree of a message and every error of its structure."""
    root, unbalanced = build_tree(heads)
    problems = [Problem(u.index, "16R" if "closed" in u.rule else "16S", u.code, u.rule) for u in unbalanced]
    if mt in FLAT:
        _judge_flat(root, FLAT[mt], problems)
    else:
        _judge_node(root, structure(mt), problems)
    return root, problems


def _judge_node(node: Node, allowed: Sequence_, problems: list[Problem]) -> None:
    counts = Counter(allowed.name_of(tag) for _, tag, _ in node.fields)
    for at, tag, _ in node.fields:
        known = allowed.fields.get(allowed.name_of(tag))
        if known is None or (tag[2:] not in known.options if tag[2:] else known.options):
            problems.append(Problem(at, tag, node.path, "not_in_this_sequence"))
    for number, known in allowed.fields.items():
        name = known.number + (known.options if len(known.options) == 1 else "a")
        told = f"{name}:{known.qualifier}" if known.qualifier else name
        present = [q for _, tag, q in node.fields if allowed.name_of(tag) == number]
        if known.must and (not present or (known.qualifier and known.qualifier not in present)):
            problems.append(Problem(-1, told, node.path, "missing"))
        if not known.many and counts[number] > 1:
            again = [at for at, tag, _ in node.fields if allowed.name_of(tag) == number][1]
            problems.append(Problem(again, name, node.path, "once"))
    seen = Counter(child.code for child in node.children)
    for code, inner in allowed.children.items():
        path = f"{node.path}/{code}" if node.path else code
        if inner.must and not seen[code]:
            problems.append(Problem(-1, "16R", path, "missing"))
        if not inner.many and seen[code] > 1:
            again = [child.opened for child in node.children if child.code == code][1]
            problems.append(Problem(again, "16R", path, "once"))
    _judge_order(node, allowed, problems)
    for child in node.children:
        inner_allowed = allowed.children.get(child.code)
        if inner_allowed is None:
            problems.append(Problem(child.opened, "16R", child.path, "sequence_unknown"))
        else:
            _judge_node(child, inner_allowed, problems)


def _judge_order(node: Node, allowed: Sequence_, problems: list[Problem]) -> None:
    before, told = -1, set()
    for at, name, is_field in node.order:
        place = allowed.order.get(allowed.name_of(name) if is_field else name)
        if place is None:
            continue
        if place < before and name not in told:
            told.add(name)
            problems.append(Problem(at, name if is_field else "16R", node.path, "order"))
        before = max(before, place)


def _judge_flat(root: Node, table: str, problems: list[Problem]) -> None:
    """A message without sequences: the tags in order, as a regular language of their numbers and options."""
    items = table.split()
    at = 0
    tags = [tag for _, tag, _ in root.fields]
    repeated = [item.rstrip("*") for item in items if item.endswith("*")]
    for item in items:
        number, options = item[:2], item[2:].rstrip("!*")
        # 61 and 86 alternate: an 86 belongs to the 61 before it.
        pair = {"61", "86"} if item == "61*" else {number}
        taken = 0
        while at < len(tags) and tags[at][:2] in pair and (taken == 0 or item.endswith("*")):
            if number == "61" and tags[at][:2] == "86" and (at == 0 or tags[at - 1][:2] != "61"):
                break
            if tags[at][2:] and tags[at][2:] not in options:
                problems.append(Problem(root.fields[at][0], tags[at], "", "option"))
            at, taken = at + 1, taken + 1
        if "!" in item and not taken:
            problems.append(
                Problem(-1, number + (options if len(options) == 1 and number != "25" else "a"), "", "missing")
            )
    for index, tag, _ in root.fields[at:]:
        known = tag[:2] in {item[:2] for item in items}
        once = known and tag[:2] not in repeated and tags.index(tag) < at
        problems.append(Problem(index, tag, "", "once" if once else "order" if known else "not_in_this_message"))


@dataclass(frozen=True, slots=True)
class Layout:
    """The verdict on all messages with the same heads: tree, errors of structure, one pattern for all values.

    A long statement has no such pattern: to compile it costs more than to judge each value.
    """

    mt: str
    heads: tuple[str, ...]
    tree: Node
    problems: tuple[Problem, ...]
    values: re.Pattern[str] | None

    def accepts(self, rests: Sequence[str]) -> bool:
        """Whether structure and every value are as they should be."""
        if self.problems:
            return False
        if self.values is not None:
            return self.values.fullmatch("\x00".join(rests)) is not None
        return all(_rest_compiled(head).fullmatch(rest) for head, rest in zip(self.heads, rests, strict=True))

    def faults(self, message: Message) -> list[dict[str, Any]]:
        """Every error of a message of this layout, by field."""
        found = [(p.index, _told(p, message)) for p in self.problems]
        paths = {at: node.path for node in self.tree.walk() for at, _, _ in node.fields}
        for at, (head, rest) in enumerate(zip(message.heads, message.rests, strict=True)):
            if _rest_compiled(head).fullmatch(rest) is None:
                tag, _, value = split_head(head, rest)
                found.append((at, value_fault(tag, paths.get(at, ""), message.line(at), value, _notation(tag))))
        return [one for _, one in sorted(found, key=lambda pair: pair[0])]


def _notation(tag: str) -> str:
    return f"format {FORMATS[tag]}" if tag in FORMATS else "format"


def _told(problem: Problem, message: Message) -> dict[str, Any]:
    line = message.line(problem.index) if problem.index >= 0 else 0
    place = ", ".join(
        part for part in (f"line {line}" if line else "", problem.sequence, f"field {problem.field}") if part
    )
    if problem.rule in ("sequence_not_closed", "sequence_not_opened"):
        return fault(MessageReason.MT_BROKEN, place, line=str(line), rule=f"{problem.rule} {problem.sequence}")
    if problem.rule == "missing":
        return missing_fault(problem.field, problem.sequence)
    tag, _, value = split_head(message.heads[problem.index], message.rests[problem.index])
    return fault(
        MessageReason.MT_FIELD_INVALID, place, field=tag, sequence=problem.sequence, value=value, rule=problem.rule
    )


def missing_fault(tag: str, sequence: str) -> dict[str, Any]:
    """A mandatory field or sequence is not there."""
    place = f"{sequence}, field {tag}" if sequence else f"field {tag}"
    return fault(MessageReason.MT_FIELD_MISSING, place, field=tag, sequence=sequence)


def value_fault(tag: str, sequence: str, line: int, value: str, rule: str) -> dict[str, Any]:
    """A field says what it must not."""
    place = ", ".join(part for part in (f"line {line}", sequence, f"field {tag}") if part)
    return fault(MessageReason.MT_FIELD_INVALID, place, field=tag, sequence=sequence, value=value, rule=rule)


_LAYOUTS_KEPT: Final = 2_000
_FIELDS_KEPT: Final = 2_000  # a longer statement has a layout of its own, which no other will share
_FIELDS_COMPILED: Final = 100
_layouts: dict[tuple[str, tuple[str, ...]], Layout] = {}


def layout_of(mt: str, heads: tuple[str, ...]) -> Layout:
    """The layout of a message type of the tables, remembered."""
    known = _layouts.get((mt, heads))
    if known is not None:
        return known
    tree, problems = judge_structure(mt, heads)
    short = len(heads) <= _FIELDS_COMPILED
    values = re.compile(r"\x00".join(_rest_pattern(head) for head in heads)) if short else None
    made = Layout(mt, heads, tree, tuple(problems), values)
    if len(heads) <= _FIELDS_KEPT:
        if len(_layouts) >= _LAYOUTS_KEPT:
            _layouts.clear()
        _layouts[mt, heads] = made
    return made


def judge(message: Message) -> list[dict[str, Any]]:
    """Every error of a message: its own faults, or what the tables say against it. Refuses types without a table."""
    if message.faults or message.header is None:
        return message.faults
    mt = message.header.mt
    if mt not in STRUCTURES and mt not in FLAT:
        return [value_fault("2", "", 1, mt, "message type unknown")]
    layout = layout_of(mt, message.heads)
    return [] if layout.accepts(message.rests) else layout.faults(message)
