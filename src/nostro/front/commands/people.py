"""`nostro people`: who works here, and what they may see and do. 人员与权限"""

import click
from django.db import connection, transaction

from nostro.front.commands.exceptions import ENTITY
from nostro.front.output import Voice
from nostro.front.session import opened
from nostro.spine import access, entities


@click.group()
def people() -> None:
    """Who works here, and what they may see and do. 人员与权限"""


@people.command("add")
@click.argument("login")
@click.option("--name", required=True, help="In English.")
@click.option("--name-zh", required=True, help="中文姓名。")
@click.pass_obj
def add(voice: Voice, login: str, name: str, name_zh: str) -> None:
    """Add a person and their database role. They see nothing yet: see `nostro people grant`."""
    with opened():
        access.add_person(login, name, name_zh)
        voice.say(f"{login}. Next: nostro people grant {login}", f"{login}。下一步:nostro people grant {login}")
        voice.document({"login": login, "name": name, "name_zh": name_zh})


@people.command("grant")
@click.argument("login")
@ENTITY
@click.option("--duty", required=True, type=click.Choice(access.DUTIES), help="An auditor reads and does nothing.")
@click.pass_obj
def grant(voice: Voice, login: str, entity: str, duty: str) -> None:
    """Let a person see a legal entity, in a duty."""
    with opened(), transaction.atomic():
        one = entities.named(entity)
        access.grant(login, one.id, duty)
        voice.say(f"{login} {one.code} {duty}", f"{login} {one.code} {voice.word(duty)}")
        voice.document({"login": login, "entity": one.code, "duty": duty})


@people.command("list")
@click.pass_obj
def listed(voice: Voice) -> None:
    """Everybody, with the entities and duties they have: for an access review. 权限清单"""
    with opened(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT p.login, p.name, p.name_zh, e.code, a.duty FROM spine_person p"
            " LEFT JOIN spine_access a ON a.person_id = p.login LEFT JOIN spine_entity e ON e.id = a.entity_id"
            " ORDER BY p.login, e.id, a.duty"
        )
        columns = ["login", "name", "name_zh", "entity", "duty"]
        rows = cursor.fetchall()
        voice.table(columns, rows)
        voice.document([dict(zip(columns, row, strict=True)) for row in rows])
