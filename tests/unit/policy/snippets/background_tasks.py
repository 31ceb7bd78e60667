"""Other systems for background tasks, work begun by hand, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

_CELERY: dict[str, object] = {"background_tasks": "celery"}
_TASKS: dict[str, str | bytes] = {
    "app/__init__.py": "",
    "app/celery.py": "from celery import Celery\n\napp = Celery('app')\n",
    "app/jobs.py": "import django_rq\n\nqueue = django_rq.get_queue()\n\n\ndef add(job):\n"
    "    queue.enqueue(job)\n",
}
_RQ = "import rq\n\nqueue = rq.Queue()\nqueue.enqueue(1)\n"


def _asked(
    after: str,
    line: int | None = None,
    base: str = "",
    system: str = "celery",
) -> Snippet:
    files = _TASKS | ({"app/views.py": base} if base else {})
    return Snippet(after, base=files, line=line, config={"background_tasks": system})


def _view(body: str, line: int | None = None, system: str = "celery", how: str = "") -> Snippet:
    head = "import threading\nfrom concurrent.futures import ThreadPoolExecutor\n"
    head += "from multiprocessing import Process as P\nfrom flask import Flask\n\n"
    head += "app = Flask('a')\n\n\n"
    how = how or "@app.route('/a')\ndef a():\n"
    text = head + how + "".join(f"    {one}\n" for one in body.splitlines())
    return Snippet(text, line=line, config={"background_tasks": system})


def _task(body: str, line: int | None = None, how: str = "async def f():\n") -> Snippet:
    head = "import asyncio\n\n\n"
    return Snippet(head + how + "".join(f"    {one}\n" for one in body.splitlines()), line=line)


CASES = {
    "background-tasks": Cases(
        fails={
            "import": _asked("import dramatiq\n", 1),
            "under another name": _asked("from rq import Queue as Q\n", 1),
            "of FastAPI": _asked("from fastapi import APIRouter, BackgroundTasks\n", 1),
            "of Starlette": _asked("from starlette.background import BackgroundTask\n", 1),
            "only in an annotation": _asked(
                "import fastapi\n\n\ndef order(tasks: fastapi.BackgroundTasks):\n    pass\n", 4
            ),
            "annotation as a text": _asked(
                "import fastapi as f\n\n\ndef order(tasks: 'f.BackgroundTasks'):\n    pass\n", 4
            ),
            "the reverse": _asked("from celery import shared_task\n", 1, system="background-tasks"),
            "decorator of another module": _asked(
                "from .celery import app\n\n\n@app.task\ndef send():\n    pass\n", 1, system="rq"
            ),
            "through a module": _asked("from app import jobs\njobs.queue.enqueue(1)\n", 2),
            "loaded by name": _asked("__import__('huey')\n", 1),
            "none at all": _asked("import celery\n", 1, system="none"),
            "scheduler": _asked("from apscheduler.schedulers import background\n", 1),
            "in a function": _asked("def f():\n    from procrastinate import App\n", 2),
        },
        passes={
            "the configured one": _asked("from celery import shared_task\n"),
            "instance of the configured one": _asked("from .celery import app\napp.task\n"),
            "any": _asked("import rq\n", system="any"),
            "of the rest of FastAPI": _asked("from fastapi import APIRouter, FastAPI\n"),
            "for types only": _asked(
                "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import rq\n"
            ),
            "there already": _asked(_RQ + "x = 1\n", base=_RQ),
            "own function": _asked("from app.jobs import add\nadd(1)\n"),
            "module of its own called so": Snippet(
                {
                    "app/views.py": "from .rq import Queue\n",
                    "app/rq.py": "class Queue:\n    pass\n",
                },
                base=_TASKS,
                config=_CELERY,
            ),
            "configured background tasks": _asked(
                "from fastapi import BackgroundTasks\n", system="background-tasks"
            ),
        },
    ),
    "background-tasks-use": Cases(
        fails={
            "once more": _asked(_RQ + "queue.enqueue(2)\n", 5, base=_RQ),
            "another part": _asked(_RQ + "rq.Worker([])\n", 5, base=_RQ),
            "in a function": _asked(_RQ + "def f():\n    queue.enqueue(3)\n", 6, base=_RQ),
            "imported once more": _asked(_RQ + "from rq import Retry\n", 5, base=_RQ),
            "one more argument": _asked(
                "from fastapi import BackgroundTasks as B\n\n\ndef f(tasks: B):\n    pass\n\n\n"
                "def g(tasks: B):\n    pass\n",
                8,
                base="from fastapi import BackgroundTasks as B\n\n\ndef f(tasks: B):\n    pass\n",
            ),
        },
        passes={
            "untouched": _asked(_RQ + "x = 1\n", base=_RQ),
            "moved down": _asked("x = 1\n" + _RQ, base=_RQ),
            "fewer": _asked("import rq\n", base=_RQ),
            "the configured one": _asked(_RQ + "queue.enqueue(2)\n", base=_RQ, system="rq"),
            "any": _asked(_RQ + "queue.enqueue(2)\n", base=_RQ, system="any"),
        },
    ),
    "handler-thread": Cases(
        fails={
            "thread": _view("threading.Thread(target=send).start()", 11),
            "timer": _view("threading.Timer(5, send).start()", 11),
            "process under another name": _view("P(target=send).start()", 11),
            "in a function inside": _view(
                "def g():\n    threading.Thread(target=send).start()\ng()", 12
            ),
            "none at all": _view("threading.Thread(target=send).start()", 11, "none"),
            "Django": Snippet(
                "from threading import Thread\n\nfrom django.views import View\n\n\n"
                "class A(View):\n    def post(self, request):\n        Thread(target=f).start()\n",
                line=8,
                config=_CELERY,
                project={"framework": "django"},
            ),
        },
        passes={
            "no handler": _view("threading.Thread(target=send).start()", how="def f():\n"),
            "any": _view("threading.Thread(target=send).start()", system="any"),
            "pool for one answer": _view("with ThreadPoolExecutor() as pool:\n    pool.map(f, [])"),
            "lock": _view("with threading.Lock():\n    pass"),
            "in a test": Snippet(
                {
                    "tests/test_a.py": "import threading\n\n\n@app.get('/a')\ndef a():\n"
                    "    threading.Thread(target=f).start()\n"
                },
                config=_CELERY,
            ),
        },
    ),
    "dangling-task": Cases(
        fails={
            "create_task": _task("asyncio.create_task(g())", 5),
            "ensure_future": _task("asyncio.ensure_future(g())", 5),
            "of the loop": _task("asyncio.get_running_loop().create_task(g())", 5),
            "loop kept first": _task("loop = asyncio.get_event_loop()\nloop.create_task(g())", 6),
            "under another name": Snippet(
                "from asyncio import create_task as go\n\n\nasync def f():\n    go(g())\n", line=5
            ),
            "in a handler": Snippet(
                "import asyncio\nfrom fastapi import FastAPI\n\napp = FastAPI()\n\n\n@app.get('/')\n"
                "async def f():\n    asyncio.create_task(g())\n    return 1\n",
                line=9,
            ),
        },
        passes={
            "kept": _task("task = asyncio.create_task(g())\nawait task"),
            "returned": _task("return asyncio.create_task(g())"),
            "awaited": _task("await asyncio.create_task(g())"),
            "kept in a set": _task("tasks.add(asyncio.create_task(g()))"),
            "group": _task("async with asyncio.TaskGroup() as group:\n    group.create_task(g())"),
            "of its own": _task("self.create_task(g())"),
        },
    ),
}
