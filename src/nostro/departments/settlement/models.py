"""Tables of settlement. 交收表"""

from django.db import models
from django.db.models import Q

from nostro.spine.models import Entity


class Instruction(models.Model):
    """One instruction to a CSD or custodian. Its statuses are axes beside each other, never one mashed word. 交收指令"""

    pk = models.CompositePrimaryKey("entity_id", "id")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    id = models.BigIntegerField()  # the event that created it
    reference = models.CharField(max_length=16)
    source = models.CharField(max_length=40)  # "trade/4711" or "net/812"
    direction = models.CharField(max_length=7)
    instrument_id = models.IntegerField()
    quantity = models.BigIntegerField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    trade_date = models.DateField()
    settle_date = models.DateField()
    mic = models.CharField(max_length=4)
    account = models.CharField(max_length=35)  # our securities account at the place
    cash_account = models.CharField(max_length=35)  # our cash account that serves the place in this currency
    counterparty_bic = models.CharField(max_length=11)
    place_bic = models.CharField(max_length=11)
    message = models.BigIntegerField(null=True)  # as it went out; null while held back
    processing = models.CharField(max_length=10)
    matching = models.CharField(max_length=10)
    settlement = models.CharField(max_length=10)
    reason = models.CharField(max_length=4, null=True)  # the ISO reason code the CSD gave for its trouble
    trouble = models.CharField(max_length=40, null=True)  # what our queue calls what is wrong; null while nothing is
    matched_at = models.DateTimeField(null=True)
    settled_date = models.DateField(null=True)
    failed_date = models.DateField(null=True)  # the last business day at whose end it was due and not settled
    business_date = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="instruction_reference_once", fields=["entity", "reference"]),
            # What was rejected or cancelled may be instructed anew; never may one obligation be delivered twice.
            models.UniqueConstraint(
                name="instruction_once_per_source",
                fields=["entity", "source"],
                condition=~Q(processing__in=["rejected", "cancelled"]),
            ),
            models.CheckConstraint(
                name="instruction_direction_known", condition=Q(direction__in=["receive", "deliver"])
            ),
            models.CheckConstraint(
                name="instruction_processing_known",
                condition=Q(processing__in=["created", "sent", "accepted", "rejected", "cancelled"]),
            ),
            models.CheckConstraint(
                name="instruction_matching_known", condition=Q(matching__in=["none", "matched", "unmatched"])
            ),
            models.CheckConstraint(
                name="instruction_settlement_known", condition=Q(settlement__in=["pending", "failing", "settled"])
            ),
            models.CheckConstraint(
                name="instruction_settled_is_matched_and_dated",
                condition=~Q(settlement="settled") | (Q(matching="matched") & Q(settled_date__isnull=False)),
            ),
            models.CheckConstraint(name="instruction_positive", condition=Q(quantity__gte=0) & Q(amount_minor__gte=0)),
        ]
