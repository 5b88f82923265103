"""Django's settings. The database is set by `spine.database.use`, once it is known which server runs."""

SECRET_KEY = "unused: there are no sessions or signed cookies on the command line"
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "中文")]
DATABASES: dict[str, dict[str, object]] = {}
INSTALLED_APPS = [
    "nostro.spine",
    "nostro.ledger",
    "nostro.reference",
    "nostro.departments.trades",
    "nostro.departments.clearing",
    "nostro.departments.settlement",
    "nostro.departments.accounting",
    "nostro.departments.reconciliation",
    "nostro.departments.operations",
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
