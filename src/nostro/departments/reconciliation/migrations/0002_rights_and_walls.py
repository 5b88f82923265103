"""Rights and the entity wall."""

from django.db import migrations

from nostro.spine.tables import walled


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0001_statements_and_lines"), ("spine", "0002_rights_and_walls")]
    operations = [*walled("reconciliation_statement", "reconciliation_line")]
