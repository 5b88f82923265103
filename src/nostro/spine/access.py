"""Who may see which entity, in which duty. A person is a database role; row-level security does the rest. 人员与权限"""

import re
from typing import Final

from django.db import connection

from nostro.kernel.refusals import Refusal, Refused

DUTIES: Final = ["settlement", "reconciliation", "accounting", "compliance", "risk", "data", "operator", "auditor"]
"""What a person may be here for. An auditor reads and does nothing."""
LOGIN: Final = re.compile(r"[a-z][a-z0-9_]{0,29}")


def add_person(login: str, name: str, name_zh: str) -> None:
    """A person and their database role `nostro_p_<login>`. Again changes nothing. Refuses a malformed login."""
    if not LOGIN.fullmatch(login):
        raise Refused(Refusal("login_invalid", f"person/{login}"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT nostro_add_person(%s)", [login])
        cursor.execute(
            "INSERT INTO spine_person (login, name, name_zh) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [login, name, name_zh],
        )


def grant(login: str, entity_id: int, duty: str) -> None:
    """Let a person see an entity in a duty. Again changes nothing. Refuses an unknown person."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM spine_person WHERE login = %s", [login])
        if cursor.fetchone()[0] == 0:
            raise Refused(Refusal("person_unknown", f"person/{login}"))
        cursor.execute(
            "INSERT INTO spine_access (person_id, entity_id, duty) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [login, entity_id, duty],
        )
