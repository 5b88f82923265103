"""Tables of the spine. What must never be true is refused by a named constraint. 基础表"""

from django.db import models
from django.db.models import F, Q

from nostro.spine.access import DUTIES


class Entity(models.Model):
    """A legal entity and its wall; 0 is the house, whose reference data everybody may read. 法人主体"""

    id = models.SmallIntegerField(primary_key=True)
    code = models.CharField(max_length=8)
    name = models.CharField(max_length=80)
    name_zh = models.CharField(max_length=80)
    kind = models.CharField(max_length=10)
    currency = models.CharField(max_length=3)
    lei = models.CharField(max_length=20)
    bic = models.CharField(max_length=11)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="entity_code_once", fields=["code"]),
            models.CheckConstraint(name="entity_code_form", condition=Q(code__regex=r"^[A-Z][A-Z0-9]{1,7}$")),
            models.CheckConstraint(
                name="entity_kind_known", condition=Q(kind__in=["house", "broker", "manager", "insurer"])
            ),
        ]


class Person(models.Model):
    """Somebody who works here. Their database role is `nostro_p_<login>`. 人员"""

    login = models.CharField(max_length=30, primary_key=True)
    name = models.CharField(max_length=80)
    name_zh = models.CharField(max_length=80)

    class Meta:
        constraints = [
            models.CheckConstraint(name="person_login_form", condition=Q(login__regex=r"^[a-z][a-z0-9_]{0,29}$"))
        ]


class Access(models.Model):
    """Which entity a person may see, and in which duty. 权限"""

    pk = models.CompositePrimaryKey("person_id", "entity_id", "duty")
    person = models.ForeignKey(Person, models.PROTECT, related_name="+", db_index=False)
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    duty = models.CharField(max_length=20)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="access_duty_known",
                condition=Q(duty__in=DUTIES),
            )
        ]


class Block(models.Model):
    """One link of an entity's chain: the events of one write, and the hash of them and of the link before. 链块"""

    pk = models.CompositePrimaryKey("entity_id", "number")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    number = models.BigIntegerField()
    first_seq = models.BigIntegerField()
    last_seq = models.BigIntegerField()
    business_date = models.DateField()
    recorded_at = models.DateTimeField()
    leaves = models.BinaryField()  # the digests of its events one after another: they name the event that was changed
    link = models.BinaryField()  # sha256(link before, number, recorded_at, leaves): with wall-clock time
    seal = models.BinaryField()  # sha256(seal before, business_date, leaves): without, the same on every machine

    class Meta:
        constraints = [
            models.CheckConstraint(name="block_number_from_one", condition=Q(number__gte=1)),
            models.CheckConstraint(name="block_holds_events", condition=Q(last_seq__gte=F("first_seq"))),
        ]


class Event(models.Model):
    """Something that happened. Append-only by privilege and trigger; a correction is another event. 事件"""

    pk = models.CompositePrimaryKey("entity_id", "seq")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    seq = models.BigIntegerField()
    business_date = models.DateField()
    recorded_at = models.DateTimeField()
    kind = models.CharField(max_length=60)  # "trades.trade_captured/1": department, fact, version
    subject = models.CharField(max_length=80)  # "trade/4711"
    actor = models.CharField(max_length=40)  # a person's login, or "nostro"
    cause = models.BigIntegerField(null=True)  # the event of the same entity that led to this one
    message = models.BigIntegerField(null=True)  # the message it came from: file << 24 | ordinal
    content = models.TextField()  # the fact's fields as JSON, byte for byte what was hashed
    digest = models.BinaryField()

    class Meta:
        indexes = [
            # `nostro trade show`, `explain`: the life of one subject
            models.Index(name="event_by_subject", fields=["entity", "subject"]),
        ]
        constraints = [
            models.CheckConstraint(name="event_seq_from_one", condition=Q(seq__gte=1)),
            models.CheckConstraint(
                name="event_cause_came_before", condition=Q(cause__isnull=True) | Q(cause__lt=F("seq"))
            ),
        ]


class Reader(models.Model):
    """How far a consumer has read an entity's log. 读取位置"""

    pk = models.CompositePrimaryKey("entity_id", "consumer")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    consumer = models.CharField(max_length=40)
    seq = models.BigIntegerField()

    class Meta:
        constraints = [models.CheckConstraint(name="reader_seq_not_negative", condition=Q(seq__gte=0))]


class MessageFile(models.Model):
    """A file that came in or goes out, whole and unaltered (its bytes in chunks). 报文文件"""

    pk = models.CompositePrimaryKey("entity_id", "id")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    id = models.IntegerField()
    direction = models.CharField(max_length=3)
    kind = models.CharField(max_length=30)  # "executions.fix", "mt548.fin"
    sender = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    business_date = models.DateField()
    recorded_at = models.DateTimeField()
    duplicate_of = models.IntegerField(
        null=True
    )  # the same bytes came before under another name: stored, not read again
    read_by = models.CharField(max_length=40, null=True)  # the step that has read it; null while nobody has

    class Meta:
        constraints = [
            models.UniqueConstraint(name="file_name_once", fields=["entity", "direction", "name"]),
            models.CheckConstraint(name="file_goes_in_or_out", condition=Q(direction__in=["in", "out"])),
            models.CheckConstraint(name="file_id_fits_message_number", condition=Q(id__gte=1)),
            models.CheckConstraint(name="file_sha256_form", condition=Q(sha256__regex=r"^[0-9a-f]{64}$")),
        ]


class MessageChunk(models.Model):
    """A part of a file's bytes. 文件内容"""

    pk = models.CompositePrimaryKey("entity_id", "file", "number")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    file = models.IntegerField()
    number = models.IntegerField()
    content = models.BinaryField()


class MessageItem(models.Model):
    """One message of a file: where it stands, and what became of it. Written with the effects. 报文"""

    pk = models.CompositePrimaryKey("entity_id", "file", "ordinal")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    file = models.IntegerField()
    ordinal = models.IntegerField()
    start = models.BigIntegerField()
    length = models.IntegerField()
    key = models.CharField(max_length=80, null=True)
    outcome = models.CharField(max_length=10)
    reason = models.CharField(max_length=40, null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="item_outcome_known", condition=Q(outcome__in=["done", "duplicate", "refused", "sent"])
            ),
            models.CheckConstraint(
                name="item_refused_says_why", condition=~Q(outcome="refused") | Q(reason__isnull=False)
            ),
        ]


class ExceptionItem(models.Model):
    """What could not go straight through: one row, one queue. Its id is the event that opened it. 异常"""

    pk = models.CompositePrimaryKey("entity_id", "id")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    id = models.BigIntegerField()
    business_date = models.DateField()
    department = models.CharField(max_length=20)
    reason = models.CharField(max_length=40)
    subject = models.CharField(max_length=80)
    place = models.CharField(max_length=160)
    facts = models.TextField()  # JSON object of texts
    owner = models.CharField(max_length=20)  # a duty
    deadline = models.DateTimeField(null=True)
    money_minor = models.BigIntegerField(null=True)  # at risk
    currency = models.CharField(max_length=3, null=True)
    proposal = models.CharField(max_length=30)  # the action we would take
    state = models.CharField(max_length=10)
    assigned_to = models.CharField(max_length=30, null=True)

    class Meta:
        db_table = "spine_exception"
        constraints = [
            models.UniqueConstraint(
                name="exception_once_a_day", fields=["entity", "business_date", "reason", "subject"]
            ),
            models.CheckConstraint(name="exception_state_known", condition=Q(state__in=["open", "waiting", "closed"])),
            models.CheckConstraint(
                name="exception_money_has_currency", condition=Q(money_minor__isnull=True) | Q(currency__isnull=False)
            ),
        ]


class ExceptionAction(models.Model):
    """What was done about an exception, by whom and why. Append-only. 异常处理记录"""

    pk = models.CompositePrimaryKey("entity_id", "exception", "number")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    exception = models.BigIntegerField()
    number = models.IntegerField()
    action = models.CharField(max_length=30)
    actor = models.CharField(max_length=40)
    comment = models.TextField()
    recorded_at = models.DateTimeField()
    event = models.BigIntegerField()


class Proposal(models.Model):
    """One person asks for a change of money, static data, limits or a verdict (经办). Written under that person's own role."""

    pk = models.CompositePrimaryKey("entity_id", "id")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    id = models.BigIntegerField()
    subject = models.CharField(max_length=80)
    action = models.CharField(max_length=30)
    payload = models.TextField()  # JSON object
    reason = models.TextField()
    maker = models.CharField(max_length=30)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="proposal_with_its_maker", fields=["entity", "id", "maker"])]


class Decision(models.Model):
    """A second person's yes or no (复核). The maker stands in it by foreign key, so that it can't be misstated."""

    pk = models.CompositePrimaryKey("entity_id", "proposal")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    proposal = models.BigIntegerField()
    maker = models.CharField(max_length=30)
    checker = models.CharField(max_length=30)
    verdict = models.CharField(max_length=8)
    comment = models.TextField()
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="decision_takes_two_people", condition=~Q(maker=F("checker"))),
            models.CheckConstraint(name="decision_verdict_known", condition=Q(verdict__in=["approved", "refused"])),
        ]


class Hold(models.Model):
    """A later department stops an item without the earlier one knowing it. No row with `lifted_by` null, no hold. 冻结"""

    pk = models.CompositePrimaryKey("entity_id", "id")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    id = models.BigIntegerField()  # the event that placed it
    subject = models.CharField(max_length=80)
    placed_by = models.CharField(max_length=20)  # department
    reason = models.CharField(max_length=40)
    lifted_by = models.BigIntegerField(null=True)  # the event that lifted it

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="hold_once_per_subject_and_department",
                fields=["entity", "subject", "placed_by"],
                condition=Q(lifted_by__isnull=True),
            )
        ]


class Day(models.Model):
    """A business day of an entity, from opening to seal. 营业日"""

    pk = models.CompositePrimaryKey("entity_id", "business_date")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    business_date = models.DateField()
    state = models.CharField(max_length=8)
    seal = models.CharField(max_length=64, null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="day_state_known", condition=Q(state__in=["open", "closed", "sealed"])),
            models.CheckConstraint(name="day_sealed_has_seal", condition=Q(seal__isnull=False) | ~Q(state="sealed")),
        ]


class Step(models.Model):
    """One step of an entity's day: its outcome commits on the same connection as its effects. 步骤"""

    pk = models.CompositePrimaryKey("entity_id", "business_date", "name")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    business_date = models.DateField()
    name = models.CharField(max_length=30)
    seen = models.BigIntegerField()
    done = models.BigIntegerField()
    open = models.BigIntegerField()
    cancelled = models.BigIntegerField()
    refused = models.BigIntegerField()
    finished_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="step_counts_reconcile",
                condition=Q(seen=F("done") + F("open") + F("cancelled") + F("refused")),
            )
        ]


class StepRun(models.Model):
    """An attempt at a step, also one that was killed: then `outcome` stays null. 步骤运行记录"""

    pk = models.CompositePrimaryKey("entity_id", "business_date", "name", "attempt")
    entity = models.ForeignKey(Entity, models.PROTECT, related_name="+", db_index=False)
    business_date = models.DateField()
    name = models.CharField(max_length=30)
    attempt = models.IntegerField()
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=10, null=True)
    detail = models.TextField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="step_run_outcome_known",
                condition=Q(outcome__isnull=True) | Q(outcome__in=["done", "waiting", "failed"]),
            )
        ]
