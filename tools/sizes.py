"""Sizes of each room, for the trend: files, lines, the longest file and function. 各模块规模

Run by `make check`. It never fails: a number is not a verdict, but a room that grows a little every week is worth a look.
"""

import ast
from collections import defaultdict
from pathlib import Path


def room(path: Path) -> str:
    """The room a file of `src` belongs to; departments count one by one."""
    parts = path.parts[1:-1]
    return "/".join(parts[:3] if parts[1:2] == ("departments",) else parts[:2])


def main() -> None:
    """Print one line a room."""
    files: dict[str, list[tuple[int, Path]]] = defaultdict(list)
    functions: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for path in sorted(Path("src").rglob("*.py")):
        if "migrations" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        files[room(path)].append((len(text.splitlines()), path))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                functions[room(path)].append(
                    ((node.end_lineno or node.lineno) - node.lineno + 1, f"{path.name}:{node.name}")
                )
    print(f"{'room':36}{'files':>6}{'lines':>8}  longest file, longest function")
    for name in sorted(files):
        lines = sum(count for count, _ in files[name])
        longest, path = max(files[name])
        function = max(functions[name], default=(0, "-"))
        print(f"{name:36}{len(files[name]):>6}{lines:>8}  {path.name} {longest}, {function[1]} {function[0]}")


main()
