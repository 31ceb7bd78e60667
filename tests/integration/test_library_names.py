"""Names that a change takes from libraries, asked of real libraries in real rooms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from agent.checks import measuring
from agent.checks.library_names import LibraryNames
from agent.domain import CheckResult, LibraryName, Severity, Status
from agent.policy.upkeep import library_names
from tests.integration.check_samples import GREEN, Stage, Workshop
from tests.unit.policy.cases import Snippet

LIBRARIES = ("httpx", "requests", "django>=5.2,<5.3")


def asked_of(code: str) -> tuple[LibraryName, ...]:
    return library_names.fresh(
        Snippet({"app/views.py": code}, base={"app/models.py": ""}).proposal()
    )


def answered(workshop: Workshop, code: str) -> CheckResult:
    site = workshop.site({"app/views.py": code, **GREEN}, packages=LIBRARIES)
    check = LibraryNames(asked_of(code))
    results = measuring.measure(site, workshop.sandbox, workshop.said.append, also=(check,))
    return next(one for one in results if one.name == "names")


def test_names_and_arguments_that_a_library_does_not_have_are_found(workshop: Workshop) -> None:
    code = """\
import quickhttp
import httpx
import requests
from django.shortcuts import get_object_or_404, get_or_404
from httpx import AsyncSession
from requests.utilities import quote

httpx.AsyncClient(timeout=3, retries=2)
requests.fetch("http://localhost")
requests.Session.fetch
httpx.get("http://localhost", follow_redirects=True, allow_redirects=True)
"""
    result = answered(workshop, code)
    assert result.status is Status.FAILED, (result.reason, result.output)
    assert {(item.place, item.item_id.split(": ", 1)[1]) for item in result.items} == {
        ("app/views.py:1", "unknown-module: quickhttp is not in the environment"),
        (
            "app/views.py:4",
            "invented-api: django.shortcuts has no get_or_404 (get_list_or_404?)",
        ),
        ("app/views.py:5", "invented-api: httpx has no AsyncSession (AsyncClient?)"),
        ("app/views.py:6", "invented-api: requests has no utilities (utils?)"),
        ("app/views.py:8", "invented-api: httpx.AsyncClient takes no argument retries"),
        ("app/views.py:9", "invented-api: requests has no fetch (patch?)"),
        ("app/views.py:10", "invented-api: requests.Session has no fetch (patch?)"),
        (
            "app/views.py:11",
            "invented-api: httpx.get takes no argument allow_redirects (follow_redirects?)",
        ),
    }


def test_what_is_there_or_guarded_or_made_up_is_left_alone(workshop: Workshop) -> None:
    code = """\
import concurrent.futures.thread
import logging.handlers
import os.path
import signal
import sys
import xml.etree.ElementTree as tree

import httpx
import msvcrt
import requests
from django.conf import settings
from django.contrib.auth.models import AbstractUser, User
from django.db import models
from requests.packages import urllib3

try:
    from httpx import AsyncSession
except ImportError:
    AsyncSession = httpx.AsyncClient

if hasattr(httpx, "fetch"):
    httpx.fetch()
if sys.version_info >= (3, 99):
    httpx.later()
if sys.platform == "win32":
    sys.getwindowsversion()
signal.CTRL_C_EVENT
settings.ANYTHING
User.objects.none()
models.CharField(max_length=3, blank=True)
requests.get("http://localhost", timeout=3, params={})
httpx.Client(timeout=3).get("http://localhost")
tree.fromstring("<a/>")
concurrent.futures.ThreadPoolExecutor(max_workers=2)
"""
    result = answered(workshop, code)
    assert (result.status, result.items) == (Status.PASSED, ()), result.output
    assert "names are there" in result.output


OBJECTS = """\
import concurrent.futures
import contextlib
import threading
import types

import httpx
import requests
from django.http import HttpRequest, HttpResponse
from django.test import Client

opened = httpx.Client()
opened.get_json("http://localhost")


class Shop:
    def __init__(self):
        self.session = requests.Session()

    def total(self):
        return self.session.fetch_json("/")


def threads():
    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.launch(print)


async def streamed(request: HttpRequest):
    async with httpx.AsyncClient() as client:
        await client.stream_lines("/")
    request.parsed_json()
"""


def test_methods_that_objects_of_a_library_do_not_have_are_found(workshop: Workshop) -> None:
    result = answered(workshop, OBJECTS)
    assert result.status is Status.FAILED, (result.reason, result.output)
    assert {(item.place, item.item_id.split(": ", 1)[1]) for item in result.items} == {
        ("app/views.py:12", "invented-api: objects of httpx.Client have no get_json"),
        ("app/views.py:20", "invented-api: objects of requests.Session have no fetch_json"),
        (
            "app/views.py:25",
            "invented-api: objects of concurrent.futures.ThreadPoolExecutor have no launch",
        ),
        (
            "app/views.py:30",
            "invented-api: objects of httpx.AsyncClient have no stream_lines (stream?)",
        ),
        ("app/views.py:31", "invented-api: objects of django.http.HttpRequest have no parsed_json"),
    }


def test_methods_that_come_from_somewhere_are_left_alone(workshop: Workshop) -> None:
    code = """\
import argparse
import contextlib
import logging
import subprocess
import tempfile
import threading
import types
import unittest.mock
from pathlib import Path

import httpx
import requests
from django.http import HttpResponse
from django.test import Client
from django.test.client import RequestFactory

unittest.mock.Mock().anything()
argparse.Namespace(run=print).run()
types.SimpleNamespace(run=print).run()
types.ModuleType("shop").run()
threading.local().run()
Client().post("/").json()
RequestFactory().get("/")
Path("a").as_posix()
requests.Response().iter_lines()
httpx.Response(200).raise_for_status()
threading.Thread(target=print).start()
client = httpx.Client()
client.post("http://localhost")


def used(log: logging.Logger, answer: HttpResponse, error: OSError, path: Path):
    log.info("x")
    # Of a subclass that a library has, and of one that this repository has.
    answer.render()
    log.shout("x")
    path.walk()
    error.explain()
    with tempfile.TemporaryDirectory() as place:
        place.removeprefix("x")
    with contextlib.closing(httpx.Client()) as closed:
        closed.anything()
    with subprocess.Popen(["true"]) as process:
        process.wait()
"""
    given = """\
class Loud:
    def shout(self, text):
        self.explain = text
"""
    site = workshop.site({"app/views.py": code, "app/loud.py": given, **GREEN}, packages=LIBRARIES)
    check = LibraryNames(asked_of(code))
    results = measuring.measure(site, workshop.sandbox, workshop.said.append, also=(check,))
    result = next(one for one in results if one.name == "names")
    assert (result.status, result.items) == (Status.PASSED, ()), result.output


@pytest.mark.parametrize(
    "other",
    [
        "from app.views import Shop\n\n\nclass Fake(Shop):\n    pass\n",
        "def put(shop):\n    shop.session = Fake()\n",
        "NAMES = ['fetch_json']\n",
        "def put(session):\n    session.fetch_json = print\n",
    ],
    ids=["a subclass", "another object", "a table of names", "another method"],
)
def test_what_other_modules_of_the_repository_may_put_there_is_left_alone(
    workshop: Workshop, other: str
) -> None:
    asked = tuple(one for one in asked_of(OBJECTS) if one.called and one.called.within == "Shop")
    files = {"app/views.py": OBJECTS, "app/other.py": other, **GREEN}
    site = workshop.site(files, packages=LIBRARIES)
    results = measuring.measure(
        site, workshop.sandbox, workshop.said.append, also=(LibraryNames(asked),)
    )
    result = next(one for one in results if one.name == "names")
    assert (len(asked), result.status, result.items) == (1, Status.PASSED, ()), result.output


def test_what_the_repository_has_itself_is_not_asked_of_libraries() -> None:
    names = {
        one.name for one in asked_of("import app.models\nimport json\nfrom app import views\n")
    }
    assert names == {"json"}


def test_what_a_file_had_already_is_not_asked_again() -> None:
    had = "import httpx\n\nhttpx.fetch()\n"
    again = Snippet(had + "httpx.fetch()\nhttpx.get('a')\n", base=had)
    names = [(one.name, one.line) for one in library_names.fresh(again.proposal())]
    assert names == [("httpx.get", 5)]


@pytest.mark.parametrize(
    "told",
    ["import os\n\n\nos._exit(0)\n", "import builtins\n\n\nbuiltins.getattr = lambda *_: 1\n"],
    ids=["ends the process", "says that all is there"],
)
def test_a_library_that_spoils_the_answers_is_no_proof(workshop: Workshop, told: str) -> None:
    site = workshop.site(GREEN, packages=("six",))
    place = site.packages_of(site.environment.path)
    (Path(place) / "spoiler.py").write_text(told)
    check = LibraryNames(asked_of("import spoiler\nimport json\n\njson.parse('1')\n"))
    results = measuring.measure(site, workshop.sandbox, workshop.said.append, also=(check,))
    result = next(one for one in results if one.name == "names")
    assert (result.status, result.items) == (Status.UNVERIFIED, ())


def test_a_change_that_invents_a_name_is_withheld_by_the_rule(stage: Callable[..., Stage]) -> None:
    made = stage(GREEN, test_runner="pytest")
    found = made.weighed(new_DOT_py="import json\nimport ruff_tools\n\njson.parse('1')\n")["names"]
    assert (found.verdict, found.new_failures) == (Status.PASSED, ())
    [module, name] = sorted(found.findings, key=lambda one: one.line or 0)
    assert (module.rule, module.severity) == ("unknown-module", Severity.REVIEW)
    assert (name.rule, name.severity, name.line) == ("invented-api", Severity.BLOCK, 4)
    assert "json has no parse" in name.message
    right = made.weighed(new_DOT_py="import json\n\njson.loads('1')\n")["names"]
    assert (right.verdict, right.findings) == (Status.PASSED, ())
    assert "names" not in made.weighed(new_DOT_py="x = 1\n")
