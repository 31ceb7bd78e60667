"""Where a value of a request is used straight, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_DJANGO = "from django.http import HttpResponse\nfrom django.db import connection\n"
_FLASK = "from flask import Flask, request\napp = Flask(__name__)\n"
_FASTAPI = "from fastapi import FastAPI, Depends, Request, UploadFile\napp = FastAPI()\n"


def _made(before: str, signature: str, body: str, line: int | None) -> Snippet:
    """A function; `line` counts from its `def`."""
    return Snippet(
        f"{before}def view({signature}):\n" + body,
        line=None if line is None else before.count("\n") + line,
    )


def _django(body: str, line: int | None = None, head: str = "") -> Snippet:
    return _made(f"{_DJANGO}{head}", "request, name", body, line)


def _flask(body: str, line: int | None = None, head: str = "") -> Snippet:
    return _made(f"{_FLASK}{head}@app.route('/<name>')\n", "name", body, line)


def _fastapi(signature: str, body: str, line: int | None = None, head: str = "") -> Snippet:
    return _made(f"{_FASTAPI}{head}@app.get('/items/{{name}}')\n", signature, body, line)


_EXECUTE = "    connection.cursor().execute(f\"SELECT * FROM t WHERE a = '{name}'\")\n"

CASES = {
    "request-value": Cases(
        fails={
            "an argument of a view in SQL": _django(_EXECUTE, 2),
            "added to a text": _django(
                "    sql = 'SELECT * FROM t'\n    if name:\n        sql += f' WHERE a = {name}'\n"
                "    connection.cursor().execute(sql)\n",
                5,
            ),
            "a class-based view under a decorator": Snippet(
                "from django.views.generic import ListView\nfrom app.models import A\n\n\n"
                "class List(ListView):\n    @cached\n    def get_queryset(self):\n"
                "        return A.objects.raw('SELECT * FROM a WHERE b = ' + self.kwargs['slug'])\n",
                line=8,
            ),
            "a whole path": _flask("    return open(request.args['path']).read()\n", 2),
            "a part of a path": _fastapi(
                "name: str",
                "    at = Path('/srv') / name\n    if at.exists():\n        return at.read_text()\n",
                4,
                head="from pathlib import Path\n",
            ),
            "a converted part of a route": Snippet(
                f"{_FASTAPI}@app.get('/{{name:path}}')\ndef view(name):\n    open(name)\n", line=5
            ),
            "a format for a shell": _flask(
                "    line = 'dig {}'.format(name.lower())\n    os.system(line)\n",
                3,
                head="import os\n",
            ),
            "built for a session": _flask(
                "    db.session.execute(f'SELECT * FROM t WHERE a = {request.args}')\n", 2
            ),
            "built for what a cursor is called": _django(
                "    with connection.cursor() as c:\n"
                "        c.execute('SELECT * FROM t WHERE a = ' + name)\n",
                3,
            ),
            "a path that is opened": _flask(
                "    return (Path('/srv') / request.args['path']).open()\n",
                2,
                head="from pathlib import Path\n",
            ),
            "an upload under its own name": _flask(
                "    file = request.files['file']\n"
                "    file.save(os.path.join('/srv', file.filename))\n",
                3,
                head="import os\n",
            ),
            "a file of FastAPI": _fastapi(
                "file: UploadFile", "    open('/srv/' + file.filename)\n", 2
            ),
            "a model at a route without path": Snippet(
                f"from pydantic import BaseModel\n{_FASTAPI}class A(BaseModel):\n    b: str\n\n\n"
                "@app.post('')\ndef view(a: A):\n    open(a.b)\n",
                line=10,
            ),
            "a table": _fastapi("a: dict", "    open(a['b'])\n", 2),
            "anything": _fastapi("a: Any", "    open(a)\n", 2, head="from typing import Any\n"),
            "on the line of its assignment": _flask(
                "    return (at := request.args['path']) and open(at).read()\n", 2
            ),
        },
        passes={
            "parameters": _django(
                "    connection.cursor().execute('SELECT * FROM t WHERE a = %s', [name])\n"
            ),
            "converted before it is used": _django(
                f"    raw = name\n    name = int(raw)\n{_EXECUTE}    name = raw\n"
            ),
            "the last part of a path alone": _flask(
                "    return open('/srv/' + os.path.basename(name)).read()\n", head="import os\n"
            ),
            "an argument of a decorator": Snippet(
                f"{_FLASK}@app.route('/<path:at>')\n@token_required\ndef view(user, at):\n"
                "    open('/data/' + user.name)\n"
            ),
            "a list for a program": _flask(
                "    subprocess.run(['ls', '--', name])\n", head="import subprocess\n"
            ),
            "a query of GraphQL": _flask("    return schema.execute(request.json['query'])\n"),
            "a namesake": _django(
                "    pickle.loads(request.body)\n", head="from app import pickle\n"
            ),
        },
    ),
}
