"""Data that becomes code when it is read, after published faults."""

from __future__ import annotations

from tests.unit.policy.seeded.seed import Seed

SEEDS = (
    Seed(
        "pickle of a request",
        "CWE-502; CVE-2025-27520 (BentoML: pickle of a request's body)",
        """\
import pickle

from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def restore(request):
    cart = pickle.loads(request.body)
    return JsonResponse({"lines": len(cart)})
""",
        """\
import json

from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
def restore(request):
    cart = json.loads(request.body)
    return JsonResponse({"lines": len(cart)})
""",
    ),
    Seed(
        "pickle in a cookie",
        "CWE-502; Django's PickleSerializer for sessions was removed for it",
        """\
import base64
import pickle

from flask import Flask, request

app = Flask(__name__)


@app.get("/prefs")
def prefs():
    raw = base64.b64decode(request.cookies.get("prefs", ""))
    return {"theme": pickle.loads(raw)["theme"]}
""",
        """\
import base64
import json

from flask import Flask, request

app = Flask(__name__)


@app.get("/prefs")
def prefs():
    raw = base64.b64decode(request.cookies.get("prefs", ""))
    return {"theme": json.loads(raw)["theme"]}
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
        "a loader that makes objects",
        "CVE-2020-1747 and CVE-2020-14343 (PyYAML's FullLoader)",
        """\
from yaml import UnsafeLoader, load


def read_pipeline(path):
    with open(path) as file:
        return load(file, Loader=UnsafeLoader)
""",
        """\
from yaml import SafeLoader, load


def read_pipeline(path):
    with open(path) as file:
        return load(file, Loader=SafeLoader)
""",
        path="app/pipelines.py",
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
        "a shelf that the caller names",
        "CWE-502 with CWE-22",
        """\
import shelve

from flask import Blueprint, request

bp = Blueprint("saved", __name__)


@bp.get("/saved")
def saved():
    with shelve.open(request.args["file"]) as shelf:
        return {"keys": sorted(shelf)}
""",
        """\
import dbm

from flask import Blueprint, request

bp = Blueprint("saved", __name__)


@bp.get("/saved")
def saved():
    with dbm.open("saved") as shelf:
        return {"value": shelf[request.args["key"]].decode()}
""",
    ),
    Seed(
        "jsonpickle",
        "CVE-2020-22083 (jsonpickle decodes to any object)",
        """\
import jsonpickle
from flask import Blueprint, request

bp = Blueprint("state", __name__)


@bp.post("/state")
def state():
    found = jsonpickle.decode(request.get_data(as_text=True))
    return {"version": found.version}
""",
        """\
import jsonpickle
from flask import Blueprint

from app.state import current

bp = Blueprint("state", __name__)


@bp.get("/state")
def state():
    return jsonpickle.encode(current(), unpicklable=False)
""",
    ),
    Seed(
        "weights of a model",
        "CVE-2025-32434 and the warning of torch.load; CVE-2024-3568 (transformers)",
        """\
import torch
from fastapi import FastAPI, UploadFile

app = FastAPI()


@app.post("/models")
def upload(file: UploadFile):
    weights = torch.load(file.file, weights_only=False)
    return {"layers": len(weights)}
""",
        """\
import torch
from fastapi import FastAPI, UploadFile

app = FastAPI()


@app.post("/models")
def upload(file: UploadFile):
    weights = torch.load(file.file, weights_only=True)
    return {"layers": len(weights)}
""",
    ),
    Seed(
        "pickle of what a cache has",
        "CWE-502; CVE-2021-33026 (Flask-Caching) and kin: who writes the cache runs code",
        """\
import pickle

import redis

store = redis.Redis()


def load_basket(session_id):
    raw = store.get(f"basket:{session_id}")
    return pickle.loads(raw) if raw else None
""",
        """\
import json

import redis

store = redis.Redis()


def load_basket(session_id):
    raw = store.get(f"basket:{session_id}")
    return json.loads(raw) if raw else None
""",
        path="app/baskets.py",
    ),
)
