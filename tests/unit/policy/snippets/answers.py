"""Answers that say nothing, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_TRY = "def f():\n    try:\n        g()\n    except KeyError as problem:\n"
_API = "from fastapi import APIRouter, FastAPI, HTTPException\nrouter = APIRouter()\n"

CASES = {
    "bare-500": Cases(
        fails={
            "of FastAPI": Snippet(_API + _TRY + "        raise HTTPException(500)\n", line=7),
            "by its name, under another name": Snippet(
                "from fastapi import HTTPException as E, status\n"
                + _TRY
                + "        raise E(status_code=status.HTTP_500_INTERNAL_SERVER_ERROR) from problem\n",
                line=6,
            ),
            "returned by a view of Flask": Snippet(
                "from flask import Flask, jsonify\napp = Flask(__name__)\n@app.route('/')\n"
                "def f():\n    return jsonify(a=1), 500\n",
                line=5,
            ),
        },
        passes={
            "a handler of errors": Snippet(
                "from fastapi.responses import JSONResponse\n@app.exception_handler(Exception)\n"
                "def f(request, problem):\n    return JSONResponse({}, status_code=500)\n"
            ),
            "an exception of one's own": Snippet(
                "class HTTPException(Exception): ...\ndef f():\n    raise HTTPException(500)\n"
            ),
        },
    ),
}
