"""Rule files, messages, the kernel and the street import without Django, a database or each other's rooms."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "src"
LOOK = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
found = sorted(name for name in sys.modules if name.split(".")[0] in ("django", "psycopg") or name.startswith("nostro.spine"))
print("\\n".join(found))
"""


def modules(*patterns: str) -> list[str]:
    paths = sorted({path for pattern in patterns for path in ROOT.glob(pattern)})
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths]
    return [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]


def imported_with(names: list[str]) -> str:
    done = subprocess.run([sys.executable, "-c", LOOK, *names], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_rules_messages_and_kernel_import_without_django() -> None:
    names = modules("nostro/kernel/**/*.py", "nostro/messages/**/*.py", "nostro/**/rules/*.py")
    assert len(names) > 40
    assert imported_with(names) == ""


def test_the_street_imports_without_django_and_without_nostros_spine() -> None:
    assert imported_with(modules("nostro_street/*.py")) == ""
