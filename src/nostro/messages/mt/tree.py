"""Fields gathered into their sequences (16R to 16S). 报文序列树

The tree holds places of fields, not their values: messages of one layout share it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self


@dataclass(slots=True)
class Node:
    """One sequence: its code, its fields and inner sequences in the order in which they came.

    `fields` are (place of the field in the message, tag, qualifier or null), without the 16R and 16S around them.
    """

    code: str
    opened: int  # place of its 16R; -1 for the whole message
    path: str  # codes from the top, "SETDET/SETPRTY"
    fields: list[tuple[int, str, str | None]] = field(default_factory=list)
    children: list[Self] = field(default_factory=list)
    order: list[tuple[int, str, bool]] = field(
        default_factory=list
    )  # (place, tag or code, whether a field), as they came

    def walk(self) -> Iterator["Node"]:
        """This sequence and all inside it, in file order."""
        yield self
        for child in self.children:
            yield from child.walk()

    def all(self, path: str) -> Iterator["Node"]:
        """The sequences of this path, from the top: "SETDET/AMT"."""
        return (node for node in self.walk() if node.path == path)

    def find(self, tag: str, qualifier: str | None = None) -> int:
        """The place of the first such field directly in this sequence; -1 when it has none."""
        return next((at for at, own, q in self.fields if own == tag and q == qualifier), -1)


@dataclass(frozen=True, slots=True)
class Unbalanced:
    """A 16R without its 16S, or the other way round."""

    index: int
    rule: str  # "sequence_not_closed" or "sequence_not_opened"
    code: str


def build_tree(heads: Sequence[str]) -> tuple[Node, list[Unbalanced]]:
    """The sequences of a message from its heads (see `tokens`). A sequence that is not closed ends where its parent does."""
    root = Node("", -1, "")
    open_nodes, wrong = [root], []
    for at, head in enumerate(heads):
        tag, _, qualified = head.partition(":")
        if tag == "16R":
            parent = open_nodes[-1]
            node = Node(qualified, at, f"{parent.path}/{qualified}" if parent.path else qualified)
            parent.children.append(node)
            parent.order.append((at, qualified, False))
            open_nodes.append(node)
        elif tag == "16S":
            if qualified not in [node.code for node in open_nodes[1:]]:
                wrong.append(Unbalanced(at, "sequence_not_opened", qualified))
                continue
            while open_nodes[-1].code != qualified:
                left = open_nodes.pop()
                wrong.append(Unbalanced(left.opened, "sequence_not_closed", left.code))
            open_nodes.pop()
        else:
            open_nodes[-1].fields.append((at, tag, qualified[1:5] if qualified else None))
            open_nodes[-1].order.append((at, tag, True))
    wrong.extend(Unbalanced(node.opened, "sequence_not_closed", node.code) for node in open_nodes[:0:-1])
    return root, wrong
