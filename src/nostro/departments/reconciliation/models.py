"""Tables of reconciliation. 对账表"""

from django.db import models
from django.db.models import Q

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
    sequence = models.BigIntegerField()
    day = models.DateField()
    opening_minor = models.BigIntegerField(null=True)
    closing_minor = models.BigIntegerField(null=True)
    message = models.BigIntegerField()
    business_date = models.DateField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="statement_kind_known", condition=Q(kind__in=["holdings", "cash"])),
            models.UniqueConstraint(name="statement_once", fields=["entity", "kind", "account", "currency", "statement"]),
        ]


class Line(models.Model):
    """One line of a statement or of the ledger, and how it was matched. 对账行"""

    pk = models.CompositePrimaryKey("entity_id", "statement", "number")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    statement = models.BigIntegerField()
    number = models.IntegerField()
    item = models.CharField(max_length=40)  # ISIN, or the reference of a cash entry
    theirs_minor = models.BigIntegerField(null=True)  # null: only we have it
    ours_minor = models.BigIntegerField(null=True)  # null: only they have it
    outcome = models.CharField(max_length=10)

    class Meta:
        constraints = [
            models.CheckConstraint(name="line_outcome_known", condition=Q(outcome__in=["matched", "break"])),
            models.CheckConstraint(
                name="line_matched_is_equal",
                condition=~Q(outcome="matched") | Q(theirs_minor=models.F("ours_minor")),
            ),
        ]
