"""flask-openapi3: Flask with Pydantic; an application among its examples."""

from __future__ import annotations

from tests.flow.model_scripts import calls, create, edit, finish, read
from tests.thirdparty.model_stories.diffs import Part
from tests.thirdparty.model_stories.story import Project, Remark, Story, Test, run_test, when
from tests.thirdparty.sources import Source

PROJECT = Project(
    Source(
        "flask-openapi3",
        "4.3.2",
        "a53a74bd71f07f5fa491c9cc928c7fc2c005a62f21e06b6aa27cfc11aa9ae1bc",
    ),
    wire="anthropic",
    # types: the configuration names a folder that the archive lays out otherwise.
    config="checks: {types: {tool: 'off'}}\n",
    reviewed_by="responses",
)
_APP = "examples/pydantic_custom_root_types.py"
_TESTS = "tests/test_example_of_root_types.py"

BODY = Story(
    name="pydantic-body-2",
    project=PROJECT,
    title="A Pydantic model for the body of /api/v3/sellouts in the example",
    body=(
        f"`post_sellout3` in `{_APP}` takes a dict of anything. It should take a model with"
        " `currency` (three capital letters) and `sellouts`, a dict of `Sellout` that is not empty."
    ),
    look=(
        calls(
            read(_APP),
            read("tests/test_pydantic_custom_root_types.py", 1, 45),
            ("search", {"text": "validation_error_status", "folder": "flask_openapi3"}),
        ),
    ),
    plan={
        "title": "Take a Pydantic model in the third version of the example",
        "category": "feature",
        "steps": ["Put the model in the place of the dict"],
        "files": [_APP],
    },
    proof=(
        Test(f"{_TESTS}::test_a_report_is_taken", "a report comes back as the model has it"),
        Test(f"{_TESTS}::test_anything_else_is_refused", "anything else is answered with 422"),
    ),
    tests=(
        calls(
            create(
                _TESTS,
                """\
import importlib.util
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "pydantic_custom_root_types.py"


@pytest.fixture
def client():
    spec = importlib.util.spec_from_file_location("example_of_root_types", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app.test_client()


def test_a_report_is_taken(client):
    report = {"currency": "EUR", "sellouts": {"a": {"a": "string", "b": "1"}}}
    resp = client.post("/api/v3/sellouts", json=report)
    assert resp.status_code == 200
    assert resp.json == {"currency": "EUR", "sellouts": {"a": {"a": "string", "b": 1}}}


@pytest.mark.parametrize(
    "report",
    [
        {},
        {"currency": "EUR", "sellouts": {}},
        {"currency": "eur", "sellouts": {"a": {"a": "string", "b": 1}}},
        {"currency": "EUR", "sellouts": {"a": {"a": "string"}}},
    ],
)
def test_anything_else_is_refused(client, report):
    assert client.post("/api/v3/sellouts", json=report).status_code == 422
""",
            ),
            run_test(_TESTS),
        ),
        when("5 failed", then=calls(finish("Two tests."))),
    ),
    edit=(
        calls(
            edit(
                _APP,
                "from pydantic import BaseModel, RootModel\n",
                "from pydantic import BaseModel, Field, RootModel\n",
            ),
            edit(_APP, "from typing import Any\n\n", ""),
            edit(
                _APP,
                "class SelloutDict2(RootModel):\n    root: dict[Any, Any]\n",
                """\
class SelloutReport(BaseModel):
    currency: str = Field(pattern="^[A-Z]{3}$")
    sellouts: dict[str, Sellout] = Field(min_length=1)
""",
            ),
            edit(
                _APP,
                "def post_sellout3(body: SelloutDict2):",
                "def post_sellout3(body: SelloutReport):",
            ),
            run_test(_TESTS),
            ("run_check", {"name": "ruff check"}),
        ),
        when("5 passed", "0 new findings", then=calls(finish("Other versions stay as they are."))),
    ),
    files={_APP: "M", _TESTS: "A"},
    diff={
        _APP: Part(
            5,
            (
                "class SelloutReport(BaseModel):",
                '    currency: str = Field(pattern="^[A-Z]{3}$")',
                "    sellouts: dict[str, Sellout] = Field(min_length=1)",
                "def post_sellout3(body: SelloutReport):",
            ),
            (
                "from typing import Any",
                "",
                "from pydantic import BaseModel, RootModel",
                "class SelloutDict2(RootModel):",
                "    root: dict[Any, Any]",
                "def post_sellout3(body: SelloutDict2):",
            ),
        ),
        _TESTS: Part(34, ("def test_anything_else_is_refused(client, report):",)),
    },
    never=("Any", "print("),
    words="Other versions stay as they are.",
    remarks=(Remark("The model could say which currencies are known.", _APP, 24),),
)

STORIES = (BODY,)
