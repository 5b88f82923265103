"""Messages into bytes, by their outline: a whole column of messages is joined at once. 报文生成"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl
from lxml import etree

from nostro.kernel.frames import filled
from nostro.kernel.refusals import Refusal, Refused
from nostro.messages.iso20022.reading import CHUNK_MESSAGES, FILE_NAMESPACE, HEADER_NAMESPACE, Tables, parser
from nostro.messages.iso20022.structure import AT, UP, Group, Leaf, Outline, faults
from nostro.messages.iso20022.xsd import schema_errors
from nostro.messages.shapes import INDEX, Built, MessageReason

# Line breaks are written as references, so that a message stays on its line and a parser does not change them.
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;", "\n": "&#10;"}
_SPECIAL: Final = "[&<>\r\n]"
_GROUP: Final = "group of "

Plain = Callable[[pl.DataFrame], Tables]
"""From the rows of one kind, each with the ordinal of its message, to the tables of the outline."""


def header(outline: Outline, sender: str, receiver: str, created: datetime) -> dict[str, pl.Expr]:
    """The business application header of each message. Its id is made of the time and the message's ordinal."""
    stamp = f"{created:%Y%m%d%H%M%S%f}"
    return {
        "AppHdr/Fr/FIId/FinInstnId/BICFI": pl.lit(sender),
        "AppHdr/To/FIId/FinInstnId/BICFI": pl.lit(receiver),
        "AppHdr/BizMsgIdr": filled("{}-{}", pl.lit(stamp), pl.col("ordinal").cast(pl.String).str.zfill(7)),
        "AppHdr/MsgDefIdr": pl.lit(outline.definition),
        "AppHdr/CreDt": pl.lit(created.isoformat()),
    }


def build_lines(frame: pl.DataFrame, key: str, outline: Outline, plain: Plain, schemas: Path | None = None) -> Built:
    """A bulk file of one message a line, one for each row. Refuses, all at once, the rows that no message can hold."""
    pieces: list[bytes] = []
    indexes = []
    refusals: list[Refusal] = []
    written = 0
    for begin in range(0, frame.height, CHUNK_MESSAGES):
        chunk = frame[begin : begin + CHUNK_MESSAGES].with_columns(
            ordinal=pl.int_range(begin + 1, begin + 1 + pl.len(), dtype=pl.Int64)
        )
        keys = chunk.select("ordinal", key=pl.col(key))
        messages = _messages(outline, plain(chunk), keys, refusals, schemas, "Msg")
        if refusals:
            continue
        lengths = messages.str.len_bytes().cast(pl.Int64)
        starts = (lengths + 1).cum_sum() - (lengths + 1) + written
        indexes.append(keys.with_columns(start=starts, length=lengths))
        pieces.append(("\n".join(messages.to_list()) + "\n").encode())
        written += len(pieces[-1])
    if refusals:
        raise Refused(*refusals)
    index = pl.concat(indexes).select(*INDEX) if indexes else pl.DataFrame(schema=INDEX)
    return Built(data=b"".join(pieces), index=index)


def build_file(
    frame: pl.DataFrame,
    keys: pl.DataFrame,
    outline: Outline,
    plain: Plain,
    created: datetime,
    schemas: Path | None = None,
) -> Built:
    """A business file (Xchg of head.002) of statements, one payload a line. `keys`: ordinal and key of each."""
    refusals: list[Refusal] = []
    messages = _messages(outline, plain(frame), keys, refusals, schemas, 'Msg xmlns=""')
    if refusals:
        raise Refused(*refusals)
    head = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Xchg xmlns="{FILE_NAMESPACE}"><PyldDesc>'
        f"<PyldData><PyldIdr>{created:%Y%m%d%H%M%S%f}</PyldIdr><CreDtAndTm>{created.isoformat()}</CreDtAndTm></PyldData>"
        f"<PyldTp>{outline.definition}</PyldTp>"
        f"<MnfstData><DocTp>{outline.definition}</DocTp><NbOfDocs>{keys.height}</NbOfDocs></MnfstData></PyldDesc>\n"
    ).encode()
    payloads = [f"<Pyld>{message}</Pyld>".encode() for message in messages.to_list()]
    lengths = pl.Series([len(payload) for payload in payloads], dtype=pl.Int64)
    starts = (lengths + 1).cum_sum() - (lengths + 1) + len(head)
    index = keys.with_columns(start=starts, length=lengths).select(*INDEX)
    return Built(data=head + b"".join(payload + b"\n" for payload in payloads) + b"</Xchg>\n", index=index)


def rows(table: pl.DataFrame, group: Group, at: str | pl.Expr, up: str | pl.Expr, **texts: pl.Expr) -> pl.DataFrame:
    """A group's table from rows of values: what is not given is absent."""
    given = {path: expr.cast(pl.String) for path, expr in texts.items()}
    absent = {leaf.path: pl.lit(None, pl.String) for leaf in group.leaves() if leaf.path not in given}
    place = {AT: pl.lit(at) if isinstance(at, str) else at, UP: pl.lit(up) if isinstance(up, str) else up}
    return table.lazy().select("ordinal", **place, **given, **absent).collect()


def _messages(
    outline: Outline,
    tables: Tables,
    keys: pl.DataFrame,
    refusals: list[Refusal],
    schemas: Path | None,
    wrapper: str,
) -> pl.Series:
    """The text of each message, or what is wrong with any of them."""
    wrong = pl.concat([faults(tables[path], group) for path, group in outline.tables.items()])
    if not wrong.is_empty():
        told = wrong.join(keys, on="ordinal", how="left", maintain_order="left")
        refusals.extend(_refusals(told))
        return pl.Series(dtype=pl.String)
    body = _rendered(outline.main, "", tables, outline).sort("ordinal")["text"]
    messages = body.to_frame("body").select(pl.concat_str(pl.lit(f"<{wrapper}>"), "body", pl.lit("</Msg>"))).to_series()
    if schemas is not None:
        for (ordinal, key), message in zip(keys.iter_rows(), messages.to_list(), strict=True):
            for part in etree.fromstring(message.encode(), parser()):
                at = f"/{etree.QName(part).localname}"
                refusals.extend(
                    Refusal(
                        MessageReason.XML_INVALID,
                        f"message/{key or ordinal}",
                        error["place"],
                        error["facts"],
                    )
                    for error in schema_errors(part, schemas, at)
                )
    return messages


def _refusals(wrong: pl.DataFrame) -> Iterator[Refusal]:
    for row in wrong.iter_rows(named=True):
        facts = {"path": row["place"], "rule": row["rule"], "value": row["value"]}
        yield Refusal(MessageReason.XML_INVALID, f"message/{row['key'] or row['ordinal']}", row["place"], facts)


@dataclass(slots=True)
class _Element:
    """An element to write: its columns, and what stands below it in the order of the outline."""

    name: str
    text: str = ""
    mark: str = ""
    group: str = ""
    attributes: list[tuple[str, str]] = field(default_factory=list)
    below: "dict[str, _Element]" = field(default_factory=dict)


_Part = str | pl.Expr


def _rendered(group: Group, full: str, tables: Tables, outline: Outline) -> pl.DataFrame:
    """For each row of the group: ordinal, at, up, and its text with all that stands below it."""
    table = tables[full]
    top = _Element(full.rpartition("/")[2])

    def element(path: str) -> _Element:
        here = top
        for step in path.split("/") if path not in ("", ".") else ():
            here = here.below.setdefault(step, _Element(step))
        return here

    for leaf in group.leaves():
        path, _, attribute = leaf.path.partition("/@")
        if attribute:
            element(path).attributes.append((attribute, leaf.path))
        elif isinstance(leaf, Leaf):
            element(path).text = leaf.path
        else:
            element(path).mark = leaf.path
    for below in group.groups:
        column = f"{_GROUP}{below.path}"
        element(below.path).group = column
        inner = _rendered(below, f"{full}/{below.path}", tables, outline)
        joined = inner.group_by("ordinal", UP, maintain_order=True).agg(pl.col("text").str.join("").alias(column))
        table = table.join(joined, left_on=["ordinal", AT], right_on=["ordinal", UP], how="left", maintain_order="left")
    table = _escaped(table)
    if table.is_empty():
        return table.select("ordinal", AT, UP, text=pl.lit("", pl.String))
    parts: list[_Part] = []
    if full:
        parts, _ = _element_parts(top, table, outline) or ([], None)
    else:
        for child in top.below.values():
            parts.extend(_flat(_element_parts(child, table, outline)))
    return table.lazy().select("ordinal", AT, UP, text=_joined(parts)).collect()


def _element_parts(one: _Element, table: pl.DataFrame, outline: Outline) -> tuple[list[_Part], pl.Expr | None] | None:
    """The pieces of an element, and when it is there: null when it always is. Nothing when it never is."""
    if one.group:
        there = table[one.group]
        if there.null_count() == len(there):
            return None
        return [pl.col(one.group)], None if there.null_count() == 0 else pl.col(one.group).is_not_null()
    opening: list[_Part] = [f"<{one.name}", *_namespace(one.name, outline)]
    for name, column in one.attributes:
        opening += [f' {name}="', *_value(column, table), '"']
    opening.append(">")
    closing = f"</{one.name}>"
    if one.text and not one.below:
        present = table[one.text]
        if present.null_count() == len(present):
            return None
        when = None if present.null_count() == 0 else pl.col(one.text).is_not_null()
        return [*opening, *_value(one.text, table), closing], when
    below = [parts for child in one.below.values() if (parts := _element_parts(child, table, outline)) is not None]
    presences = [when for _, when in below]
    if one.mark:
        marked = table[one.mark]
        if marked.null_count() == 0:
            presences.append(None)
        elif marked.null_count() < len(marked):
            presences.append(pl.col(one.mark).is_not_null())
    if not presences:
        return None
    inner = [part for parts in below for part in _flat(parts)]
    told = [when for when in presences if when is not None]
    return [*opening, *inner, closing], None if len(told) < len(presences) else pl.any_horizontal(told)


def _flat(parts: tuple[list[_Part], pl.Expr | None] | None) -> list[_Part]:
    if parts is None:
        return []
    pieces, when = parts
    return pieces if when is None else [pl.when(when).then(_joined(pieces)).otherwise(pl.lit(""))]


def _joined(parts: Sequence[_Part]) -> pl.Expr:
    merged: list[_Part] = []
    for part in parts:
        if isinstance(part, str) and merged and isinstance(merged[-1], str):
            merged[-1] += part
        else:
            merged.append(part)
    return pl.concat_str([pl.lit(part) if isinstance(part, str) else part for part in merged])


def _namespace(name: str, outline: Outline) -> list[str]:
    namespaces = {"AppHdr": HEADER_NAMESPACE, "Document": outline.namespace}
    return [f' xmlns="{namespaces[name]}"'] if name in namespaces else []


def _value(column: str, table: pl.DataFrame) -> list[_Part]:
    values = table[column]
    # A column of one value is part of the template: most of a message's columns are.
    return [values[0]] if values.null_count() == 0 and values.n_unique() == 1 else [pl.col(column)]


def _escaped(table: pl.DataFrame) -> pl.DataFrame:
    texts = [name for name, dtype in table.schema.items() if dtype == pl.String and not name.startswith(_GROUP)]
    special = table.lazy().select(pl.col(name).str.contains(_SPECIAL).any() for name in texts).collect()
    names = [name for name in texts if special[name].item()] if table.height else []
    return table.with_columns(
        pl.col(name).str.replace_many(list(_ESCAPES), list(_ESCAPES.values())) for name in names if name not in (AT, UP)
    )


def statements(frame: pl.DataFrame, head: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of statements, each with the ordinal of its statement, and one row for each statement."""
    heads = frame.unique(list(head), keep="first", maintain_order=True).with_columns(
        ordinal=pl.int_range(1, 1 + pl.len(), dtype=pl.Int64)
    )
    lines = frame.join(
        heads.select("ordinal", *head), on=list(head), how="left", nulls_equal=True, maintain_order="left"
    )
    return lines.sort("ordinal", maintain_order=True), heads


def numbered(path: str, within: pl.Expr) -> pl.Expr:
    """The place of each of the rows that repeat within one parent: "/Document/Stmt[1]/Ntry[3]"."""
    return filled("{}[{}]", pl.lit(path), pl.int_range(1, 1 + pl.len(), dtype=pl.Int64).over(within))
