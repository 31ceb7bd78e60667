"""Where a value of a request is used straight, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_DJANGO = "from django.http import HttpResponse\nfrom django.db import connection\n"
_FLASK = "from flask import Flask, request\napp = Flask(__name__)\n"
_FASTAPI = "from fastapi import FastAPI, Depends, Request, UploadFile\napp = FastAPI()\n"


def _django(body: str, line: int | None = None, head: str = "") -> Snippet:
    """A view; `line` counts from its `def`."""
    before = f"{_DJANGO}{head}"
    return Snippet(
        f"{before}def view(request, name):\n" + body,
        line=None if line is None else before.count("\n") + line,
    )


def _flask(body: str, line: int | None = None, head: str = "") -> Snippet:
    before = f"{_FLASK}{head}@app.route('/<name>')\n"
    return Snippet(
        f"{before}def view(name):\n" + body,
        line=None if line is None else before.count("\n") + line,
    )


def _fastapi(signature: str, body: str, line: int | None = None, head: str = "") -> Snippet:
    before = f"{_FASTAPI}{head}@app.get('/items/{{name}}')\n"
    return Snippet(
        f"{before}def view({signature}):\n" + body,
        line=None if line is None else before.count("\n") + line,
    )


_EXECUTE = "    connection.cursor().execute(f\"SELECT * FROM t WHERE a = '{name}'\")\n"
_SHELL = "import subprocess\n"
_RUN = "    subprocess.run(f'ls {name}', shell=True)\n"
_OPEN = "    return open(f'/srv/{name}').read()\n"

CASES = {
    "sql-injection": Cases(
        fails={
            "an argument of a view": _django(_EXECUTE, 2),
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
        },
        passes={
            "parameters": _django(
                "    connection.cursor().execute('SELECT * FROM t WHERE a = %s', [name])\n"
            ),
            "converted before it is used": _django(
                f"    raw = name\n    name = int(raw)\n{_EXECUTE}    name = raw\n"
            ),
        },
    ),
    "path-traversal": Cases(
        fails={
            "an argument of the route": _flask(_OPEN, 2),
            "the whole path": _flask("    return open(request.args['path']).read()\n", 2),
            "a part of a path": _fastapi(
                "name: str",
                "    at = Path('/srv') / name\n    if at.exists():\n        return at.read_text()\n",
                4,
                head="from pathlib import Path\n",
            ),
        },
        passes={
            "the last part alone": _flask(
                "    return open('/srv/' + os.path.basename(name)).read()\n", head="import os\n"
            ),
            "a number": _fastapi("name: int", _OPEN),
        },
    ),
    "command-injection": Cases(
        fails={
            "a shell": _flask(_RUN, 2, head=_SHELL),
            "a format": _flask(
                "    line = 'dig {}'.format(name.lower())\n    os.system(line)\n",
                3,
                head="import os\n",
            ),
        },
        passes={
            "a list": _flask("    subprocess.run(['ls', '--', name])\n", head=_SHELL),
            "eval of a frame": _flask("    return frame.eval(name)\n", head="frame = load()\n"),
        },
    ),
    "insecure-deserialisation": Cases(
        fails={
            "a body": _django("    pickle.loads(request.body)\n", 2, head="import pickle\n"),
            "under a name": _flask(
                "    raw = request.form['s'].encode()\n    marshal.loads(raw)\n",
                3,
                head="import marshal\n",
            ),
            "YAML with the wrong loader": _flask(
                "    yaml.load(request.data, Loader=yaml.FullLoader)\n", 2, head="import yaml\n"
            ),
        },
        passes={
            "JSON": _django("    json.loads(request.body)\n", head="import json\n"),
            "a namesake": _django(
                "    pickle.loads(request.body)\n", head="from app import pickle\n"
            ),
        },
    ),
}
