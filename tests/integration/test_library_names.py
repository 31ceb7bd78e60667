"""Names that a change takes from libraries, asked of real libraries in real rooms."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest

from agent.checks import measuring
from agent.checks.check import Site
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


def answered(workshop: Workshop, code: str, site: Site | None = None) -> CheckResult:
    site = site or workshop.site({"app/views.py": code, **GREEN}, packages=LIBRARIES)
    check = LibraryNames(asked_of(code))
    results = measuring.measure(site, workshop.sandbox, workshop.said.append, also=(check,))
    return next(one for one in results if one.name == "names")


@pytest.mark.deep
def test_names_arguments_and_methods_that_a_library_does_not_have_are_found(
    workshop: Workshop,
) -> None:
    code = """\
import quickhttp
import httpx
import requests
from django.http import HttpRequest
from httpx import AsyncSession

httpx.AsyncClient(timeout=3, retries=2)
requests.fetch("http://localhost")
opened = httpx.Client()
opened.get_json("http://localhost")


def view(request: HttpRequest):
    request.parsed_json()
"""
    result = answered(workshop, code)
    assert result.status is Status.FAILED, (result.reason, result.output)
    found = {one.place.rpartition(":")[2]: one.item_id.split(": ", 2)[1:] for one in result.items}
    facts = {
        "1": ("unknown-module", "quickhttp"),
        "5": ("invented-api", "AsyncClient?"),
        "7": ("invented-api", "retries"),
        "8": ("invented-api", "fetch"),
        "10": ("invented-api", "get_json"),
        "14": ("invented-api", "parsed_json"),
    }
    assert {line: rule for line, (rule, _) in found.items()} == {
        line: rule for line, (rule, _) in facts.items()
    }
    assert all(fact in found[line][1] for line, (_, fact) in facts.items())


@pytest.mark.deep
@pytest.mark.parametrize(
    "told",
    ["import os\n\n\nos._exit(0)\n", "import builtins\n\n\nbuiltins.getattr = lambda *_: 1\n"],
    ids=["ends the process", "says that all is there"],
)
def test_a_library_that_spoils_the_answers_is_no_proof(workshop: Workshop, told: str) -> None:
    code = "import spoiler\nimport json\n\njson.parse('1')\n"
    site = workshop.site({"app/views.py": code, **GREEN}, packages=("six",))
    copied = workshop.tree({}) / "environment"
    shutil.copytree(site.environment.path, copied, symlinks=True)
    environment = site.environment.model_copy(update={"path": str(copied)})
    (copied / "lib/python3.11/site-packages/spoiler.py").write_text(told)
    result = answered(workshop, code, replace(site, environment=environment))
    assert (result.status, result.items) == (Status.UNVERIFIED, ())


@pytest.mark.deep
def test_a_change_that_invents_a_name_is_withheld_by_the_rule(stage: Callable[..., Stage]) -> None:
    made = stage(GREEN, test_runner="pytest")
    found = made.weighed(new_DOT_py="import json\nimport ruff_tools\n\njson.parse('1')\n")["names"]
    assert (found.verdict, found.new_failures) == (Status.PASSED, ())
    [module, name] = sorted(found.findings, key=lambda one: one.line or 0)
    assert (module.rule, module.severity) == ("unknown-module", Severity.REVIEW)
    assert (name.rule, name.severity, name.line) == ("invented-api", Severity.BLOCK, 4)
    assert "names" not in made.weighed(new_DOT_py="x = 1\n")


def test_what_the_repository_and_the_file_had_already_is_not_asked() -> None:
    assert {one.name for one in asked_of("import app.models\nimport json\n")} == {"json"}
    had = "import httpx\n\nhttpx.fetch()\n"
    again = Snippet(had + "httpx.fetch()\nhttpx.get('a')\n", base=had)
    names = [(one.name, one.line) for one in library_names.fresh(again.proposal())]
    assert names == [("httpx.get", 5)]
