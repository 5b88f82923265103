"""Rights and the entity wall."""

from django.db import migrations

from nostro.spine.tables import walled


class Migration(migrations.Migration):
    dependencies = [("settlement", "0001_instructions"), ("spine", "0002_rights_and_walls")]
    operations = [*walled("settlement_instruction")]
