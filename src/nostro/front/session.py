"""Opening the house for one command: which server, which database, which business day. 会话"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from django.db import connection

from nostro.kernel.refusals import Refusal, Refused
from nostro.spine import schema
from nostro.spine.postgres import Cluster, Server, home

DATABASE: Final = "nostro"


def url() -> str:
    """NOSTRO_DATABASE_URL, or nothing when the embedded server is meant."""
    return os.environ.get("NOSTRO_DATABASE_URL", "")


def exchange() -> Path:
    """Where files come from and go to: NOSTRO_EXCHANGE, or a folder of the home."""
    return Path(os.environ.get("NOSTRO_EXCHANGE", home() / "exchange"))


@contextmanager
def opened() -> Iterator[Server | None]:
    """The database of this installation, brought to the current shape, in the desks' role. Yields the embedded server, if it is."""
    if url():
        schema.prepare_url(url())
        yield None
        connection.close()
        return
    with Cluster(home()).running() as server:
        schema.prepare(server, DATABASE)
        try:
            yield server
        finally:
            connection.close()


def working_day() -> date:
    """The business day that what people do now belongs to: the newest one, or the weekday after it once it is sealed."""
    newest = latest_day()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM spine_day WHERE entity_id = 0 AND business_date = %s AND state = 'sealed'", [newest]
        )
        if cursor.fetchone()[0] == 0:
            return newest
    days = {4: 3, 5: 2}.get(newest.weekday(), 1)  # Friday and Saturday are followed by Monday
    return newest + timedelta(days=days)


def latest_day() -> date:
    """The newest business day anything happened on. Refuses when nothing has happened yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(business_date) FROM spine_steprun")
        newest = cursor.fetchone()[0]
    if newest is None:
        raise Refused(Refusal("no_day_yet", "day"))
    return date.fromisoformat(str(newest))
