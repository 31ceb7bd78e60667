"""Values that become commands or code, after published faults."""

from __future__ import annotations

from tests.unit.policy.seeded.seed import Seed

SEEDS = (
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
        "shell=True with an f-string",
        "CWE-78; ImageMagick behind an upload",
        """\
import subprocess

from flask import Flask, request

app = Flask(__name__)


@app.post("/thumb")
def thumb():
    name = request.form["name"]
    subprocess.run(f"convert {name} -resize 100x100 thumb.png", shell=True, check=True)
    return "", 204
""",
        """\
import subprocess

from flask import Flask, request

app = Flask(__name__)


@app.post("/thumb")
def thumb():
    name = request.form["name"]
    subprocess.run(["convert", name, "-resize", "100x100", "thumb.png"], check=True)
    return "", 204
""",
    ),
    Seed(
        "Popen of a text",
        "CVE-2022-24439 and kin (GitPython: addresses to git)",
        """\
import subprocess

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Wish(BaseModel):
    url: str


@app.post("/clone")
def clone(wish: Wish):
    command = "git clone %s /srv/clones" % wish.url
    return {"pid": subprocess.Popen(command, shell=True).pid}
""",
        """\
import subprocess

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()


class Wish(BaseModel):
    url: str


@app.post("/clone")
def clone(wish: Wish):
    command = ["git", "clone", "--", wish.url, "/srv/clones"]
    return {"pid": subprocess.Popen(command).pid}
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
        "exec of a body",
        "CVE-2025-3248 (Langflow: code of a request is executed)",
        """\
from fastapi import FastAPI, Request

app = FastAPI()


@app.post("/hooks")
async def hooks(request: Request):
    payload = await request.json()
    scope = {}
    exec(payload["code"], scope)
    return {"names": sorted(scope)}
""",
        """\
import ast

from fastapi import FastAPI, Request

app = FastAPI()


@app.post("/hooks")
async def hooks(request: Request):
    payload = await request.json()
    tree = ast.parse(payload["code"])
    return {"statements": len(tree.body)}
""",
    ),
    Seed(
        "os.popen",
        "CWE-78",
        """\
import os

from django.views import View
from django.http import HttpResponse


class Whois(View):
    def get(self, request, domain):
        return HttpResponse(os.popen(f"whois {domain}").read())
""",
        """\
import os
import shlex

from django.views import View
from django.http import HttpResponse


class Whois(View):
    def get(self, request, domain):
        return HttpResponse(os.popen(f"whois {shlex.quote(domain)}").read())
""",
    ),
    Seed(
        "built in a function that is given the values",
        "CWE-78; CVE-2021-21251 and kin (tools that call tar)",
        """\
import subprocess


def pack(folder, target):
    command = "tar czf {} {}".format(target, folder)
    return subprocess.check_output(command, shell=True)
""",
        """\
import subprocess


def pack(folder, target):
    command = ["tar", "czf", target, folder]
    return subprocess.check_output(command)
""",
        path="app/packing.py",
    ),
    Seed(
        "a shell of asyncio",
        "CWE-78",
        """\
import asyncio

from fastapi import FastAPI, UploadFile

app = FastAPI()


@app.post("/video")
async def video(file: UploadFile):
    process = await asyncio.create_subprocess_shell(f"ffprobe {file.filename}")
    return {"code": await process.wait()}
""",
        """\
import asyncio

from fastapi import FastAPI, UploadFile

app = FastAPI()


@app.post("/video")
async def video(file: UploadFile):
    process = await asyncio.create_subprocess_exec("ffprobe", "-", stdin=file.file)
    return {"code": await process.wait()}
""",
    ),
    Seed(
        "a shell by its name",
        "CWE-78",
        """\
import subprocess

from flask import Blueprint, request

bp = Blueprint("logs", __name__)


@bp.get("/logs")
def logs():
    pattern = request.args.get("q", "")
    return subprocess.check_output(["sh", "-c", f"grep {pattern} /var/log/app.log | tail"])
""",
        """\
import subprocess

from flask import Blueprint, request

bp = Blueprint("logs", __name__)


@bp.get("/logs")
def logs():
    pattern = request.args.get("q", "")
    return subprocess.check_output(["grep", "-e", pattern, "--", "/var/log/app.log"])
""",
    ),
    Seed(
        "on another machine",
        "CWE-78 through SSH",
        """\
import paramiko


def listing(host, request):
    client = paramiko.SSHClient()
    client.connect(host)
    _, out, _ = client.exec_command("ls " + request.GET["folder"])
    return out.read()
""",
        """\
import shlex

import paramiko


def listing(host, request):
    client = paramiko.SSHClient()
    client.connect(host)
    _, out, _ = client.exec_command("ls -- " + shlex.quote(request.GET["folder"]))
    return out.read()
""",
    ),
)
