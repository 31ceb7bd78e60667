"""Seeded vulnerabilities after published faults, each with a twin that does the same safely.

None of the passwords opens anything.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Seed:
    """A vulnerable file that a change adds, and a harmless one as like it as can be."""

    name: str
    after: str
    """Which published fault it is made after."""
    bad: str
    good: str
    path: str = "app/views.py"


INJECTION = (
    Seed(
        "percent into a cursor",
        "CWE-89; the example of OWASP's cheat sheet on query parameters",
        """\
from django.db import connection
from django.http import JsonResponse


def orders(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM orders WHERE customer = '%s'" % request.GET["customer"])
        return JsonResponse({"ids": [row[0] for row in cursor.fetchall()]})
""",
        """\
from django.db import connection
from django.http import JsonResponse


def orders(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM orders WHERE customer = %s", [request.GET["customer"]])
        return JsonResponse({"ids": [row[0] for row in cursor.fetchall()]})
""",
    ),
    Seed(
        "text() in FastAPI",
        "CVE-2019-7164 (SQLAlchemy takes text in order_by) and many applications with text(f'')",
        """\
from fastapi import APIRouter, Depends
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import get_session

router = APIRouter()


@router.get("/users/{user_id}")
def read_user(user_id: str, session: Session = Depends(get_session)):
    statement = text(f"SELECT * FROM users WHERE id = {user_id}")
    return session.execute(statement).mappings().first()
""",
        """\
from fastapi import APIRouter, Depends
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import get_session

router = APIRouter()


@router.get("/users/{user_id}")
def read_user(user_id: str, session: Session = Depends(get_session)):
    statement = text("SELECT * FROM users WHERE id = :user_id")
    return session.execute(statement, {"user_id": user_id}).mappings().first()
""",
    ),
    Seed(
        "sqlite3 behind a Flask form",
        "CWE-89; the login that every course on SQL injection begins with",
        """\
import sqlite3

from flask import Flask, request

app = Flask(__name__)


@app.post("/login")
def login():
    db = sqlite3.connect("shop.db")
    name = request.form["name"]
    password = request.form["password"]
    row = db.execute(
        "SELECT id FROM user WHERE name = '" + name + "' AND password = '" + password + "'"
    ).fetchone()
    return {"ok": row is not None}
""",
        """\
import sqlite3

from flask import Flask, request

app = Flask(__name__)


@app.post("/login")
def login():
    db = sqlite3.connect("shop.db")
    name = request.form["name"]
    password = request.form["password"]
    row = db.execute(
        "SELECT id FROM user WHERE name = ? AND password = ?", (name, password)
    ).fetchone()
    return {"ok": row is not None}
""",
    ),
    Seed(
        "os.system",
        "CWE-78; the page that pings",
        """\
import os

from django.http import HttpResponse


def ping(request):
    code = os.system("ping -c 1 " + request.GET["host"])
    return HttpResponse(str(code))
""",
        """\
import subprocess

from django.http import HttpResponse


def ping(request):
    done = subprocess.run(["ping", "-c", "1", "--", request.GET["host"]], check=False)
    return HttpResponse(str(done.returncode))
""",
    ),
    Seed(
        "eval of an expression",
        "CWE-95; CVE-2023-39662 and kin",
        """\
from flask import Flask, request

app = Flask(__name__)


@app.get("/calc")
def calc():
    return {"result": eval(request.args["expression"])}
""",
        """\
import ast

from flask import Flask, request

app = Flask(__name__)


@app.get("/calc")
def calc():
    return {"result": ast.literal_eval(request.args["expression"])}
""",
    ),
    Seed(
        "yaml.load of an upload",
        "CVE-2017-18342 (PyYAML's load makes objects)",
        """\
import yaml
from fastapi import FastAPI, UploadFile

app = FastAPI()


@app.post("/import")
async def import_(file: UploadFile):
    rows = yaml.load(await file.read())
    return {"rows": len(rows)}
""",
        """\
import yaml
from fastapi import FastAPI, UploadFile

app = FastAPI()


@app.post("/import")
async def import_(file: UploadFile):
    rows = yaml.safe_load(await file.read())
    return {"rows": len(rows)}
""",
    ),
    Seed(
        "marshal of a body",
        "CWE-502; the documentation of marshal warns of it",
        """\
import marshal

from fastapi import FastAPI, Request

app = FastAPI()


@app.post("/events")
async def events(request: Request):
    body = await request.body()
    return {"kind": marshal.loads(body)["kind"]}
""",
        """\
import json

from fastapi import FastAPI, Request

app = FastAPI()


@app.post("/events")
async def events(request: Request):
    body = await request.body()
    return {"kind": json.loads(body)["kind"]}
""",
    ),
    Seed(
        "open() below a folder",
        "CVE-2021-45452 and kin (Django's storages)",
        """\
import os

from django.conf import settings
from django.http import HttpResponse


def page(request):
    name = request.GET["page"]
    with open(os.path.join(settings.PAGES, name + ".html")) as file:
        return HttpResponse(file.read())
""",
        """\
from django.conf import settings
from django.http import HttpResponse
from django.utils._os import safe_join


def page(request):
    name = request.GET["page"]
    with open(safe_join(settings.PAGES, name + ".html")) as file:
        return HttpResponse(file.read())
""",
    ),
    Seed(
        "an upload under its own name, FastAPI",
        "CVE-2024-28188 and kin (uploads written by the name that the client gives)",
        """\
import shutil

from fastapi import FastAPI, UploadFile

app = FastAPI()


@app.post("/upload")
def upload(file: UploadFile):
    with open(f"/srv/uploads/{file.filename}", "wb") as target:
        shutil.copyfileobj(file.file, target)
    return {"name": file.filename}
""",
        """\
import shutil
from uuid import uuid4

from fastapi import FastAPI, UploadFile

app = FastAPI()


@app.post("/upload")
def upload(file: UploadFile):
    with open(f"/srv/uploads/{uuid4()}", "wb") as target:
        shutil.copyfileobj(file.file, target)
    return {"name": file.filename}
""",
    ),
    Seed(
        "an argument of the URL, Django",
        "CVE-2024-39330 and kin",
        """\
import os

from django.conf import settings
from django.http import FileResponse


def download(request, filename):
    path = os.path.join(settings.MEDIA_ROOT, "exports", filename)
    return FileResponse(open(path, "rb"))
""",
        """\
import os

from django.conf import settings
from django.http import FileResponse


def download(request, filename):
    path = os.path.join(settings.MEDIA_ROOT, "exports", os.path.basename(filename))
    return FileResponse(open(path, "rb"))
""",
    ),
)
HARD_CODED_SECRETS = (
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
