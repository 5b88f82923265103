"""Tables of reconciliation. Rows stay: comparing again is another run, and the latest of a day is the one that counts. 对账表"""

from django.db import models
from django.db.models import F, Q

from nostro.spine.models import Entity


class Statement(models.Model):
    """A statement of an account as its servicer sent it. Its id is its event. 对账单"""

    pk = models.CompositePrimaryKey("entity_id", "id")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    id = models.BigIntegerField()
    kind = models.CharField(max_length=10)
    account = models.CharField(max_length=35)
    currency = models.CharField(max_length=3)  # "" for holdings
    statement = models.CharField(max_length=40)
    sequence = models.BigIntegerField(null=True)  # a bank need not number its statements
    day = models.DateField()
    opening_minor = models.BigIntegerField(null=True)
    closing_minor = models.BigIntegerField(null=True)
    message = models.BigIntegerField()
    business_date = models.DateField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="statement_kind_known", condition=Q(kind__in=["holdings", "cash"])),
            models.UniqueConstraint(
                name="statement_once", fields=["entity", "kind", "account", "currency", "statement"]
            ),
        ]


class Run(models.Model):
    """An account of a day was compared with its statements. Its id is its event. 对账批次"""

    pk = models.CompositePrimaryKey("entity_id", "id")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    id = models.BigIntegerField()
    kind = models.CharField(max_length=10)
    account = models.CharField(max_length=35)
    currency = models.CharField(max_length=3)
    day = models.DateField()
    statement = models.BigIntegerField()  # the latest one compared
    lines = models.IntegerField()
    matched = models.IntegerField()
    breaks = models.IntegerField()
    business_date = models.DateField()

    class Meta:
        indexes = [models.Index(name="run_by_account_and_day", fields=["entity", "kind", "account", "currency", "day"])]
        constraints = [
            models.CheckConstraint(name="run_kind_known", condition=Q(kind__in=["holdings", "cash"])),
            models.CheckConstraint(name="run_counts_reconcile", condition=Q(lines=F("matched") + F("breaks"))),
        ]


class Line(models.Model):
    """One line of a statement, of the ledger, or of both, and how it was matched. 对账行

    Holdings are counted in millionths, since a custodian may know decimals that we do not.
    """

    pk = models.CompositePrimaryKey("entity_id", "run", "number")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    run = models.BigIntegerField()
    number = models.IntegerField()
    statement = models.BigIntegerField(null=True)  # null: only we have it
    entry = models.IntegerField(null=True)  # its place in the statement
    item = models.CharField(max_length=40)  # ISIN, or the reference of a cash entry
    bank_reference = models.CharField(max_length=40, null=True)
    theirs_minor = models.BigIntegerField(null=True)  # null: only we have it
    ours_minor = models.BigIntegerField(null=True)  # null: only they have it
    outcome = models.CharField(max_length=10)
    reason = models.CharField(max_length=40, null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="line_outcome_known",
                condition=Q(outcome="matched", reason__isnull=True) | Q(outcome="break", reason__isnull=False),
            ),
            models.CheckConstraint(
                name="line_matched_is_equal",
                condition=~Q(outcome="matched") | Q(theirs_minor=F("ours_minor")),
            ),
        ]
