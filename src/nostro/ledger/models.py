"""Tables of the ledger. 总账表"""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from nostro.spine.models import Entity


class Asset(models.Model):
    """Something that is counted: a currency, an instrument. The scale is its number of decimals. 资产"""

    id = models.IntegerField(primary_key=True)
    code = models.CharField(max_length=20)  # "EUR", "DE0007164600"
    scale = models.SmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="asset_code_once", fields=["code"]),
            models.CheckConstraint(name="asset_scale_0_to_8", condition=Q(scale__range=(0, 8))),
        ]


class Account(models.Model):
    """Holds one asset of one entity. Its balance is debits - credits, and stays between floor and ceiling. 账户"""

    pk = models.CompositePrimaryKey("entity_id", "id")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    id = models.BigIntegerField()
    code = models.CharField(max_length=120)  # "depot/DEPOT-DE/DE0007164600"
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+", db_index=False)
    floor_minor = models.BigIntegerField(null=True)
    ceiling_minor = models.BigIntegerField(null=True)
    closed_from = models.DateField(null=True)  # no business date from this one on

    class Meta:
        constraints = [
            models.UniqueConstraint(name="account_code_once", fields=["entity", "code"]),
            models.CheckConstraint(
                name="account_floor_below_ceiling",
                condition=Q(floor_minor__isnull=True)
                | Q(ceiling_minor__isnull=True)
                | Q(floor_minor__lte=F("ceiling_minor")),
            ),
        ]


class Transfer(models.Model):
    """One amount of one asset from credit to debit account: balanced by construction. Append-only. 转账

    No foreign keys on the bulk path: posting refuses unknown accounts under lock, and `verify` proves it.
    """

    pk = models.CompositePrimaryKey("entity_id", "id")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    id = models.BigIntegerField()
    debit = models.BigIntegerField()
    credit = models.BigIntegerField()
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    amount_minor = models.BigIntegerField()
    event = models.BigIntegerField()
    business_date = models.DateField()
    link = models.BigIntegerField()  # transfers of one link group are all or none; 0 stands alone

    class Meta:
        indexes = [
            # Finds the days after the last snapshot, and costs posting nothing that can be measured.
            BrinIndex(name="transfer_by_day", fields=["business_date"], pages_per_range=32),
        ]
        constraints = [
            models.CheckConstraint(name="transfer_amount_positive", condition=Q(amount_minor__gt=0)),
            models.CheckConstraint(name="transfer_between_two_accounts", condition=~Q(debit=F("credit"))),
        ]


class Balance(models.Model):
    """Running totals of an account, written in the transaction of its transfers. 余额"""

    pk = models.CompositePrimaryKey("entity_id", "account")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    account = models.BigIntegerField()
    debit_minor = models.BigIntegerField()
    credit_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="balance_totals_not_negative", condition=Q(debit_minor__gte=0) & Q(credit_minor__gte=0)
            )
        ]


class Snapshot(models.Model):
    """Totals of an account over business dates and events up to these, taken at a close. 余额快照"""

    pk = models.CompositePrimaryKey("entity_id", "business_date", "account")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    business_date = models.DateField()
    account = models.BigIntegerField()
    event = models.BigIntegerField()
    debit_minor = models.BigIntegerField()
    credit_minor = models.BigIntegerField()


class ClosedDay(models.Model):
    """A business date on which nothing more is posted. 已关账日"""

    pk = models.CompositePrimaryKey("entity_id", "business_date")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    business_date = models.DateField()
    event = models.BigIntegerField()  # the last event that was known when it closed
