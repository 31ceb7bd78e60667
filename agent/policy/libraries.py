"""Top-level names that mean a library, whatever folder of a repository is called the same."""

from __future__ import annotations

import sys

from agent.policy.contract import http_uses, task_systems

#: A folder `requests/` with tests in it does not make `import requests` mean the repository's own.
KNOWN = frozenset(sys.stdlib_module_names) | http_uses.ROOTS | task_systems.ROOTS | {
    "aiofiles", "anyio", "asgiref", "asyncpg", "bs4", "boto3", "botocore", "celery", "cryptography",
    "django", "django_filters", "django_rq", "dramatiq", "factory", "fastapi", "flask", "huey",
    "jinja2", "jwt", "lxml", "markupsafe", "motor", "mypy", "mysql", "numpy", "pandas",
    "paramiko", "psycopg", "psycopg2", "pydantic", "pymongo", "pymysql", "pytest", "redis",
    "rest_framework", "rq",
    "sqlalchemy", "sqlmodel", "starlette", "structlog", "trio", "typing_extensions", "uvicorn",
    "werkzeug", "yaml",
}  # fmt: skip
