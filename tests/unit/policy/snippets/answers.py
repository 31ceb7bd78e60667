"""Answers that say nothing, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_TRY = "def f():\n    try:\n        g()\n    except KeyError as problem:\n"
_API = "from fastapi import APIRouter, FastAPI, HTTPException\nrouter = APIRouter()\n"
_HAS = "from flask import abort\ndef f():\n    abort(500)\n"

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
            "a response": Snippet(
                "from fastapi.responses import JSONResponse\n"
                "async def f():\n    return JSONResponse({'a': 1}, status_code=500)\n",
                line=3,
            ),
            "of Flask": Snippet("import flask\n" + _TRY + "        flask.abort(500)\n", line=6),
            "returned by a view of Flask": Snippet(
                "from flask import Flask, jsonify\napp = Flask(__name__)\n@app.route('/')\n"
                "def f():\n    return jsonify(a=1), 500\n",
                line=5,
            ),
            "of Django": Snippet(
                "from django.http import HttpResponse\n"
                "def f(request):\n    return HttpResponse('x', status=500)\n",
                line=3,
            ),
            "of Django by its class": Snippet(
                "from django import http\n"
                "def f(request):\n    return http.HttpResponseServerError()\n",
                line=3,
            ),
            "of the standard library": Snippet(
                "from http import HTTPStatus\nfrom django.http import JsonResponse\n"
                "def f(r):\n    return JsonResponse({}, status=HTTPStatus.INTERNAL_SERVER_ERROR)\n",
                line=4,
            ),
            "logged in another branch": Snippet(
                "from flask import abort\nimport logging\ndef f():\n    try:\n        g()\n"
                "    except KeyError:\n        logging.exception('a')\n"
                "    except ValueError:\n        abort(500)\n",
                line=9,
            ),
            "through another module": Snippet(
                "from app.web import stop\ndef f():\n    stop(500)\n",
                base={"app/__init__.py": "", "app/web.py": "from flask import abort as stop\n"},
                line=3,
            ),
            "a second one": Snippet(_HAS + "def g():\n    abort(500)\n", base=_HAS, line=5),
        },
        passes={
            "logged first": Snippet(
                "import logging\n"
                + _API
                + _TRY
                + "        logging.exception('no')\n        raise HTTPException(500)\n"
            ),
            "logged by a logger of its own": Snippet(
                "from flask import abort\n"
                + _TRY
                + "        self.logger.info('no')\n        abort(500)\n"
            ),
            "sent to those who watch": Snippet(
                "import sentry_sdk\nfrom flask import abort\n"
                + _TRY
                + "        sentry_sdk.capture_exception(problem)\n        abort(500)\n"
            ),
            "another status": Snippet(_API + _TRY + "        raise HTTPException(404)\n"),
            "a handler of errors": Snippet(
                "from fastapi.responses import JSONResponse\n@app.exception_handler(Exception)\n"
                "def f(request, problem):\n    return JSONResponse({}, status_code=500)\n"
            ),
            "there already": Snippet("x = 1\n" + _HAS, base=_HAS),
            "moved": Snippet(
                {"app/views.py": _HAS, "app/old.py": "x = 1\n"}, base={"app/old.py": _HAS}
            ),
            "an exception of one's own": Snippet(
                "class HTTPException(Exception): ...\ndef f():\n    raise HTTPException(500)\n"
            ),
            "a number": Snippet("def f():\n    return 'a', 500\n"),
            "a test": Snippet({"tests/test_app.py": _HAS}),
            "for types only": Snippet(
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from flask import abort\n"
                "    abort(500)\n"
            ),
        },
    ),
    "endpoint-answer": Cases(
        fails={
            "a post": Snippet(_API + "@router.post('/a')\ndef add(): ...\n", line=3),
            "a delete": Snippet(
                _API + "@router.delete('/a')\nasync def remove(a: int): ...\n", line=3
            ),
            "of the application": Snippet(
                _API + "app = FastAPI()\n@app.put('/a')\ndef change(): ...\n", line=4
            ),
            "in a function": Snippet(
                _API + "def make(app: FastAPI):\n    @app.patch('/a')\n    def change(): ...\n",
                line=4,
            ),
            "a router of another module": Snippet(
                "from app.routers import shop\n@shop.post('/a')\ndef add(): ...\n",
                base={
                    "app/__init__.py": "",
                    "app/routers.py": "from fastapi import APIRouter\nshop = APIRouter()\n",
                },
                line=2,
            ),
            "its annotation is taken away": Snippet(
                _API + "@router.post('/a')\ndef add(): ...\n",
                base=_API + "@router.post('/a')\ndef add() -> None: ...\n",
                line=3,
            ),
        },
        passes={
            "a status": Snippet(_API + "@router.post('/a', status_code=201)\ndef add(): ...\n"),
            "a model": Snippet(
                _API + "@router.put('/a', response_model=None)\ndef change(): ...\n"
            ),
            "an annotation": Snippet(_API + "@router.post('/a')\ndef add() -> dict: ...\n"),
            "a get": Snippet(_API + "@router.get('/a')\ndef one(): ...\n"),
            "no router": Snippet("import httpx\n@mock.post('/a')\ndef f(): ...\n"),
            "there already": Snippet(
                _API + "@router.post('/a')\ndef add(): return 1\n",
                base=_API + "@router.post('/a')\ndef add(): ...\n",
            ),
            "an example": Snippet({"docs_src/a.py": _API + "@router.post('/a')\ndef f(): ...\n"}),
            "a test": Snippet({"tests/test_a.py": _API + "@router.post('/a')\ndef f(): ...\n"}),
        },
    ),
}
