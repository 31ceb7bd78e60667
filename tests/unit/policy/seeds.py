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
)
