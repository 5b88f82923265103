"""Legal entities. Number 0 is the house: what it holds, everybody may read. 法人主体"""

from dataclasses import dataclass

from django.db import connection

from nostro.kernel.refusals import Refusal, Refused

HOUSE = 0


@dataclass(frozen=True, slots=True)
class Entity:
    """A legal entity as desks need it."""

    id: int
    code: str
    name: str
    name_zh: str
    kind: str
    currency: str
    lei: str
    bic: str


COLUMNS = "id, code, name, name_zh, kind, currency, lei, bic"


def every() -> list[Entity]:
    """All entities by number, the house first."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {COLUMNS} FROM spine_entity ORDER BY id")  # noqa: S608  # our own column list
        return [Entity(*row) for row in cursor.fetchall()]


def firms() -> list[Entity]:
    """All entities but the house."""
    return [entity for entity in every() if entity.id != HOUSE]


def named(code: str) -> Entity:
    """The entity of this code. Refuses an unknown one and names those there are."""
    known = every()
    for entity in known:
        if entity.code == code:
            return entity
    raise Refused(Refusal("entity_unknown", f"entity/{code}", facts={"known": ", ".join(e.code for e in known)}))


def house() -> Entity:
    """The house itself; created with the first call, so that its reference data have a log."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO spine_entity (id, code, name, name_zh, kind, currency, lei, bic)"
            " VALUES (0, 'HOUSE', 'The house', '公共', 'house', 'EUR', '', '') ON CONFLICT DO NOTHING"
        )
    return named("HOUSE")
