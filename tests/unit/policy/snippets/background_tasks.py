"""Other systems for background tasks, work begun by hand, and near misses."""

from __future__ import annotations

from tests.unit.policy.cases import Cases, Snippet

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


def _task(body: str, line: int | None = None) -> Snippet:
    head = "import asyncio\n\n\nasync def f():\n"
    return Snippet(head + "".join(f"    {one}\n" for one in body.splitlines()), line=line)


CASES = {
    "background-tasks": Cases(
        fails={
            "through a module": _asked("from app import jobs\njobs.queue.enqueue(1)\n", 2),
            "none at all": _asked("import celery\n", 1, system="none"),
        },
        passes={
            "the configured one": _asked("from celery import shared_task\n"),
            "there already": _asked(_RQ + "x = 1\n", base=_RQ),
        },
    ),
    "background-tasks-use": Cases(
        fails={
            "another part": _asked(_RQ + "rq.Worker([])\n", 5, base=_RQ),
            "one more argument": _asked(
                "from fastapi import BackgroundTasks as B\n\n\ndef f(tasks: B):\n    pass\n\n\n"
                "def g(tasks: B):\n    pass\n",
                8,
                base="from fastapi import BackgroundTasks as B\n\n\ndef f(tasks: B):\n    pass\n",
            ),
        },
        passes={
            "moved down": _asked("x = 1\n" + _RQ, base=_RQ),
            "the configured one": _asked(_RQ + "queue.enqueue(2)\n", base=_RQ, system="rq"),
        },
    ),
    "handler-thread": Cases(
        fails={
            "process under another name": _view("P(target=send).start()", 11),
            "none at all": _view("threading.Thread(target=send).start()", 11, "none"),
        },
        passes={
            "no handler": _view("threading.Thread(target=send).start()", how="def f():\n"),
            "pool for one answer": _view("with ThreadPoolExecutor() as pool:\n    pool.map(f, [])"),
        },
    ),
    "dangling-task": Cases(
        fails={
            "create_task": _task("asyncio.create_task(g())", 5),
            "of the loop": _task("asyncio.get_running_loop().create_task(g())", 5),
        },
        passes={
            "kept in a set": _task("tasks.add(asyncio.create_task(g()))"),
            "group": _task("async with asyncio.TaskGroup() as group:\n    group.create_task(g())"),
        },
    ),
}
