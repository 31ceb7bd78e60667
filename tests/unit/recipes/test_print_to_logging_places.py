"""Levels by context, the logger that is used, what stays, and what is asked."""

from __future__ import annotations

import ast
import re

import pytest

from agent.errors import TicketUnclear
from agent.recipes import registry
from repo_config.schema import RepoConfig
from tests.unit.recipes.print_trees import (
    ASKS,
    RECIPE,
    edited,
    function,
    left,
    levels,
    module,
    settle,
    ticket,
)
from tests.unit.trees import DictTree


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ('print("loaded", x)', "info"),
        ('print("Warning: no", x)', "warning"),
        ('import sys; print("x", file=sys.stderr)', "warning"),
    ],
)
def test_the_level_follows_what_is_said(code, level):
    assert levels(function(code)) == [level]


@pytest.mark.parametrize(
    ("said", "then", "logged"),
    [
        ('f"failed: {e}"', "", 'exception("failed: %s", e)'),
        ('"failed"', "", 'warning("failed")'),
        ('f"failed: {e}"', "raise", 'error("failed: %s", e)'),
        ("traceback.format_exc()", "", 'error("%s", traceback.format_exc())'),
    ],
)
def test_the_traceback_is_logged_where_it_would_be_lost(said, then, logged):
    code = (
        "import traceback\n\n\ndef f(x):\n    try:\n        x()\n"
        f"    except OSError as e:\n        print({said})\n        {then or 'x.no()'}\n"
    )
    made = edited(module(code))["shop/stock.py"].decode()
    assert f"        logger.{logged}\n" in made
    ast.parse(made)


USE = "\n\ndef f(x):\n    print('hi', x)\n"


@pytest.mark.parametrize(
    ("head", "others", "call", "added"),
    [
        ("import logging\n\nLOG = logging.getLogger(__name__)\n", {}, "LOG.info", ""),
        ("import structlog\n\nlog = structlog.get_logger()\n", {}, "log.info", ""),
        (
            "import os\n",
            {
                "log": "import logging\n\nlogger = logging.getLogger('shop')\n",
                "cart": "from .log import logger\n",
            },
            "logger.info",
            "logger = logging.getLogger(__name__)\n",
        ),
    ],
)
def test_the_logger_that_is_there_is_used_else_the_kind_the_package_has(head, others, call, added):
    made = edited(module(head + USE, **others))
    assert list(made) == ["shop/stock.py"]
    text = made["shop/stock.py"].decode()
    assert f"    {call}(" in text
    for part in added.split("---\n"):
        assert part in text
    if not added:
        assert text == (head + USE).replace("print('hi', x)", text.splitlines()[-1].strip())
    ast.parse(text)


def test_what_stands_beside_an_import_that_nothing_needs_stays():
    code = "x = 1; import sys\n\n\ndef f():\n    print('x', file=sys.stderr)\n"
    assert "x = 1; import sys\n" in edited(module(code))["shop/stock.py"].decode()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def main():\n    print('x')\n\n\nif __name__ == '__main__':\n    main()\n", "`main` is the program"),
        ("import click\n\n@click.command()\ndef go():\n    print('x')\n", "`go` is a command"),
        ("import click\n@click.group()\ndef go():\n    _help_go()\ndef _help_go():\n    print('x')\n", "`go` is a command"),
        ("def go():\n    print('\\r50%', flush=True)\n", "steers the terminal"),
        ("def go(stdout):\n    print('x', file=stdout)\n", "stream of its own"),
        ("def print_all():\n    print('x')\n", "as its name says"),
    ],
)  # fmt: skip
def test_what_is_printed_on_purpose_stays(code, reason):
    (found,) = set(left(module(code)).values())
    assert reason in found


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("shop/tests/test_a.py", "folder tests/"),
        ("shop/migrations/0001_a.py", "folder migrations/"),
        ("shop/management/commands/a.py", "folder management/commands/"),
        ("shop/tool.d/a.py", ""),
    ],
)
def test_files_that_are_no_part_of_the_library_stay(path, reason):
    found = left({path: "def f():\n    print('x')\n"})
    assert bool(found) == bool(reason)
    if reason:
        assert list(found) == [f"{path}:2"]
        assert reason in found[f"{path}:2"]


def test_a_program_stays_as_a_whole_unless_it_is_named():
    code = "def run():\n    print('x')\n    _report()\n\n\ndef _report():\n    print('y')\n"
    files = {
        **module(code),
        "pyproject.toml": "[project]\nname='s'\nscripts={s='shop.stock:run'}\n",
    }
    assert list(left(files)) == ["shop/stock.py:2", "shop/stock.py:7"]
    made = edited(files, ASKS.replace("`shop`", "`shop/stock.py`"))["shop/stock.py"].decode()
    assert "    print('x')" in made
    assert "    logger.info('y')" in made


@pytest.mark.parametrize(
    "test",
    [
        "from shop.stock import f\n\ndef test_f(capsys):\n    f()\n    assert capsys.readouterr().out\n",
        "import shop.stock\nfrom unittest import mock\n\ndef test_f():\n    with mock.patch('builtins.print') as p:\n        shop.stock.f()\n    p.assert_called()\n",
    ],
)
def test_what_a_test_reads_stays(test):
    code = "def f():\n    print('all is told')\n\n\ndef g():\n    print('other')\n"
    files = {**module(code), "tests/test_stock.py": test}
    settled = settle(files)
    told = {one.line: one.reason for one in settled.remaining}
    assert "tests/test_stock.py" in told[2]
    assert b"logger.info('other')" in edited(files)["shop/stock.py"]


def test_what_the_configuration_closes_stays_unless_it_is_named():
    config = RepoConfig.model_validate({"scope": {"human_only": ("shop/pay.py",)}})
    code = "def f():\n    print('x')\n"
    settled = settle(module(code, pay=code), config=config)
    assert [work.path for work in settled.files] == ["shop/stock.py"]
    assert [one.format() for one in settled.remaining] == ["shop/pay.py"]
    assert "scope.human_only" in settled.remaining[0].reason
    named = settle(module(code, pay=code), ASKS.replace("`shop`", "`shop/pay.py`"), config)
    assert [work.path for work in named.files] == ["shop/pay.py"]


FILES = {
    "shop/__init__.py": "",
    "shop/stock.py": "def f():\n    print('x')\n",
    "shop/cart.py": "def f():\n    print('x')\n",
    "shop/api/__init__.py": "",
    "shop/api/stock.py": "def f():\n    print('x')\n",
    "src/mail/__init__.py": "",
    "src/mail/send.py": "def f():\n    print('x')\n",
}


WHERE = "### Where prints become log messages\n\n{}\n\n### Leave alone\n\n{}\n\n### Level\n\n{}\n"


@pytest.mark.parametrize(
    ("title", "body", "paths"),
    [
        ("Replace `print` with `logging`", "In `shop.api`, at the level `info`.", ["shop/api/stock.py"]),
        ("Use `logger` instead of `print()` in `shop/cart.py`", "- `mail`\n- `logging.INFO`", ["shop/cart.py", "src/mail/send.py"]),
        ("Prints", WHERE.format(".", "- shop/api\n- `src/`", "info"), ["shop/cart.py", "shop/stock.py"]),
    ],
)  # fmt: skip
def test_a_ticket_says_where(title, body, paths):
    assert [one.name for one in registry.RECIPES if one.match(ticket(body, title))] == [RECIPE.name]
    settled = settle(FILES, body, title=title)
    assert [work.path for work in settled.files] == paths
    assert settled.not_done == ()


@pytest.mark.parametrize(
    "title",
    ["Replace print with logging in shop/cart.py", "Remove all `print` statements", "`logging` is slow"],
)  # fmt: skip
def test_other_tickets_are_not_taken(title):
    assert not RECIPE.match(ticket("", title))


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ("Replace `print` with `logging` at `info`", "are missing"),
        ("Replace `print` with `logging` in `mial/send.py`, `info`", "is it `src/mail/send.py`?"),
        ("Replace `print` with `logging` in `mail`, `info` or `debug`", "`info or debug` is no level"),
    ],
)  # fmt: skip
def test_what_is_missing_comes_back_as_the_form(body, about):
    with pytest.raises(TicketUnclear) as raised:
        settle(FILES, body)
    (asked,) = raised.value.questions
    assert about in asked
    form = "\n".join(raised.value.answer.split("\n  ")[1:])
    filled = re.sub(r"(?m)(log messages: ).*", r"\1mail", form)
    assert settle(FILES, re.sub(r"(?m)(level: ).*", r"\1info", filled)).files


@pytest.mark.parametrize(
    ("head", "after"),
    [
        (
            "from __future__ import annotations\n\nimport sys\nfrom os import path\n\n\n",
            (
                "from __future__ import annotations\n\nimport logging\nimport sys\nfrom os import path\n\n"
                "logger = logging.getLogger(__name__)\n\n\n"
            ),
        ),
    ],
)
def test_a_new_logger_stands_after_the_imports(head, after):
    code = "def f():\n    print('x')\n"
    made = edited(module(head + code))["shop/stock.py"].decode()
    assert made == after + "def f():\n    logger.info('x')\n"


def test_the_notes_count_by_file_and_level_and_name_what_stays():
    files = module(
        "def f(x):\n    print('a')\n    print('error:', x)\n    print()\n    print('.', end='')\n",
        cart="import logging\nlog = logging.getLogger()\n\n\ndef g():\n    print('b')\n",
    )
    settled = settle(files)
    made = RECIPE.apply(DictTree(files), settled.model_dump_json())
    cart, stock, total, *_, alone = made.notes
    assert cart.startswith("`shop/cart.py`: 1 message (1 info)")
    assert stock.startswith("`shop/stock.py`: 2 messages (1 info, 1 error)")
    assert "3 messages (2 info, 1 error)" in total
    assert "shop/stock.py:5" in alone
    text = settled.model_dump_json()
    assert RECIPE.title(text) == "Log instead of printing in shop"
    assert RECIPE.list_touched(text) == ("shop/cart.py", "shop/stock.py")
    assert len(RECIPE.steps(text)) == 3


def test_an_empty_block_keeps_a_statement():
    made = edited(function("if x:", "    print()", "print()  # a line", 'print("a"); print()'))
    assert made["shop/stock.py"].decode().partition("error=None):\n")[2] == (
        '    if x:\n        pass\n    logger.info("a"); pass\n'
    )
