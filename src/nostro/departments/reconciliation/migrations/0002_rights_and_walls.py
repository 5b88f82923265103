"""Rights and the entity wall."""

from django.db import migrations

from nostro.spine.tables import append_only


class Migration(migrations.Migration):
    dependencies = [("reconciliation", "0001_statements_and_lines"), ("spine", "0002_rights_and_walls")]
    operations = [*append_only("reconciliation_statement", "reconciliation_run", "reconciliation_line")]
