"""What every table gets in its migration: rights, the entity wall, and for books of record no way to change a row. 建表规则"""

from django.db.migrations import RunSQL

APPEND_ONLY = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION nostro_append_only();
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION nostro_append_only();
GRANT SELECT, INSERT ON {table} TO nostro_writer;
"""
CHANGING = "GRANT SELECT, INSERT, UPDATE ON {table} TO nostro_writer;"
WALL = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
CREATE POLICY {table}_wall ON {table} FOR SELECT TO nostro_walled
    USING (entity_id = 0 OR entity_id IN (SELECT nostro_entities()));
GRANT SELECT ON {table} TO nostro_walled;
"""
OPEN = "GRANT SELECT ON {table} TO nostro_walled;"


def append_only(*tables: str) -> list[RunSQL]:
    """Rights of books of record: rows go in and stay, refused otherwise by privilege and by trigger, also to the owner."""
    return [RunSQL(APPEND_ONLY.format(table=t) + WALL.format(table=t), RunSQL.noop) for t in tables]


def walled(*tables: str) -> list[RunSQL]:
    """Rights of tables with an entity: desks insert and update; a person sees the rows of their entities. Nobody deletes."""
    return [RunSQL(CHANGING.format(table=t) + WALL.format(table=t), RunSQL.noop) for t in tables]


def shared(*tables: str) -> list[RunSQL]:
    """Rights of tables without an entity (reference data): desks insert and update, everybody reads."""
    return [RunSQL(CHANGING.format(table=t) + OPEN.format(table=t), RunSQL.noop) for t in tables]
