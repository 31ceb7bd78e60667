"""What the rules on security find by following values, and near misses."""

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
_BUILT = "def find(cursor, name):\n    cursor.execute(f\"SELECT * FROM t WHERE a = '{name}'\")\n"
_SHELL = "import subprocess\n"
_RUN = "    subprocess.run(f'ls {name}', shell=True)\n"
_OPEN = "    return open(f'/srv/{name}').read()\n"
_TAR = "import tarfile\ndef unpack(path):\n    tarfile.open(path).extractall('/srv')\n"

CASES = {
    "sql-injection": Cases(
        fails={
            "an argument of a view": _django(_EXECUTE, 2),
            "in one branch alone": _django(
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
            "one of those known": _django(
                "    if name not in {'a', 'b'}:\n        raise ValueError\n"
                "    connection.cursor().execute(f'SELECT {name} FROM t')\n"
            ),
            "there already": Snippet(
                f"{_DJANGO}x = 1\ndef view(request, name):\n{_EXECUTE}",
                base=f"{_DJANGO}def view(request, name):\n{_EXECUTE}",
            ),
        },
    ),
    "built-sql": Cases(
        fails={
            "an argument": Snippet(_BUILT, line=2),
            "format": Snippet(
                "def f(c, a):\n    q = 'DELETE FROM t WHERE b = {}'.format(a)\n    c.execute(q)\n",
                line=3,
            ),
            "in a list of conditions": Snippet(
                "def f(c, a):\n    w = []\n    w.append('b = ' + a)\n"
                "    c.execute('SELECT * FROM t WHERE ' + ' AND '.join(w))\n",
                line=4,
            ),
        },
        passes={
            "a constant": Snippet(
                "TABLE = 't'\ndef f(c):\n    c.execute('SELECT * FROM ' + TABLE)\n"
            ),
            "quoted by the driver": Snippet(
                "def f(c, a):\n    c.execute(f'DROP TABLE {connection.ops.quote_name(a)}')\n"
            ),
            "placeholders in the right number": Snippet(
                "def f(c, ids):\n    marks = ', '.join(['%s'] * len(ids))\n"
                "    c.execute(f'SELECT * FROM t WHERE id IN ({marks})', ids)\n"
            ),
        },
    ),
    "path-traversal": Cases(
        fails={
            "an argument of the route": _flask(_OPEN, 2),
            "the whole path": _flask("    return open(request.args['path']).read()\n", 2),
            "resolved and not compared": _fastapi(
                "name: str",
                "    at = (Path('/srv') / name).resolve()\n    if at.exists():\n"
                "        return at.read_text()\n",
                4,
                head="from pathlib import Path\n",
            ),
        },
        passes={
            "the last part alone": _flask(
                "    return open('/srv/' + os.path.basename(name)).read()\n", head="import os\n"
            ),
            "compared after it is resolved": _fastapi(
                "name: str",
                "    at = (Path('/srv') / name).resolve()\n"
                "    if not at.is_relative_to('/srv'):\n        raise ValueError\n"
                "    return at.read_text()\n",
                head="from pathlib import Path\n",
            ),
            "compared as text after it is resolved": _flask(
                "    at = os.path.realpath(os.path.join('/srv', name))\n"
                "    if not at.startswith('/srv/'):\n        raise ValueError\n"
                "    return open(at).read()\n",
                head="import os\n",
            ),
        },
    ),
    "unpacking": Cases(
        fails={
            "tar": Snippet(_TAR, line=3),
            "one member": Snippet(
                "from tarfile import TarFile\ndef f(p):\n    TarFile(p).extract('a', '/srv')\n",
                line=3,
            ),
            "names of a zip": Snippet(
                "import zipfile\ndef f(p):\n    for n in zipfile.ZipFile(p).namelist():\n"
                "        open('/srv/' + n, 'wb')\n",
                line=4,
            ),
        },
        passes={
            "with a filter": Snippet(_TAR.replace("'/srv'", "'/srv', filter='data'")),
            "a zip, which is safe by itself": Snippet(
                "import zipfile\ndef f(p):\n    zipfile.ZipFile(p).extractall('/srv')\n"
            ),
            "a method of another class": Snippet("def f(page):\n    page.extract('a')\n"),
        },
    ),
    "command-injection": Cases(
        fails={
            "a shell": _flask(_RUN, 2, head=_SHELL),
            "a list joined": _flask(
                "    line = ['ls']\n    line.append(name)\n"
                "    subprocess.check_output(' '.join(line), shell=True)\n",
                4,
                head=_SHELL,
            ),
            "with a part replaced": _flask(
                "    host = re.sub('^https?://', '', name)\n    os.system(f'dig {host}')\n",
                3,
                head="import os, re\n",
            ),
        },
        passes={
            "a list": _flask("    subprocess.run(['ls', '--', name])\n", head=_SHELL),
            "quoted": _flask(
                "    subprocess.run(f'ls {shlex.quote(name)}', shell=True)\n",
                head=f"{_SHELL}import shlex\n",
            ),
            "eval of a frame": _flask("    return frame.eval(name)\n", head="frame = load()\n"),
        },
    ),
    "built-command": Cases(
        fails={
            "an argument": Snippet(f"{_SHELL}def f(name):\n{_RUN}", line=3),
            "the command line": Snippet("import os, sys\nos.system('ls ' + sys.argv[1])\n", line=2),
            "another machine": Snippet("def f(ssh, a):\n    ssh.exec_command(f'ls {a}')\n", line=2),
        },
        passes={
            "a line that is written out": Snippet(
                f"{_SHELL}subprocess.run('ls | wc -l', shell=True)\n"
            ),
            "a list": Snippet(f"{_SHELL}def f(name):\n    subprocess.run(['ls', name])\n"),
            "a method of another name": Snippet("def f(db, q):\n    db.eval(q)\n"),
        },
    ),
    "insecure-deserialisation": Cases(
        fails={
            "a body": _django("    pickle.loads(request.body)\n", 2, head="import pickle\n"),
            "unpacked first": _flask(
                "    raw = zlib.decompress(base64.b64decode(request.form['s']))\n"
                "    marshal.loads(raw)\n",
                3,
                head="import base64, marshal, zlib\n",
            ),
            "YAML with the wrong loader": _flask(
                "    yaml.load(request.data, Loader=yaml.FullLoader)\n", 2, head="import yaml\n"
            ),
        },
        passes={
            "JSON": _django("    json.loads(request.body)\n", head="import json\n"),
            "YAML, safely": _flask(
                "    yaml.load(request.data, Loader=yaml.SafeLoader)\n", head="import yaml\n"
            ),
            "a namesake": _django(
                "    pickle.loads(request.body)\n", head="from app import pickle\n"
            ),
        },
    ),
    "format-that-runs-code": Cases(
        fails={
            "a cache": Snippet("import pickle\ndef f(r):\n    pickle.loads(r.get('a'))\n", line=3),
            "weights": Snippet("import torch\ndef f(at):\n    return torch.load(at)\n", line=3),
            "in a lambda": Snippet(
                "import pickle\nread = lambda text: pickle.loads(text)\n", line=2
            ),
        },
        passes={
            "written out": Snippet("import pickle\nx = pickle.loads(b'N.')\n"),
            "YAML, safely": Snippet(
                "import yaml\ndef f(text):\n    return yaml.load(text, yaml.CSafeLoader)\n"
            ),
            "there already": Snippet(
                "import pickle\nx = 1\ndef f(a):\n    pickle.loads(a)\n",
                base="import pickle\ndef f(a):\n    pickle.loads(a)\n",
            ),
        },
    ),
}
