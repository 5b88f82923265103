"""What the schemas of ISO 20022 say of a message, where a folder of them is set. 用官方模式校验"""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

from lxml import etree

from nostro.messages.lines import fault
from nostro.messages.shapes import MessageReason

_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"


@cache
def schema_files(folder: Path) -> dict[str, Path]:
    """The schemas anywhere below a folder, by their definition: "sese.023.001.12" -> its file.

    Refuses, with a ValueError, a folder that holds none: a check that checks nothing must not pass for one.
    """
    files = {path.stem: path for path in sorted(folder.rglob("*.xsd"))}
    if not files:
        raise ValueError(f"{folder} holds no schemas: files such as sese.023.001.12.xsd, in it or below it")
    return files


@cache
def schema(folder: Path, definition: str) -> etree.XMLSchema | None:
    """The compiled schema of a message definition, once in a process; null where the folder has none."""
    path = schema_files(folder).get(definition)
    return None if path is None else etree.XMLSchema(etree.parse(path))


def schema_errors(element: etree._Element, folder: Path, at: str) -> Iterator[dict[str, Any]]:
    """What the schema of the element's namespace refuses. One whose schema is not there is refused, not skipped."""
    definition = (etree.QName(element).namespace or "").removeprefix(_NAMESPACE)
    judge = schema(folder, definition)
    if judge is None:
        yield fault(MessageReason.XML_INVALID, at, path=at, rule="schema_missing", value=definition)
    elif not judge.validate(element):
        for error in cast(Iterable[Any], judge.error_log):
            path = at + _plain(error.path or "", element)
            yield fault(
                MessageReason.XML_INVALID, path, path=path, rule=f"schema {error.type_name}", value=error.message
            )


def _plain(path: str, element: etree._Element) -> str:
    """lxml writes /*/*[2]/*: the same path by names, below the element judged."""
    steps = path.strip("/").split("/")[1:]
    names = []
    for step in steps:
        nth = int(step[step.index("[") + 1 : -1]) if "[" in step else 1
        below = [child for child in element if isinstance(child.tag, str)]
        if not step.startswith("*") or nth > len(below):
            return ""
        element = below[nth - 1]
        names.append(etree.QName(element).localname)
    return "".join(f"/{name}" for name in names)
