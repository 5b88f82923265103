"""Rights and the entity wall."""

from django.db import migrations

from nostro.spine.tables import append_only, shared, walled


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_accounts_and_transfers"), ("spine", "0002_rights_and_walls")]
    operations = [
        *append_only("ledger_transfer", "ledger_snapshot", "ledger_closedday"),
        *walled("ledger_account", "ledger_balance"),
        *shared("ledger_asset"),
    ]
