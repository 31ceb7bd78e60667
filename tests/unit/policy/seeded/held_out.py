"""Seeds that were written before the rules and not looked at while these were made.

What is caught of them says more about changes to come than all the others do. Whoever tunes a rule
on one of them moves it to its class and writes another one.
"""

from __future__ import annotations

from tests.unit.policy.seeded.seed import Seed

SQL_INJECTION = (
    Seed(
        "RawSQL in an annotation",
        "CVE-2022-28346 and kin (Django: annotate() and what goes into it)",
        """\
from django.db.models.expressions import RawSQL
from django.shortcuts import render

from shop.models import Product


def ranking(request):
    weight = request.GET.get("weight", "1")
    products = Product.objects.annotate(rank=RawSQL(f"sales * {weight}", ()))
    return render(request, "ranking.html", {"products": products.order_by("-rank")})
""",
        """\
from django.db.models.expressions import RawSQL
from django.shortcuts import render

from shop.models import Product


def ranking(request):
    weight = request.GET.get("weight", "1")
    products = Product.objects.annotate(rank=RawSQL("sales * %s", (weight,)))
    return render(request, "ranking.html", {"products": products.order_by("-rank")})
""",
    ),
    Seed(
        "conditions that add up",
        "CWE-89; search forms with optional fields",
        """\
from flask import Blueprint, g, request

bp = Blueprint("search", __name__)


@bp.route("/search")
def search():
    sql = "SELECT * FROM articles WHERE published = 1"
    if author := request.args.get("author"):
        sql += f" AND author = '{author}'"
    cur = g.db.cursor()
    cur.execute(sql)
    return {"rows": cur.fetchall()}
""",
        """\
from flask import Blueprint, g, request

bp = Blueprint("search", __name__)


@bp.route("/search")
def search():
    sql = "SELECT * FROM articles WHERE published = 1"
    values = []
    if author := request.args.get("author"):
        sql += " AND author = %s"
        values.append(author)
    cur = g.db.cursor()
    cur.execute(sql, values)
    return {"rows": cur.fetchall()}
""",
    ),
)
HARD_CODED_SECRETS = (
    Seed(
        "in a class of settings",
        "CWE-798; pydantic settings with a default",
        """\
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    database_host: str = "db"
    database_password: str = "bZ7-winter-Qx20"
    debug: bool = False
""",
        """\
from pydantic import SecretStr
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    database_host: str = "db"
    database_password: SecretStr
    debug: bool = False
""",
        path="app/settings.py",
    ),
    Seed(
        "in a header",
        "CWE-798",
        """\
import requests


def notify(message):
    headers = {"X-Api-Key": "prod-83hf92kd01mz", "Accept": "application/json"}
    return requests.post("https://notify.example/v1", json={"text": message}, headers=headers)
""",
        """\
import os

import requests


def notify(message):
    headers = {"X-Api-Key": os.environ["NOTIFY_KEY"], "Accept": "application/json"}
    return requests.post("https://notify.example/v1", json={"text": message}, headers=headers)
""",
        path="app/notify.py",
    ),
)
DESERIALISATION = (
    Seed(
        "an Unpickler by hand",
        "CWE-502; messages between workers, as in CVE-2024-34072 (sagemaker: NumPy and pickle)",
        """\
import io
from pickle import Unpickler

from flask import request

from app import app


@app.route("/jobs", methods=["PUT"])
def put_job():
    job = Unpickler(io.BytesIO(request.data)).load()
    job.enqueue()
    return "", 202
""",
        """\
from flask import request

from app import app
from app.jobs import Job


@app.route("/jobs", methods=["PUT"])
def put_job():
    job = Job.model_validate_json(request.data)
    job.enqueue()
    return "", 202
""",
    ),
    Seed(
        "an array with objects",
        "CVE-2019-6446 (NumPy: allow_pickle)",
        """\
import numpy as np
from django.http import JsonResponse


def histogram(request):
    values = np.load(request.FILES["values"], allow_pickle=True)
    return JsonResponse({"counts": np.histogram(values)[0].tolist()})
""",
        """\
import numpy as np
from django.http import JsonResponse


def histogram(request):
    values = np.load(request.FILES["values"], allow_pickle=False)
    return JsonResponse({"counts": np.histogram(values)[0].tolist()})
""",
    ),
)
PATH_TRAVERSAL = (
    Seed(
        "read_text of a template",
        "CVE-2023-49083 and kin; CWE-22 with pathlib",
        """\
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter()
TEMPLATES = Path(__file__).parent / "templates"


@router.get("/help/{topic}", response_class=HTMLResponse)
async def help_page(topic: str) -> str:
    page = TEMPLATES.joinpath(f"{topic}.html")
    return page.read_text()
""",
        """\
from pathlib import Path

from fastapi import APIRouter, HTTPException
from fastapi.responses import HTMLResponse

router = APIRouter()
TEMPLATES = Path(__file__).parent / "templates"
TOPICS = {"orders", "returns", "account"}


@router.get("/help/{topic}", response_class=HTMLResponse)
async def help_page(topic: str) -> str:
    if topic not in TOPICS:
        raise HTTPException(404)
    page = TEMPLATES.joinpath(f"{topic}.html")
    return page.read_text()
""",
    ),
    Seed(
        "the folder is theirs",
        "CWE-22: send_from_directory is no help where the folder comes from outside",
        """\
from flask import Flask, request, send_from_directory

app = Flask(__name__)


@app.route("/exports")
def exports():
    tenant = request.headers["X-Tenant"]
    return send_from_directory("/srv/exports/" + tenant, "latest.csv")
""",
        """\
from flask import Flask, request, send_from_directory

app = Flask(__name__)


@app.route("/exports")
def exports():
    tenant = request.headers["X-Tenant"]
    return send_from_directory("/srv/exports", f"{tenant}.csv")
""",
    ),
)
COMMAND_INJECTION = (
    Seed(
        "arguments of the command line",
        "CWE-78",
        """\
import subprocess
import sys


def main():
    branch = sys.argv[1]
    line = "git log --oneline " + branch
    print(subprocess.getoutput(line))
""",
        """\
import subprocess
import sys


def main():
    branch = sys.argv[1]
    line = ["git", "log", "--oneline", branch, "--"]
    print(subprocess.run(line, capture_output=True, text=True, check=True).stdout)
""",
        path="app/__main__.py",
    ),
    Seed(
        "a formula of a report",
        "CVE-2022-42919 and kin; CWE-95 in query builders, as CVE-2024-9880 (pandas eval)",
        """\
from django.http import JsonResponse
from django.views.decorators.http import require_POST

from reports.models import Row


@require_POST
def compute(request):
    formula = compile(request.POST["formula"], "<formula>", "eval")
    rows = [eval(formula, {}, row.values()) for row in Row.objects.all()]
    return JsonResponse({"rows": rows})
""",
        """\
from django.http import JsonResponse
from django.views.decorators.http import require_POST

from reports.formulas import Formula
from reports.models import Row


@require_POST
def compute(request):
    formula = Formula.parse(request.POST["formula"])
    rows = [formula.value(row.values()) for row in Row.objects.all()]
    return JsonResponse({"rows": rows})
""",
    ),
)
