"""Passwords and keys in code, after published faults. None of them opens anything."""

from __future__ import annotations

from tests.unit.policy.seeded.seed import Seed

SEEDS = (
    Seed(
        "the password of a database in settings",
        "CWE-798; the finding that secret scanners report most",
        """\
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "shop",
        "USER": "shop",
        "PASSWORD": "Vk8-prod-Ze!44",
        "HOST": "db.internal",
    }
}
""",
        """\
import os

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "shop",
        "USER": "shop",
        "PASSWORD": os.environ["DB_PASSWORD"],
        "HOST": "db.internal",
    }
}
""",
        path="config/settings/production.py",
    ),
    Seed(
        "the key that tokens are signed with",
        "CVE-2023-27524 (Superset) and CVE-2024-21583: known signing keys",
        """\
import jwt

JWT_SECRET = "s1gn-All-the-T0kens-2024"


def issue(user_id):
    return jwt.encode({"sub": user_id}, JWT_SECRET, algorithm="HS256")
""",
        """\
import os

import jwt

JWT_SECRET = os.environ["JWT_SECRET"]


def issue(user_id):
    return jwt.encode({"sub": user_id}, JWT_SECRET, algorithm="HS256")
""",
        path="app/tokens.py",
    ),
    Seed(
        "handed to a client",
        "CWE-798",
        """\
import httpx


def sync():
    return httpx.get("https://erp.example/api", auth=("svc-shop", "Gh7!kd02-Lq"))
""",
        """\
import httpx
from django.conf import settings


def sync():
    return httpx.get("https://erp.example/api", auth=(settings.ERP_USER, settings.ERP_PASSWORD))
""",
        path="app/erp.py",
    ),
    Seed(
        "given by keyword",
        "CWE-798; credentials of clouds in calls of their clients",
        """\
import boto3


def bucket():
    return boto3.resource(
        "s3", aws_access_key_id="shop", aws_secret_access_key="q8Rk/2Vx0pLmZ41tYw7c"
    ).Bucket("shop")
""",
        """\
import boto3
from django.conf import settings


def bucket():
    return boto3.resource(
        "s3",
        aws_access_key_id=settings.S3_KEY_ID,
        aws_secret_access_key=settings.S3_SECRET,
    ).Bucket("shop")
""",
        path="app/storage.py",
    ),
    Seed(
        "the default of an argument",
        "CWE-1392: default credentials",
        """\
import psycopg2


def connect(host="db.internal", password="Tr0ub4dor&3-live"):
    return psycopg2.connect(host=host, user="app", password=password)
""",
        """\
import psycopg2


def connect(host="db.internal", password=None):
    return psycopg2.connect(host=host, user="app", password=password)
""",
        path="app/db.py",
    ),
    Seed(
        "a password that always opens",
        "CWE-798: a back door, as in CVE-2022-1162 (GitLab: a set password for OmniAuth users)",
        """\
from django.contrib.auth import authenticate


def check(name, password):
    if password == "0pen-Sesame!77":
        return True
    return authenticate(username=name, password=password) is not None
""",
        """\
from django.contrib.auth import authenticate


def check(name, password):
    if password == "":
        return False
    return authenticate(username=name, password=password) is not None
""",
        path="app/login.py",
    ),
    Seed(
        "the key of a Flask application",
        "CVE-2020-17526 and CVE-2021-45229 (Airflow): the same SECRET_KEY everywhere",
        """\
from flask import Flask

app = Flask(__name__)
app.config["SECRET_KEY"] = "kJ3x-99aa-temporary-Key-2"
""",
        """\
import os

from flask import Flask

app = Flask(__name__)
app.config["SECRET_KEY"] = os.environ["SECRET_KEY"]
""",
        path="app/__init__.py",
    ),
    Seed(
        "in case the environment has none",
        "CWE-798; a fall-back that ends in production",
        """\
import os

API_TOKEN = os.environ.get("API_TOKEN", "tok-7c9e6679f4b54e1ba9")
""",
        """\
import os

API_TOKEN = os.environ.get("API_TOKEN", "")
""",
        path="app/conf.py",
    ),
    Seed(
        "in an address",
        "CWE-798; connection strings",
        """\
from sqlalchemy import create_engine

engine = create_engine("postgresql://app:Zk4x9Qm-71@db.shop.example/app")
""",
        """\
import os

from sqlalchemy import create_engine

engine = create_engine(f"postgresql://app:{os.environ['DB_PASSWORD']}@db.shop.example/app")
""",
        path="app/db.py",
    ),
)
