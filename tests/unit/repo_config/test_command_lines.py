"""Which command lines are calls of known tools, and which are left to a shell."""

import pytest

from repo_config import command_lines
from repo_config.command_lines import SuiteCommand


@pytest.mark.parametrize(
    ("line", "tool", "words"),
    [
        ("ruff check . --select E", "ruff check", (".", "--select", "E")),
        ("python -m mypy 'a b'", "mypy", ("a b",)),
        ("/usr/bin/flake8", "flake8", ()),
        ("ruff --version", "", ()),
        ("make lint", "", ()),
        ("mypy src && mypy tests", "", ()),
        ("MYPYPATH=x mypy src", "", ()),
        ("black $FILES", "", ()),
        ("mypy 'src", "", ()),
    ],
)
def test_a_call_of_one_tool_is_read_and_all_else_is_left_to_a_shell(
    line: str, tool: str, words: tuple[str, ...]
) -> None:
    found = command_lines.read_command(line)
    assert (found.tool, found.words, found.line) == (tool, words, line)
    assert found.name == (tool or line)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("pytest -q -k 'a and (b)'", SuiteCommand("pytest", None, ("-q", "-k", "a and (b)"))),
        ("pytest -o 'x=*.py'", SuiteCommand("pytest", None, ("-o", "x=*.py"))),
        ("pytest tests/*.py", SuiteCommand("command")),
        ("python3 -m pytest", SuiteCommand("pytest")),
        ("python src/manage.py test shop", SuiteCommand("django", "src/manage.py", ("shop",))),
        ("./manage.py test", SuiteCommand("django", "manage.py")),
        ("./manage.py migrate", SuiteCommand("command")),
        ("python -m django test -v 2", SuiteCommand("django", None, ("-v", "2"))),
        ("python tests/runtests.py", SuiteCommand("django", "tests/runtests.py")),
        ("cd src && pytest -q", SuiteCommand("pytest", None, ("-q",), "src")),
        ("cd a && python b/run.py", SuiteCommand("django", "a/b/run.py", (), "a")),
        ("cd ../src && pytest", SuiteCommand("command")),
        ("cd src && pytest && true", SuiteCommand("command")),
        ("tox -e py", SuiteCommand("command")),
    ],
)
def test_the_command_of_the_tests_says_what_runs_them(line: str, command: SuiteCommand) -> None:
    assert command_lines.read_test_command(line) == command
