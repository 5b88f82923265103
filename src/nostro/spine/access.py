"""Who may see which entity, in which duty. A person is a database role; row-level security does the rest. 人员与权限"""

from django.db import connection


def add_person(login: str, name: str, name_zh: str) -> None:
    """A person and their database role `nostro_p_<login>`. Again changes nothing. The database refuses a malformed login."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nostro_add_person(%s)", [login])
        cursor.execute(
            "INSERT INTO spine_person (login, name, name_zh) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [login, name, name_zh],
        )


def grant(login: str, entity_id: int, duty: str) -> None:
    """Let a person see an entity in a duty. Again changes nothing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO spine_access (person_id, entity_id, duty) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [login, entity_id, duty],
        )
