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


def _at(path: str, after: str) -> Snippet:
    return Snippet({path: after})


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
            "through variables": _django(
                "    who = name.strip()\n    sql = 'SELECT * FROM t WHERE a = ' + who\n"
                "    with connection.cursor() as cursor:\n        cursor.execute(sql)\n",
                5,
            ),
            "in one branch alone": _django(
                "    sql = 'SELECT * FROM t'\n    if name:\n        sql += f' WHERE a = {name}'\n"
                "    connection.cursor().execute(sql)\n",
                5,
            ),
            "beside a text that this Python cannot write": _django(
                "    connection.cursor().execute('SELECT ' + name, [f'{tab(\"\u200b\")}'])\n", 2
            ),
            "in a nested function": _django(
                "    def run(cursor):\n        cursor.execute('SELECT * FROM t ORDER BY ' + name)\n",
                3,
            ),
            "text() under another name": _fastapi(
                "name: str, session=Depends(get)",
                "    session.execute(sql(f'SELECT * FROM t WHERE a = {name}'))\n",
                2,
                head="from sqlalchemy import text as sql\n",
            ),
            "text() through another module": Snippet(
                {
                    "app/views.py": f"{_FASTAPI}from app.db import text\n@app.get('/{{name}}')\n"
                    "def view(name: str):\n    return text('SELECT ' + name)\n"
                },
                base={"app/__init__.py": "", "app/db.py": "from sqlalchemy import text\n"},
                line=6,
            ),
            "a body's field": _fastapi(
                "wish: Wish, db=Depends(get)",
                "    db.execute('DELETE FROM t WHERE a = %s' % wish.name)\n",
                2,
                head="from pydantic import BaseModel\nclass Wish(BaseModel):\n    name: str\n",
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
            "a number": _django(
                "    connection.cursor().execute(f'SELECT * FROM t WHERE a = {int(name)}')\n"
            ),
            "one of those known": _django(
                "    if name not in {'a', 'b'}:\n        raise ValueError\n"
                "    connection.cursor().execute(f'SELECT {name} FROM t')\n"
            ),
            "a converter of the route": Snippet(
                f"{_FLASK}@app.route('/<int:name>')\ndef view(name):\n"
                "    db.execute(f'SELECT * FROM t WHERE a = {name}')\n"
            ),
            "typed as a number": _fastapi(
                "name: int, db=Depends(get)",
                "    db.execute(f'SELECT * FROM t WHERE a = {name}')\n",
            ),
            "no SQL": _django("    client.execute(f'greet {name}')\n"),
            "there already": Snippet(
                f"{_DJANGO}x = 1\ndef view(request, name):\n{_EXECUTE}",
                base=f"{_DJANGO}def view(request, name):\n{_EXECUTE}",
            ),
            "a test": _at("tests/test_a.py", f"{_DJANGO}def view(request, name):\n{_EXECUTE}"),
        },
    ),
    "built-sql": Cases(
        fails={
            "an argument": Snippet(_BUILT, line=2),
            "a percent sign": Snippet(
                "def f(c, a):\n    c.executemany('INSERT INTO t VALUES (%s)' % a, [])\n", line=2
            ),
            "format": Snippet(
                "def f(c, a):\n    q = 'DELETE FROM t WHERE b = {}'.format(a)\n    c.execute(q)\n",
                line=3,
            ),
            "a sum": Snippet("def f(c, a):\n    c.execute('SELECT * FROM ' + a)\n", line=2),
            "in a list of conditions": Snippet(
                "def f(c, a):\n    w = []\n    w.append('b = ' + a)\n"
                "    c.execute('SELECT * FROM t WHERE ' + ' AND '.join(w))\n",
                line=4,
            ),
            "RawSQL of Django": Snippet(
                "from django.db.models.expressions import RawSQL as R\n"
                "def f(a):\n    return R(f'b * {a}', ())\n",
                line=3,
            ),
        },
        passes={
            "a table of the model": Snippet(
                "def f(c, model):\n    c.execute(f'SELECT * FROM {model._meta.db_table}')\n"
            ),
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
            "composed by psycopg": Snippet(
                "from psycopg import sql\ndef f(c, a):\n"
                "    c.execute(sql.SQL('SELECT * FROM {}').format(sql.Identifier(a)))\n"
            ),
            "a migration": _at("app/migrations/0002_x.py", _BUILT),
            "a sentence": Snippet("def f(a):\n    print(f'select {a} from the list')\n"),
        },
    ),
    "path-traversal": Cases(
        fails={
            "an argument of the route": _flask(_OPEN, 2),
            "join, under another name": _django(
                "    return HttpResponse(open(j('/srv', name)))\n",
                2,
                head="from os.path import join as j\n",
            ),
            "pathlib": _fastapi(
                "name: str",
                "    return (Path('/srv') / name).read_text()\n",
                2,
                head="from pathlib import Path\n",
            ),
            "the whole path": _flask("    return open(request.args['path']).read()\n", 2),
            "resolved and not compared": _fastapi(
                "name: str",
                "    at = (Path('/srv') / name).resolve()\n    if at.exists():\n"
                "        return at.read_text()\n",
                4,
                head="from pathlib import Path\n",
            ),
            "compared before it is resolved": _flask(
                "    path = os.path.join('/srv', name)\n    if path.startswith('/srv'):\n"
                "        return open(path).read()\n",
                4,
                head="import os\n",
            ),
            "in a comprehension": _flask(
                "    return [open(f'/srv/{one}').read() for one in request.args.getlist('f')]\n", 2
            ),
            "an upload's own name": _fastapi(
                "file: UploadFile",
                "    with open('/srv/' + file.filename, 'wb') as f:\n        f.write(b'')\n",
                2,
            ),
            "an archive that is sent": _django(
                "    tarfile.open(fileobj=request.FILES['a']).extractall('/srv')\n",
                2,
                head="import tarfile\n",
            ),
        },
        passes={
            "the last part alone": _flask(
                "    return open('/srv/' + os.path.basename(name)).read()\n", head="import os\n"
            ),
            "joined safely": _flask(
                "    return open(safe_join('/srv', name)).read()\n",
                head="from werkzeug.utils import safe_join\n",
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
            "a check of the project's own": _flask(
                "    check_name(name)\n" + _OPEN, head="from app.names import check_name\n"
            ),
            "a number": _fastapi("name: int", _OPEN),
            "an argument of any function": Snippet(f"def load(name):\n{_OPEN}"),
            "the content of an upload": _django("    return Image.open(request.FILES['image'])\n"),
            "a name by chance": _flask(
                "    return open(f'/srv/{uuid4()}').read()\n", head="from uuid import uuid4\n"
            ),
        },
    ),
    "unpacking": Cases(
        fails={
            "tar": Snippet(_TAR, line=3),
            "in a with statement": Snippet(
                "import tarfile as t\ndef f(p):\n    with t.open(p) as a:\n        a.extractall('x')\n",
                line=4,
            ),
            "one member": Snippet(
                "from tarfile import TarFile\ndef f(p):\n    TarFile(p).extract('a', '/srv')\n",
                line=3,
            ),
            "shutil": Snippet(
                "import shutil\ndef f(p):\n    shutil.unpack_archive(p, '/srv')\n", line=3
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
            "members that were looked at": Snippet(
                _TAR.replace("'/srv'", "'/srv', members=checked(path)")
            ),
            "the last part of each name": Snippet(
                "import os, zipfile\ndef f(p):\n    for n in zipfile.ZipFile(p).namelist():\n"
                "        open('/srv/' + os.path.basename(n), 'wb')\n"
            ),
            "a method of another class": Snippet("def f(page):\n    page.extract('a')\n"),
            "a script": _at("scripts/unpack.py", _TAR),
        },
    ),
    "command-injection": Cases(
        fails={
            "a shell": _flask(_RUN, 2, head=_SHELL),
            "under another name": _flask(
                "    sh(f'ls {name}')\n", 2, head="from os import system as sh\n"
            ),
            "through another module": Snippet(
                {
                    "app/views.py": f"{_FLASK}from app import tools\n@app.get('/<name>')\n"
                    "def view(name):\n    tools.popen('ls ' + name)\n"
                },
                base={"app/__init__.py": "", "app/tools.py": "from os import popen\n"},
                line=6,
            ),
            "a list with a shell": _flask(
                "    subprocess.run(['bash', '-c', 'ls ' + name])\n", 2, head=_SHELL
            ),
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
            "code": _flask("    return str(eval(request.args['x']))\n", 2),
            "code, compiled first": _flask(
                "    code = compile(request.get_data(), 'x', 'exec')\n    exec(code)\n", 3
            ),
            "a module by its name": _django(
                "    return importlib.import_module(request.POST['m'])\n",
                2,
                head="import importlib\n",
            ),
        },
        passes={
            "a list": _flask("    subprocess.run(['ls', '--', name])\n", head=_SHELL),
            "quoted": _flask(
                "    subprocess.run(f'ls {shlex.quote(name)}', shell=True)\n",
                head=f"{_SHELL}import shlex\n",
            ),
            "a number": _flask(
                "    subprocess.run(f'kill {int(name)}', shell=True)\n", head=_SHELL
            ),
            "all but letters taken away": _flask(
                "    host = re.sub('[^a-z.]', '', name)\n    os.system(f'dig {host}')\n",
                head="import os, re\n",
            ),
            "a literal is read": _flask(
                "    return ast.literal_eval(request.args['x'])\n", head="import ast\n"
            ),
            "one of those known": _flask(
                "    command = {'a': 'ls', 'b': 'df'}[name]\n"
                "    subprocess.run(command, shell=True)\n",
                head=_SHELL,
            ),
            "eval of a frame": _flask("    return frame.eval(name)\n", head="frame = load()\n"),
        },
    ),
    "built-command": Cases(
        fails={
            "an argument": Snippet(f"{_SHELL}def f(name):\n{_RUN}", line=3),
            "a whole line": Snippet(
                f"{_SHELL}def f(line):\n    subprocess.Popen(line, shell=True)\n", line=3
            ),
            "os.popen": Snippet("import os\ndef f(a):\n    os.popen('ls %s' % a)\n", line=3),
            "the command line": Snippet("import os, sys\nos.system('ls ' + sys.argv[1])\n", line=2),
            "another machine": Snippet("def f(ssh, a):\n    ssh.exec_command(f'ls {a}')\n", line=2),
            "code": Snippet("def f(text):\n    return eval(text)\n", line=2),
            "code of a method": Snippet(
                "class A:\n    def run(self):\n        exec(self.code, {})\n", line=3
            ),
        },
        passes={
            "a line that is written out": Snippet(
                f"{_SHELL}subprocess.run('ls | wc -l', shell=True)\n"
            ),
            "a list": Snippet(f"{_SHELL}def f(name):\n    subprocess.run(['ls', name])\n"),
            "without a shell": Snippet(
                f"{_SHELL}def f(line):\n    subprocess.run(line, shell=False)\n"
            ),
            "a constant": Snippet(
                f"{_SHELL}LINE = 'ls'\ndef f():\n    subprocess.run(LINE + ' -l', shell=True)\n"
            ),
            "a script": _at("scripts/release.py", f"{_SHELL}def f(name):\n{_RUN}"),
            "a method of another name": Snippet("def f(db, q):\n    db.eval(q)\n"),
        },
    ),
    "insecure-deserialisation": Cases(
        fails={
            "a body": _django("    pickle.loads(request.body)\n", 2, head="import pickle\n"),
            "under another name": _django(
                "    load(request.FILES['a'])\n", 2, head="from pickle import load\n"
            ),
            "unpacked first": _flask(
                "    raw = zlib.decompress(base64.b64decode(request.form['s']))\n"
                "    marshal.loads(raw)\n",
                3,
                head="import base64, marshal, zlib\n",
            ),
            "YAML with the wrong loader": _flask(
                "    yaml.load(request.data, Loader=yaml.FullLoader)\n", 2, head="import yaml\n"
            ),
            "in a decorated coroutine": Snippet(
                f"{_FASTAPI}import dill\n@app.post('/x')\n@timed\nasync def x(request: Request):\n"
                "    return dill.loads(await request.body())\n",
                line=7,
            ),
            "a table by its address": _flask(
                "    return pd.read_pickle(request.args['url'])\n", 2, head="import pandas as pd\n"
            ),
        },
        passes={
            "JSON": _django("    json.loads(request.body)\n", head="import json\n"),
            "YAML, safely": _flask(
                "    yaml.load(request.data, Loader=yaml.SafeLoader)\n", head="import yaml\n"
            ),
            "YAML with a loader of the project": _flask(
                "    yaml.load(request.data, Loader=Strict)\n",
                head="import yaml\nclass Strict(yaml.SafeLoader):\n    pass\n",
            ),
            "written, not read": _django(
                "    pickle.dumps(request.POST['a'])\n", head="import pickle\n"
            ),
            "weights alone": _flask(
                "    torch.load(request.files['m'], weights_only=True)\n", head="import torch\n"
            ),
            "a namesake": _django(
                "    pickle.loads(request.body)\n", head="from app import pickle\n"
            ),
        },
    ),
    "format-that-runs-code": Cases(
        fails={
            "a cache": Snippet("import pickle\ndef f(r):\n    pickle.loads(r.get('a'))\n", line=3),
            "a file": Snippet(
                "import pickle as p\ndef f(at):\n    with open(at, 'rb') as o:\n        p.load(o)\n",
                line=4,
            ),
            "YAML without a loader": Snippet(
                "import yaml\ndef f(text):\n    return yaml.load(text)\n", line=3
            ),
            "a shelf": Snippet("from shelve import open as o\ndef f(at):\n    o(at)\n", line=3),
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
            "for types only": Snippet(
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pickle\n"
                "    pickle.loads(x)\n"
            ),
            "an array without objects": Snippet(
                "import numpy as np\ndef f(at):\n    return np.load(at)\n"
            ),
            "there already": Snippet(
                "import pickle\nx = 1\ndef f(a):\n    pickle.loads(a)\n",
                base="import pickle\ndef f(a):\n    pickle.loads(a)\n",
            ),
            "moved from another file": Snippet(
                {
                    "app/a.py": None,
                    "app/b.py": "import pickle\ndef f(a):\n    pickle.loads(a)\n",
                },
                base={"app/a.py": "import pickle\ndef f(a):\n    pickle.loads(a)\n"},
            ),
        },
    ),
}
