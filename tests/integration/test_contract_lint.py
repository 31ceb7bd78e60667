"""The rules that ruff checks: their examples by ruff itself, and a change in a sandbox."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.checks import changed_files, readers
from agent.errors import PolicyRefused
from agent.models.change import Change, ChangedFile, Severity
from agent.models.checks import Status
from agent.policy import ruff_contract
from repo_config.schema import RepoConfig
from tests.integration.check_samples import GREEN, Stage

CONTRACT = RepoConfig.model_validate(
    {
        "http_client": "httpx",
        "background_tasks": "celery",
        "concurrency": {"mode": "async"},
        "imports": {"forbid": ["pickle", "app.legacy"]},
    },
    strict=False,
)


def found(folder: Path, files: dict[str, str], config: RepoConfig) -> set[tuple[str, str]]:
    """Return path and rule of all that ruff finds in these files."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content, "latin-1")
    done = subprocess.run(
        [Path(sys.executable).with_name("ruff"), "check", "--no-cache", "--output-format=json",
         *ruff_contract.arguments("3.8"), *ruff_contract.make_ban(config), "."],
        cwd=folder, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    remarks = changed_files.read_remarks(done.stdout)
    assert remarks is not None, done.stderr
    assert b"preview" not in done.stderr, done.stderr
    made = [
        readers.ToolRemark(
            Path(remark.path).relative_to(folder).as_posix(),
            remark.code,
            remark.message,
            remark.line,
        )
        for remark in remarks
    ]
    change = Change(
        base_commit="0" * 40,
        files=tuple(
            ChangedFile(path=path, before=None, after=content.encode("latin-1"))
            for path, content in files.items()
        ),
    )
    items = ruff_contract.select_items(readers.list_items(made), change, config)
    return {(problem.path, problem.rule) for problem in ruff_contract.find_problems(items, config)}


#: By rule: what breaks it, and the same as it should be.
EXAMPLES = {
    "newer-syntax": (
        "with (open('a') as a, open('b') as b): ...  # and requires-python is >=3.8",
        "with open('a') as a, open('b') as b: ...",
    ),
    "http-client": ("import requests  # and http_client is httpx", "import httpx"),
    "http-timeout": (
        "import httpx\n\nhttpx.get(url, timeout=None)",
        "import httpx\n\nhttpx.get(url, timeout=10)",
    ),
    "background-tasks": (
        "from fastapi import BackgroundTasks  # and background_tasks is celery",
        "from celery import shared_task",
    ),
    "forbidden-import": ("import pickle  # and imports.forbid names pickle", "import json"),
    "blocking-call": (
        "import time\n\nasync def poll():\n    time.sleep(5)",
        "import asyncio\n\nasync def poll():\n    await asyncio.sleep(5)",
    ),
    "test-tool-in-source": (
        "import unittest  # in shop/cart.py",
        "import decimal  # and unittest in tests/test_cart.py",
    ),
    "environment-read": ("import os\n\nopen_to_all = os.getenv('OPEN')", "import os"),
    "security-lint": (
        "import requests\n\nrequests.get(url, verify=False, timeout=10)",
        "import requests\n\nrequests.get(url, timeout=10)",
    ),
}


def test_every_rule_is_broken_by_its_bad_example_and_kept_by_its_good_one(tmp_path: Path) -> None:
    files = {}
    for rule, (bad, good) in EXAMPLES.items():
        files |= {f"app/{rule}_bad.py": bad, f"app/{rule}_good.py": good}
    told = found(tmp_path, {path: f"{code}\n" for path, code in files.items()}, CONTRACT)
    for rule in ruff_contract.RULES:
        assert (f"app/{rule.id}_bad.py", rule.id) in told, rule.id
        assert (f"app/{rule.id}_good.py", rule.id) not in told, rule.id


def test_rules_apply_where_they_are_meant_to(tmp_path: Path) -> None:
    told = found(
        tmp_path,
        {
            "tests/test_a.py": "import unittest\nimport requests\n\nrequests.get('a')\n",
            "app/legacy/prices.py": "import app.legacy.rates\n",
            "app/rates.py": "from app.legacy import (\n    dates,\n    rates,\n)\n",
            "app/web.py": "from aiohttp import web\nfrom .requests import get\n",
            "scripts/show.py": "import time\n\nasync def f():\n    time.sleep(1)\n    print(1)\n",
            "app/latin.py": "# coding: latin-1\nimport requests\n\nNAME = 'é'\n",
            "app/new.py": "if sys.version_info > (3, 10):\n    match 1:\n        case 1: ...\n",
            "app/typed.py": "def f(a: int | None): ...\n",
            "tests/test_new.py": "match 1:\n    case 1: ...\n",
        },
        CONTRACT,
    )
    assert told == {
        ("tests/test_a.py", "http-client"),
        ("app/rates.py", "forbidden-import"),
        ("app/latin.py", "security-lint"),
        ("app/new.py", "newer-syntax"),
        ("app/typed.py", "newer-syntax"),
    }


OLD = (
    "import requests\nimport pickle\n\nDATA = pickle.loads(requests.get('a', timeout=1).content)\n"
)


def test_what_is_new_in_a_change_is_weighed_and_what_was_there_is_not(
    stage: Callable[..., Stage],
) -> None:
    made = stage(
        {**GREEN, "old.py": OLD, "gone.py": OLD, "ruff.toml": "[lint]\nselect = []\n"},
        config={"http_client": "httpx", "imports": {"forbid": ["pickle"]}},
        test_runner="pytest",
    )
    counted = made.sandbox.count
    with pytest.raises(PolicyRefused) as caught:
        made.compared(
            old_DOT_py=f"# moved down\n{OLD}requests.post('b', timeout=1)\n",
            gone_DOT_py=None,
            came_DOT_py=OLD,
            new_DOT_py="import requests  # noqa: TID251\n\neval(input())\n",
        )
    assert {
        (finding.rule, finding.path, finding.line, finding.severity)
        for finding in caught.value.findings
    } == {
        ("http-client", "new.py", 1, Severity.BLOCK),
        ("security-lint", "new.py", 3, Severity.REVIEW),
    }
    assert made.sandbox.count == counted + len(("base", "head", "before")), "no test ran"
    result = made.compared(new_DOT_py="eval(input())\n")[ruff_contract.CHECK]
    assert (result.verdict, result.new_failures) == (Status.PASSED, ())
    assert [finding.rule for finding in result.findings] == ["security-lint"]


@pytest.mark.deep
def test_a_lint_that_cannot_run_proves_nothing(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stage(GREEN, test_runner="pytest")
    monkeypatch.setattr(ruff_contract, "arguments", lambda _: ("--no-such-option",))
    result = made.compared(new_DOT_py="NUMBER = 1\n")[ruff_contract.CHECK]
    assert result.verdict is Status.FAILED
