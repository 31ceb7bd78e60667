"""Paths that come from outside, after published faults."""

from __future__ import annotations

from tests.unit.policy.seeded.seed import Seed

SEEDS = (
    Seed(
        "send_file",
        "CWE-22; the first example of every course on it",
        """\
import os

from flask import Flask, request, send_file

app = Flask(__name__)
REPORTS = "/srv/reports"


@app.get("/report")
def report():
    return send_file(os.path.join(REPORTS, request.args["name"]))
""",
        """\
from flask import Flask, request, send_from_directory

app = Flask(__name__)
REPORTS = "/srv/reports"


@app.get("/report")
def report():
    return send_from_directory(REPORTS, request.args["name"])
""",
    ),
    Seed(
        "FileResponse",
        "CVE-2023-29159 (Starlette's static files) and kin",
        """\
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse

app = FastAPI()
ROOT = Path("/srv/files")


@app.get("/files/{name:path}")
def read(name: str):
    return FileResponse(ROOT / name)
""",
        """\
from pathlib import Path

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse

app = FastAPI()
ROOT = Path("/srv/files")


@app.get("/files/{name:path}")
def read(name: str):
    wanted = (ROOT / name).resolve()
    if not wanted.is_relative_to(ROOT):
        raise HTTPException(404)
    return FileResponse(wanted)
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
        "extractall of an upload",
        "CVE-2007-4559 (tarfile)",
        """\
import tarfile

from django.http import HttpResponse


def install(request):
    upload = request.FILES["theme"]
    with tarfile.open(fileobj=upload) as archive:
        archive.extractall("/srv/themes")
    return HttpResponse(status=204)
""",
        """\
import tarfile

from django.http import HttpResponse


def install(request):
    upload = request.FILES["theme"]
    with tarfile.open(fileobj=upload) as archive:
        archive.extractall("/srv/themes", filter="data")
    return HttpResponse(status=204)
""",
    ),
    Seed(
        "the names in an archive",
        "Zip Slip (Snyk 2018)",
        """\
import os
import zipfile


def unpack(upload, target):
    with zipfile.ZipFile(upload) as archive:
        for name in archive.namelist():
            with open(os.path.join(target, name), "wb") as file:
                file.write(archive.read(name))
""",
        """\
import os
import zipfile


def unpack(upload, target):
    with zipfile.ZipFile(upload) as archive:
        for name in archive.namelist():
            with open(os.path.join(target, os.path.basename(name)), "wb") as file:
                file.write(archive.read(name))
""",
        path="app/archives.py",
    ),
    Seed(
        "an upload under its own name, Flask",
        "CWE-22; why Werkzeug has secure_filename",
        """\
import os

from flask import Flask, request

app = Flask(__name__)


@app.post("/upload")
def upload():
    file = request.files["file"]
    file.save(os.path.join(app.config["UPLOADS"], file.filename))
    return "", 201
""",
        """\
import os

from flask import Flask, request
from werkzeug.utils import secure_filename

app = Flask(__name__)


@app.post("/upload")
def upload():
    file = request.files["file"]
    file.save(os.path.join(app.config["UPLOADS"], secure_filename(file.filename)))
    return "", 201
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
        "what is deleted",
        "CWE-22; CVE-2024-3573 and kin (deleting outside of the folder)",
        """\
import shutil
from pathlib import Path

from django.http import HttpResponse

WORK = Path("/srv/work")


def discard(request):
    project = request.POST.get("project")
    shutil.rmtree(WORK / project)
    return HttpResponse(status=204)
""",
        """\
import shutil
from pathlib import Path

from django.http import HttpResponse

WORK = Path("/srv/work")


def discard(request):
    project = int(request.POST.get("project"))
    shutil.rmtree(WORK / str(project))
    return HttpResponse(status=204)
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
