"""What a model proposes to set base up is bounded, before it is built and after it has run."""

import pytest

from agent.errors import RequestRefused
from agent.models.checks import CheckItem, Status, TestRun
from agent.models.environment import Layer
from agent.models.record import replace
from agent.setup import proposed_lines
from tests.unit.editing import desks

FILES = {
    "package.json": "{}",
    ".npmrc": "",
    "app/tests/test_a.py": "",
    "app/tests/test_b.py": "def test_b(): ...",
}
SET_UP = "setup: [mkdir -p data]"


@pytest.fixture
def prepared(tmp_path, home):
    return desks.repository(tmp_path, home, FILES)


def read(text, prepared, home):
    return proposed_lines.read_lines(text, prepared, home / "trees" / "base")


def make_tests(files=None, *, passed: int) -> TestRun:
    items = tuple(
        CheckItem(item_id=f"app/tests/test_a.py::test_{n}", outcome="passed") for n in range(passed)
    )
    return TestRun(name="tests", status=Status.PASSED, items=items, files=files)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("django: {manage: /etc/manage.py}", "not a path in the repository"),
        ("django: {manage: missing.py}", "not in the repository"),
        ("checks: {tests: echo 5 passed}", "must call pytest"),
        ("checks: {tests: off}", "must call pytest"),
        ("scope: {protect: []}", "scope"),
        ("env: {MERGEWRIGHT_MODEL: x}", "MERGEWRIGHT_MODEL"),
        ("checks: {tests: [pytest, make test]}", "not a call of pytest"),
        (f"setup: [{'x' * 301}]", "300 characters"),
        ("!!python/object/apply:os.system ['true']", "proposed.yml:1"),
    ],
)  # fmt: skip
def test_what_goes_beyond_a_set_up_is_refused_before_anything_is_built(prepared, home, text, why):
    with pytest.raises(RequestRefused, match=why):
        read(text, prepared, home)


@pytest.mark.parametrize(
    "text",
    [
        "env: {SECRET_KEY: test, DATABASE_URL: 'postgres://u:p@localhost:5432/db', PYTHONPATH: app}",
        "setup: [npm ci --ignore-scripts]",
        f"setup: [{', '.join(f'make {letter * 90}' for letter in 'abcd')}]",
        f"env: {{{', '.join(f'{letter}: {letter * 90}' for letter in 'abcd')}}}",
        "version: 1\nroot: app\nchecks: {tests: pytest -n auto tests.test_a ./tests/test_b.py}",
        "checks: {tests: pytest --timeout 60 --benchmark-skip app}",
        "checks: {tests: [python app/manage.py test --parallel 2, pytest -q --ignore app/tests]}",
    ],
)
def test_what_a_set_up_needs_is_taken(prepared, home, text):
    findings = read(text, prepared, home).scouted
    assert findings and max(len(finding.message) for finding in findings) < 400, (
        "nobody cuts a line"
    )


def test_a_variable_that_steers_programs_is_left_out_with_a_note(prepared, home):
    contract = read("env: {PYTEST_ADDOPTS: -x, LD_PRELOAD: x.so, A: b}", prepared, home)
    assert contract.config.env == {"A": "b"}
    assert [finding.message for finding in contract.scouted][1:] == [
        f"env.{name} is not set: it changes how programs start."
        for name in ("PYTEST_ADDOPTS", "LD_PRELOAD")
    ]


def test_what_decides_about_tests_is_refused(prepared, home, tmp_path):
    folder_of_base = home / "trees" / "base"
    contract = read(SET_UP, prepared, home)
    files = ("app/tests/test_a.py",)
    for number, (name, refused) in enumerate(
        (
            ("tree/app/conftest.py", True),
            ("tree/app/test_x.py", True),
            ("tree/app/tests/helper.py", True),
            ("tree/app/tests/locale/django.mo", False),
            ("tree/app/_version.py", False),
            ("bulk/0/index.js", False),
            ("tree/data/x", False),
        )
    ):
        folder = tmp_path / f"layer-{number}"
        place = folder / name
        place.parent.mkdir(parents=True)
        place.touch()
        layers = (Layer(folder=str(folder), bulk=("modules",)),)
        environment = replace(prepared.environment, layers=layers)
        made = replace(prepared, contract=contract, environment=environment)
        given = made, make_tests(files, passed=3), folder_of_base
        if refused:
            with pytest.raises(RequestRefused, match=place.name):
                proposed_lines.name_left_out(prepared, *given)
            assert proposed_lines.name_left_out(made, *given), (
                "what the repository's own set-up makes may stay"
            )
        else:
            looked = proposed_lines.name_left_out(prepared, *given)
    lines, left = looked.scouted
    assert "`setup:" in lines.message
    assert left.message.endswith("missing here): app/tests/test_b.py.") and not left.fix
