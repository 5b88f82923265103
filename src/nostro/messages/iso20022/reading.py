"""Messages out of bytes: one a line, one a file, or many in a business file (head.002). 报文读取

A parser that fetches nothing, expands nothing and takes no document type reads each message into the tables of its
outline: a row of texts for each group. Bad content never raises: it lands in `Parsed.bad` with all its errors.

Most lines of a bulk file have the same markup and differ in their values only. The markup of a line that was parsed and
found whole is remembered with the places of its values; a line with that very markup, and without anything that needs a
parser (entities, comments, control characters), has the same tree, and its values are taken where they stand.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, cast

import polars as pl
from lxml import etree

from nostro.messages.iso20022.structure import FAULT, Group, Leaf, Outline, faults, table_schema
from nostro.messages.iso20022.xsd import schema_errors
from nostro.messages.lines import BOM, bad_frame, bad_row, fault, file_broken, foreign_mark, split_lines
from nostro.messages.shapes import WHERE, MessageReason, Parsed

CHUNK_MESSAGES: Final = 20_000
HEADER_NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:head.001.001.02"
FILE_NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:head.002.001.01"
_XCHG: Final = re.compile(rb"\A\s*(?:<\?xml[^>]*\?>\s*)?(?:<!--.*?-->\s*)*<(?:[\w.-]+:)?Xchg[\s>]", re.DOTALL)
_PAYLOAD_TAG: Final = re.compile(rb"<(/?)(?:[\w.-]+:)?Pyld(?:\s[^<>]*?)?(/?)>")
_DOCTYPE: Final = b"<!DOCTYPE"
_SKELETONS_MAX: Final = 1_000
_SKELETON_BYTES_MAX: Final = 16_000
# What must stay when a line's ordinary characters are deleted: brackets, and whatever only a parser may judge.
_ORDINARY: Final = bytes(set(range(0x20, 0x100)) - set(b"<>&") - {0xEF}) + b"\t"

Tables = Mapping[str, pl.DataFrame]
Convert = Callable[[Tables], tuple[pl.DataFrame, pl.DataFrame]]
"""From the tables of an outline, by full path, to rows with an ordinal and the kind's columns, and further faults."""


_CAREFUL: Final[Mapping[str, Any]] = {
    "encoding": "utf-8",
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
_FEED_BYTES: Final = 1 << 20


def parser() -> etree.XMLParser:
    """A parser that opens no door: no network, no DTD, no entities, no giant trees. Comments are dropped."""
    return etree.XMLParser(**_CAREFUL)


def read_lines(data: bytes, outline: Outline, convert: Convert, schemas: Path | None = None) -> Parsed:
    """The messages of a bulk file, one a line: a wrapper of AppHdr and Document, or a bare Document."""
    # One wrong byte costs its message, not the file: the parser names it. A mark of another encoding is another matter.
    broken = foreign_mark(data)
    reader = _Reader(outline, convert, schemas)
    if broken is not None:
        return reader.unreadable(data, broken)
    lines = split_lines(data)
    ordinal = 0
    for number, (start, end) in enumerate(zip(lines.starts.tolist(), lines.ends.tolist(), strict=True), start=1):
        line = data[start:end]
        if line and not line.isspace():
            ordinal += 1
            reader.read(ordinal, start, line, number)
    return reader.parsed()


def read_file(data: bytes, outline: Outline, convert: Convert, schemas: Path | None = None) -> Parsed:
    """The statements of a file: in a business file (Xchg of head.002), one a line, or one in the whole file."""
    body = data[len(BOM) :] if data.startswith(BOM) else data
    broken = foreign_mark(data)
    if broken is None and _DOCTYPE in data:
        broken = {"rule": "no_document_type"}
    if broken is not None:
        return _Reader(outline, convert, schemas).unreadable(data, broken)
    if _XCHG.match(body):
        return _read_business_file(data, outline, convert, schemas)
    if b"\n" in body.strip():
        try:
            root = etree.fromstring(body, parser())
        except etree.XMLSyntaxError:
            return read_lines(data, outline, convert, schemas)
        reader = _Reader(outline, convert, schemas)
        reader.take(1, 0, len(data), root)
        return reader.parsed()
    return read_lines(data, outline, convert, schemas)


def _read_business_file(data: bytes, outline: Outline, convert: Convert, schemas: Path | None) -> Parsed:
    reader = _Reader(outline, convert, schemas)
    spans = _payload_spans(data)
    body = data[len(BOM) :] if data.startswith(BOM) else data
    tags = (f"{{{FILE_NAMESPACE}}}PyldDesc", f"{{{FILE_NAMESPACE}}}Pyld")
    pull = etree.XMLPullParser(events=("end",), tag=tags, **_CAREFUL)
    seen, read_to = 0, 0
    description: list[dict[str, Any]] = []
    promised: int | None = None
    broken: list[dict[str, Any]] = []
    described = False
    for at in range(0, len(body), _FEED_BYTES):
        try:
            pull.feed(body[at : at + _FEED_BYTES])
        except etree.XMLSyntaxError as error:
            broken = [_broken(error, 1)]
        for _, event in pull.read_events():
            element = cast(etree._Element, event)
            if element.tag == tags[0]:
                described = True
                description = list(_description_errors(element, schemas))
                promised = _promised(element)
                continue
            # The payload's place is where its tags stand; a tag within CDATA would shift the count, and then each
            # message is said to stand in the whole file.
            start, end = spans[seen] if seen < len(spans) else (0, len(data))
            seen += 1
            read_to = end
            children = [child for child in element if isinstance(child.tag, str)]
            reader.take(seen, start, end - start, children[0] if len(children) == 1 else element)
            element.clear()
        if broken:
            break
    if not broken:
        try:
            pull.close()
        except etree.XMLSyntaxError as error:
            broken = [_broken(error, 1)]
    if broken:
        # What was whole before the break is read; the rest of the file is one bad row.
        reader.bad.append(bad_row(0, read_to, len(data) - read_to, broken))
    else:
        if not described:
            description = [_invalid("/Xchg/PyldDesc", "required", "")]
        if promised is not None and promised != seen:
            description.append(_invalid("/Xchg/PyldDesc/MnfstData/NbOfDocs", f"documents {seen}", str(promised)))
        if description:
            reader.bad.append(bad_row(0, 0, len(data), description))
    return reader.parsed()


def _description_errors(element: etree._Element, schemas: Path | None) -> Iterator[dict[str, Any]]:
    """What is wrong with the business file header itself."""
    for path in ("PyldData/PyldIdr", "PyldData/CreDtAndTm", "PyldTp"):
        found = element.find("/".join(f"{{{FILE_NAMESPACE}}}{step}" for step in path.split("/")))
        if found is None or not (found.text or "").strip():
            yield _invalid(f"/Xchg/PyldDesc/{path}", "required", "")
    if schemas is not None:
        alone = etree.Element(f"{{{FILE_NAMESPACE}}}Xchg")
        alone.append(deepcopy(element))
        yield from schema_errors(alone, schemas, "/Xchg")


def _promised(element: etree._Element) -> int | None:
    """How many documents the header says the file holds; null where it does not say."""
    counts = [
        count.text or "" for count in element.iterfind(f"{{{FILE_NAMESPACE}}}MnfstData/{{{FILE_NAMESPACE}}}NbOfDocs")
    ]
    return sum(map(int, counts)) if counts and all(count.isdecimal() for count in counts) else None


def _payload_spans(data: bytes) -> list[tuple[int, int]]:
    """Where each payload of a business file stands, from its start tag to its end tag."""
    spans = []
    start, depth = 0, 0
    for match in _PAYLOAD_TAG.finditer(data):
        closing, alone = match.groups()
        if not closing:
            start = start if depth else match.start()
            depth += not alone
        else:
            depth = max(depth - 1, 0)
        if not depth:
            spans.append((start, match.end()))
    return spans


def _broken(error: etree.XMLSyntaxError, line: int) -> dict[str, Any]:
    row, column = error.position
    number = str(row + line - 1)
    message = (error.msg or "").rpartition(", line")[0] or (error.msg or "")
    return fault(
        MessageReason.XML_BROKEN, f"line {number}, column {column}", line=number, column=str(column), message=message
    )


def _invalid(path: str, rule: str, value: str) -> dict[str, Any]:
    return fault(MessageReason.XML_INVALID, path, path=path, rule=rule, value=value)


@dataclass(slots=True)
class _Node:
    """An element of the outline: what stands below it, and where its text, presence and attributes go.

    `path` is where it stands below the row its values go to, "" for the element of the row itself.
    """

    path: str
    below: "dict[str, _Node]" = field(default_factory=dict)
    slot: int = -1
    mark: int = -1
    attributes: list[tuple[str, int]] = field(default_factory=list)
    group: "_Group | None" = None
    is_plain: bool = False  # only its text counts


@dataclass(slots=True)
class _Group:
    """A group with the full path of its table, and how many columns a row of it has."""

    path: str
    width: int
    node: _Node


_HEAD_COLUMNS: Final = 3  # ordinal, at, up
_Row = list[Any]


@dataclass(slots=True)
class _Skeleton:
    """The markup of a line, and for each row it makes: the table and the places of the row's values."""

    constants: list[Any]
    rows: Sequence[tuple[str, Callable[[list[Any]], tuple[Any, ...]]]]


def _compile(outline: Outline) -> _Group:
    def clark(path: str, name: str) -> str:
        return f"{{{HEADER_NAMESPACE if path.startswith('/AppHdr') else outline.namespace}}}{name}"

    def settle(node: _Node) -> None:
        node.is_plain = node.slot >= 0 and node.mark < 0 and not node.attributes and not node.below
        for lower in node.below.values():
            settle(lower)

    def build(group: Group, base: str) -> _Group:
        full = f"{base}/{group.path}" if group.path else base
        top = _Node("")
        schema = table_schema(group)

        def node(path: str) -> _Node:
            here = top
            for step in path.split("/") if path not in ("", ".") else ():
                below = f"{here.path}/{step}"
                here = here.below.setdefault(clark(full + below, step), _Node(below))
            return here

        for slot, leaf in enumerate(group.leaves(), start=_HEAD_COLUMNS):
            path, _, attribute = leaf.path.partition("/@")
            if attribute:
                node(path).attributes.append((attribute, slot))
            elif isinstance(leaf, Leaf):
                node(path).slot = slot
            else:
                node(path).mark = slot
        for below in group.groups:
            node(below.path).group = build(below, full)
        settle(top)
        return _Group(full, len(schema), top)

    return build(outline.main, "")


class _Reader:
    """Messages one after another into tables, and each full chunk of them into rows or refusals."""

    def __init__(self, outline: Outline, convert: Convert, schemas: Path | None) -> None:
        self.outline = outline
        self.convert = convert
        self.schemas = schemas
        self.main = _compile(outline)
        self.parser = parser()
        self.skeletons: dict[tuple[str, ...], _Skeleton | None] = {}
        self.bad: list[tuple[Any, ...]] = []
        self.good: list[pl.DataFrame] = []
        self.document = f"{{{outline.namespace}}}Document"
        self.header = f"{{{HEADER_NAMESPACE}}}AppHdr"
        self._begin()

    def _begin(self) -> None:
        self.where: list[tuple[int, int, int]] = []
        self.rows: dict[str, list[Sequence[Any]]] = {path: [] for path in self.outline.tables}
        self.errors: dict[int, list[dict[str, Any]]] = {}

    def unreadable(self, data: bytes, facts: Mapping[str, str]) -> Parsed:
        return Parsed(good=self.parsed().good, bad=file_broken(data, facts))

    def read(self, ordinal: int, start: int, line: bytes, number: int) -> None:
        """One line: by its remembered markup, or by the parser."""
        tokens = None
        if self.schemas is None and _may_be_taken(line):
            try:
                # The brackets stand in turn, so that text and tag do, whichever of them divides.
                tokens = line.decode().replace("<", ">").split(">")
            except UnicodeDecodeError:
                tokens = None
        if tokens is not None:
            known = self.skeletons.get(tuple(tokens[1::2]))
            if known is not None:
                tokens += known.constants
                for path, take in known.rows:
                    self.rows[path].append((ordinal, *take(tokens)))
                self._seen(ordinal, start, len(line))
                return
        if _DOCTYPE in line:
            self._refuse(ordinal, start, len(line), [_invalid("/", "no_document_type", "<!DOCTYPE")])
            return
        try:
            root = etree.fromstring(line, self.parser)
        except etree.XMLSyntaxError as error:
            self._refuse(ordinal, start, len(line), [_broken(error, number)])
            return
        self.take(ordinal, start, len(line), root, tokens)

    def take(
        self, ordinal: int, start: int, length: int, root: etree._Element, tokens: list[str] | None = None
    ) -> None:
        """One parsed message into the tables."""
        errors: list[dict[str, Any]] = []
        rows: list[tuple[str, _Row]] = []
        parts = self._parts(root, errors)
        if parts is not None:
            self._walk(parts, rows, errors, None)
            if self.schemas is not None:
                for part in parts:
                    errors.extend(schema_errors(part, self.schemas, f"/{etree.QName(part).localname}"))
        for path, row in rows:
            row[0] = ordinal
            self.rows[path].append(row)
        if errors:
            self.errors[ordinal] = errors
        elif tokens is not None and parts is not None and len(self.skeletons) < _SKELETONS_MAX:
            self.skeletons[tuple(tokens[1::2])] = self._remembered(tokens, root, parts)
        self._seen(ordinal, start, length)

    def _seen(self, ordinal: int, start: int, length: int) -> None:
        self.where.append((ordinal, start, length))
        if len(self.where) >= CHUNK_MESSAGES:
            self._finish_chunk()

    def _refuse(self, ordinal: int, start: int, length: int, errors: Sequence[dict[str, Any]]) -> None:
        self.bad.append(bad_row(ordinal, start, length, errors))

    def _parts(self, root: etree._Element, errors: list[dict[str, Any]]) -> list[etree._Element] | None:
        """The AppHdr, where there is one, and the Document; null, with the error, where they are not ours to read."""
        if root.tag == self.document:
            return [root]
        headers = [child for child in root if child.tag == self.header]
        documents = [child for child in root if child.tag == self.document]
        if len(headers) <= 1 and len(documents) == 1 and len(root) == len(headers) + len(documents):
            return headers + documents
        found = [root, *root] if _local(root) in ("Document", "AppHdr") else list(root)
        wrong = [one for one in found if one.tag not in (self.document, self.header)] or found or [root]
        expected = f"document {self.outline.definition}"
        for one in wrong:
            name = etree.QName(one)
            errors.append(_invalid(f"/{name.localname}", expected, name.namespace or name.localname))
        return None

    def _walk(
        self,
        parts: list[etree._Element],
        rows: list[tuple[str, _Row]],
        errors: list[dict[str, Any]],
        index: Mapping[etree._Element, Any] | None,
    ) -> None:
        """The tree into rows. With an index, each text is replaced by what the index says of its element."""
        main: _Row = [None] * self.main.width
        main[1] = main[2] = ""
        rows.append((self.main.path, main))
        for part in parts:
            self._element(self.main.node.below[str(part.tag)], part, main, "", rows, errors, index)

    def _element(
        self,
        node: _Node,
        element: etree._Element,
        row: _Row,
        at: str,
        rows: list[tuple[str, _Row]],
        errors: list[dict[str, Any]],
        index: Mapping[etree._Element, Any] | None,
    ) -> None:
        """An element and all below it: its values into the row that stands at `at`, repeating parts into new rows."""
        if node.slot >= 0:
            if len(element):
                errors.append(_invalid(at + node.path, "no_elements", _local(element[0])))
            row[node.slot] = (element.text or "") if index is None else index[element]
        if node.mark >= 0:
            row[node.mark] = ""
        for name, slot in node.attributes:
            row[slot] = element.get(name)
        below = node.below
        if not below:
            return
        counts: dict[Any, int] = {}
        for child in element:
            lower = below.get(child.tag)
            if lower is None:
                continue
            count = counts[lower.path] = counts.get(lower.path, 0) + 1
            group = lower.group
            if group is not None:
                here = f"{at}{lower.path}[{count}]"
                new: _Row = [None] * group.width
                new[1], new[2] = here, at
                rows.append((group.path, new))
                self._element(group.node, child, new, here, rows, errors, index)
            elif count > 1:
                errors.append(_invalid(at + lower.path, "once", ""))
            elif lower.is_plain and index is None and not len(child):
                row[lower.slot] = child.text or ""
            else:
                self._element(lower, child, row, at, rows, errors, index)

    def _remembered(self, tokens: list[str], root: etree._Element, parts: list[etree._Element]) -> _Skeleton | None:
        """How to take the values of a line of this markup; null where its start tags are not its elements."""
        opening = [i for i in range(1, len(tokens), 2) if not tokens[i].startswith("/")]
        elements = list(root.iter())
        if len(opening) != len(elements):
            return None
        # The text of an element without elements is the token after its start tag; a self-closing one has none.
        places: dict[etree._Element, Any] = {
            element: _NoText if tokens[i].endswith("/") else i + 1 for element, i in zip(elements, opening, strict=True)
        }
        rows: list[tuple[str, _Row]] = []
        self._walk(parts, rows, [], places)
        constants: list[Any] = []
        plans = []
        for path, row in rows:
            columns = []
            for value in row[1:]:
                if isinstance(value, int):
                    columns.append(value)
                else:
                    columns.append(len(tokens) + len(constants))
                    constants.append("" if value is _NoText else value)
            plans.append((path, itemgetter(*columns)))
        return _Skeleton(constants, plans)

    def _finish_chunk(self) -> None:
        if not self.where:
            return
        where = pl.DataFrame(self.where, schema=WHERE, orient="row")
        tables = {}
        found = []
        for path, group in self.outline.tables.items():
            schema = table_schema(group)
            rows = self.rows[path]
            columns = zip(*rows, strict=True) if rows else ((),) * len(schema)
            tables[path] = pl.DataFrame(
                [pl.Series(name, values, dtype) for (name, dtype), values in zip(schema.items(), columns, strict=True)]
            )
            found.append(faults(tables[path], group))
        converted, further = self.convert(tables)
        wrong = pl.concat([*found, further.select(*FAULT)])
        errors = self.errors
        for ordinal, place, rule, value in wrong.iter_rows():
            errors.setdefault(ordinal, []).append(_invalid(place, rule, value))
        for ordinal in where.join(converted, on="ordinal", how="anti")["ordinal"].to_list():
            # Nothing of a message is in neither frame: one that says nothing we know is refused for that.
            errors.setdefault(ordinal, [_invalid("/Document", "nothing_known", "")])
        if errors:
            key_table, key = self.outline.key
            keys = dict(tables[key_table].select("ordinal", key).reverse().iter_rows())
            self.bad.extend(
                bad_row(ordinal, start, length, errors[ordinal], keys.get(ordinal))
                for ordinal, start, length in self.where
                if ordinal in errors
            )
            converted = converted.filter(~pl.col("ordinal").is_in(sorted(errors)))
        self.good.append(where.join(converted, on="ordinal", how="inner", maintain_order="right"))
        self._begin()

    def parsed(self) -> Parsed:
        """All that was read."""
        self._finish_chunk()
        if not self.good:
            empty = {path: pl.DataFrame(schema=table_schema(group)) for path, group in self.outline.tables.items()}
            kind = self.convert(empty)[0].schema
            self.good.append(pl.DataFrame(schema={**WHERE, **{name: kind[name] for name in kind if name != "ordinal"}}))
        return Parsed(good=pl.concat(self.good), bad=bad_frame(sorted(self.bad, key=itemgetter(0, 1))))


class _NoText:
    """Stands for the text of an element written as one tag."""


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _may_be_taken(line: bytes) -> bool:
    """Whether a line is brackets in turn and ordinary characters: no entity, comment, CDATA or control character."""
    # Text before the first tag or after the last is not well-formed, and no markup remembers it.
    if len(line) > _SKELETON_BYTES_MAX or not (line.startswith(b"<") and line.endswith(b">")):
        return False
    left = line.translate(None, _ORDINARY)
    return left == b"<>" * (len(left) // 2) and b"<!" not in line and b"<?" not in line
