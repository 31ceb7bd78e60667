"""Why no test runs: the last error."""

import pytest

from agent.models.checks import CheckItem, Status, TestRun
from agent.models.sandbox import SANDBOX_TREE
from agent.setup import obstacles

TRACEBACK = """\
Traceback (most recent call last):
  File "/env/lib/python3.11/site-packages/django/conf/__init__.py", line 3, in x
    y()
  File "{root}/config/settings.py", line 165, in <module>
    connect()
    ~~~~~~~^^
  File "/usr/lib/python3.11/sqlite3/__init__.py", line 9, in connect
    x()
{error}

Some words of the runner.
"""
PYTEST = """\
ImportError while importing test module '{root}/tests/test_a.py'.
/usr/lib/python3.11/importlib/__init__.py:126: in import_module
    return _bootstrap._gcd_import(name[level:], package, level)
tests/test_a.py:1: in <module>
    import lib
E   {error}
E   and more of it
E
E   (Background: https://example.org/)
/env/lib/python3.11/site-packages/lib/base.py:206: SomeError
=========================== short test summary info ============================
ERROR tests/test_a.py - some words
"""
FOREIGN = """\
Traceback (most recent call last):
  File "/env/bin/pytest", line 8, in <module>
{error}
"""
SYNTAX = PYTEST.replace("E   {error}", 'E     File "{root}/lib.py", line 19\nE   {error}')


def result(output="", *items, **facts):
    return TestRun(name="tests", status=Status.FAILED, output=output, items=items, **facts)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (TRACEBACK, "sqlite3.OperationalError: unable to open"),
        (PYTEST, "ModuleNotFoundError: No module named 'lib_b'"),
        (SYNTAX, "SyntaxError: invalid syntax"),
        (TRACEBACK + FOREIGN, "OSError: no space"),
    ],
)
def test_the_last_error_is_named(text, error):
    printed = text.format(error=error, root=SANDBOX_TREE)
    item = CheckItem(item_id="tests/test_a.py (collection)", outcome="error", text=printed)
    for one in (result(printed), result("", item)):
        found = obstacles.find_obstacle(one, "")
        # In a sentence, backticks alone end what is quoted.
        assert f"`{error}`." in found.words
        assert error in found.evidence


def test_without_an_environment_its_words_are_the_cause():
    lines, steps = ("uv pip install -e .",), ["uv sync; mkdir data"]
    found = obstacles.find_obstacle(None, "No wheel of pycurl.", lines, steps)
    assert found.words.startswith("No wheel of pycurl.")
    assert found.words.endswith("CI's steps that did not run here: `uv sync; mkdir data`.")
    assert "`setup: [uv pip install -e ., COMMAND]`" in found.words
    assert "root: FOLDER" not in found.words
    assert "`root: FOLDER`" in obstacles.find_obstacle(None, "No wheel of pycurl.").words


@pytest.mark.parametrize("outcome", ["failed", "error"])
def test_tests_that_ran_and_failed_did_start(outcome):
    text = "urllib.error.URLError: <urlopen error [Errno -3] Try again>"
    items = [CheckItem(item_id=f"a::{n}", outcome=outcome, text=text) for n in range(11)]
    words = obstacles.find_obstacle(result("", *items), "").words
    assert words.startswith("11 of 11 tests fail on the base commit. Last error: ")
    lost = CheckItem(item_id="a.py (collection)", outcome="error", text=text)
    words = obstacles.find_obstacle(result("", lost), "").words
    assert words.startswith("Tests cannot start on the base commit: ")


def test_tests_that_only_end_in_errors_are_not_measured():
    error, passed = (CheckItem(item_id="a", outcome=run) for run in ("error", "passed"))
    assert not obstacles.is_measured(result("", error))
    assert not obstacles.is_measured(result("no test was run"))
    assert obstacles.is_measured(result("", error, passed))
    assert obstacles.is_measured(result("", files=())), "there are none"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (("example/test_a.py",), "Only 1 of 3 test modules ran."),
        (("tests/test_b.py", "tests/test_c.py"), ""),
    ],
)
def test_it_is_said_when_most_test_modules_take_no_part(tree, files, words):
    holding = dict.fromkeys(
        ("example/test_a.py", "tests/test_b.py", "tests/test_c.py"), b"def test"
    )
    holding |= {
        "tests/conftest.py": b"def test_client",
        "tests/test_data.py": b"",
        "app/models.py": b"def test",
    }
    ran = TestRun(name="tests", status=Status.PASSED, files=files)
    missing, said = obstacles.find_missing_modules(ran, tree(holding))
    assert said == words
    assert {*files, *missing} == {path for path in holding if "/test_" in path} - {
        "tests/test_data.py"
    }
