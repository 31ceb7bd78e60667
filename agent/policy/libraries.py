"""Libraries by their names: top-level modules, and the systems for background tasks."""

from __future__ import annotations

import sys

#: Modules and classes, by the system as `background_tasks` calls it; "" has those that it cannot
#: name.
TASK_SYSTEMS: dict[str, tuple[str, ...]] = {
    "celery": (
        "celery", "celery_once", "celery_singleton", "django_celery_beat", "django_celery_results",
        "flask_celery",
    ),
    "background-tasks": (
        "fastapi.BackgroundTasks", "fastapi.background", "starlette.background",
    ),
    "rq": ("rq", "django_rq", "rq_scheduler", "flask_rq2"),
    "dramatiq": ("dramatiq", "django_dramatiq", "dramatiq_crontab", "flask_dramatiq"),
    "": (
        "huey", "arq", "taskiq", "taskiq_redis", "taskiq_fastapi", "saq", "procrastinate",
        "django_q", "background_task", "django.tasks", "django_tasks", "apscheduler",
        "django_apscheduler", "flask_apscheduler",
    ),
}  # fmt: skip
#: A folder `requests/` with tests in it does not make `import requests` mean the repository's own.
KNOWN = frozenset(sys.stdlib_module_names) | {
    "aiofiles", "aiohttp", "anyio", "arq", "asgiref", "asyncpg", "bs4", "boto3", "botocore",
    "celery", "cryptography", "django", "django_filters", "django_rq", "dramatiq", "factory",
    "fastapi", "flask", "httpcore", "httpx", "huey", "jinja2", "jwt", "lxml", "markupsafe", "motor",
    "mypy", "mysql", "numpy", "pandas", "paramiko", "psycopg", "psycopg2", "pydantic", "pymongo",
    "pymysql", "pytest", "redis", "requests", "rest_framework", "rq", "sqlalchemy", "sqlmodel",
    "starlette", "structlog", "tornado", "trio", "twisted", "typing_extensions", "urllib3",
    "uvicorn", "werkzeug", "yaml",
}  # fmt: skip
