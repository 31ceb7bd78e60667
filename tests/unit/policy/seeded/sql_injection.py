"""Values in the text of SQL, after published faults of applications and of frameworks."""

from __future__ import annotations

from tests.unit.policy.seeded.seed import Seed

SEEDS = (
    Seed(
        "raw() with an f-string",
        "CWE-89 in Django views; Django's documentation warns of it at Manager.raw()",
        """\
from django.contrib.auth.models import User
from django.shortcuts import render


def search(request):
    name = request.GET.get("name", "")
    users = User.objects.raw(f"SELECT * FROM auth_user WHERE username = '{name}'")
    return render(request, "users.html", {"users": users})
""",
        """\
from django.contrib.auth.models import User
from django.shortcuts import render


def search(request):
    name = request.GET.get("name", "")
    users = User.objects.raw("SELECT * FROM auth_user WHERE username = %s", [name])
    return render(request, "users.html", {"users": users})
""",
    ),
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
        "extra(where=)",
        "Django ticket 13771 and kin: QuerySet.extra() takes text as it is",
        """\
from django.views.generic import ListView

from app.models import Product


class Products(ListView):
    def get_queryset(self):
        brand = self.request.GET.get("brand")
        found = Product.objects.all()
        if brand:
            found = found.extra(where=["brand = '" + brand + "'"])
        return found
""",
        """\
from django.views.generic import ListView

from app.models import Product


class Products(ListView):
    def get_queryset(self):
        brand = self.request.GET.get("brand")
        found = Product.objects.all()
        if brand:
            found = found.extra(where=["brand = %s"], params=[brand])
        return found
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
        "order by what the query string says",
        "CVE-2021-35042 (Django: unsanitised input in order_by)",
        """\
from django.db import connection


def report(request):
    column = request.GET.get("sort", "created")
    query = "SELECT id, total FROM invoices ORDER BY " + column
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()
""",
        """\
from django.db import connection

COLUMNS = {"created": "created", "total": "total"}


def report(request):
    column = COLUMNS.get(request.GET.get("sort"), "created")
    query = "SELECT id, total FROM invoices ORDER BY " + column
    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()
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
        "format with a table of our own and a number of theirs",
        "CWE-89 through str.format",
        """\
from flask import Blueprint, request

from app.db import engine

bp = Blueprint("items", __name__)
TABLE = "items"


@bp.route("/items/delete", methods=["POST"])
def delete():
    ident = request.args.get("id")
    query = "DELETE FROM {} WHERE id = {}".format(TABLE, ident)
    with engine.begin() as connection:
        connection.exec_driver_sql(query)
    return "", 204
""",
        """\
from flask import Blueprint, request

from app.db import engine

bp = Blueprint("items", __name__)
TABLE = "items"


@bp.route("/items/delete", methods=["POST"])
def delete():
    ident = request.args.get("id")
    query = "DELETE FROM {} WHERE id = %s".format(TABLE)
    with engine.begin() as connection:
        connection.exec_driver_sql(query, (ident,))
    return "", 204
""",
    ),
    Seed(
        "in a function that is given the value",
        "CWE-89 in data access layers, such as CVE-2020-25638 and kin",
        """\
import psycopg2


class Accounts:
    def __init__(self, dsn):
        self.connection = psycopg2.connect(dsn)

    def by_email(self, email):
        cursor = self.connection.cursor()
        cursor.execute("SELECT id FROM accounts WHERE email = '%s'" % email)
        return cursor.fetchone()
""",
        """\
import psycopg2


class Accounts:
    def __init__(self, dsn):
        self.connection = psycopg2.connect(dsn)

    def by_email(self, email):
        cursor = self.connection.cursor()
        cursor.execute("SELECT id FROM accounts WHERE email = %s", (email,))
        return cursor.fetchone()
""",
        path="app/accounts.py",
    ),
    Seed(
        "a list of ids joined",
        "CWE-89 in IN (...) lists",
        """\
from django.db import connection
from django.http import HttpResponse


def archive(request):
    ids = request.POST.getlist("ids")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders SET archived = 1 WHERE id IN (%s)" % ",".join(ids))
    return HttpResponse(status=204)
""",
        """\
from django.db import connection
from django.http import HttpResponse


def archive(request):
    ids = request.POST.getlist("ids")
    marks = ",".join(["%s"] * len(ids))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders SET archived = 1 WHERE id IN (%s)" % marks, ids)
    return HttpResponse(status=204)
""",
    ),
    Seed(
        "asyncpg",
        "CWE-89 in asynchronous drivers",
        """\
from fastapi import FastAPI, Request

app = FastAPI()


@app.get("/items")
async def items(request: Request, owner: str):
    async with request.app.state.pool.acquire() as conn:
        rows = await conn.fetch(f"SELECT * FROM items WHERE owner = '{owner}'")
    return [dict(row) for row in rows]
""",
        """\
from fastapi import FastAPI, Request

app = FastAPI()


@app.get("/items")
async def items(request: Request, owner: str):
    async with request.app.state.pool.acquire() as conn:
        rows = await conn.fetch("SELECT * FROM items WHERE owner = $1", owner)
    return [dict(row) for row in rows]
""",
    ),
)
