"""A demo day that is run once and looked at by many tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.front.demos import HOMES, told

from nostro.spine.postgres import Cluster


@pytest.fixture(scope="session", autouse=True)
def _erased() -> Iterator[None]:
    yield
    for home in HOMES:
        Cluster(home).erase()


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A home with a finished day of 2,000 executions, and the report of it. Tests may read it, and act on its queue."""
    home = tmp_path_factory.mktemp("played")
    return home, told(home, "demo", "--trades", "2000", code=None)
