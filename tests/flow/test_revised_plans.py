"""A change as a review wants it, whole: the recipe runs again, and its branch passes all checks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.recipes.recipe import Wish
from agent.recipes.revising import Heard
from tests.flow.stories import SAMPLE, TICKET, Ended

Reviewed = Callable[..., tuple[Ended, list[Heard]]]


@pytest.fixture
def reviewed(sample, store: Path, tmp_path: Path) -> Reviewed:
    """Run `mergewright run --json` with wishes, as a process of its own."""

    def runner(ticket: str, *wishes: Wish) -> tuple[Ended, list[Heard]]:
        asked, heard, place = (tmp_path / name for name in ("asked", "heard", "ticket.md"))
        asked.write_text(json.dumps([one.model_dump() for one in wishes]))
        place.write_text(ticket)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.revised_run", str(asked), str(heard), "run"),
                *("--repo", str(sample.path), "--ticket", str(place), "--json"),
            ],
            env={**os.environ, "MERGEWRIGHT_HOME": str(store)},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.stdout, done.stderr
        said = [Heard.model_validate(one) for one in json.loads(heard.read_text())]
        return Ended(done.returncode, json.loads(done.stdout), done.stderr), said

    return runner


def test_another_name_and_length_with_a_migration_of_its_own(sample, reviewed: Reviewed) -> None:
    line = '    nickname = models.CharField(max_length=50, blank=True, default="")'
    plain = "    nickname = models.CharField(max_length=50, blank=True)"
    ended, heard = reviewed(
        TICKET.read_text(),
        Wish(words="Please rename `nickname` to `called`."),
        Wish(words="Please don't add it to the admin list."),
        Wish(words="default should be an empty string", path="shop/models.py", code=plain, line=9),
        Wish(words="max_length=60", path="shop/models.py", code=line, line=9),
        Wish(words="What about the e-mail?"),
    )
    assert [one.end for one in heard] == ["revised", "revised", "revised", "open", "open"], heard
    assert ended.exit_code == 0, ended.result["sentence"]
    assert {check["verdict"] for check in ended.result["checks"]} == {"passed"}
    branch = ended.result["branch"]
    changed = sample.git("diff", "--name-status", f"main..{branch}").splitlines()
    assert changed == [
        "A\tshop/migrations/0002_customer_called.py",
        "M\tshop/models.py",
        "A\tshop/tests/test_customer_called.py",
    ]
    assert sample.git("log", "-1", "--format=%s", branch) == "Add called to Customer\n"
    models = sample.git("show", f"{branch}:shop/models.py")
    assert 'called = models.CharField(max_length=50, blank=True, default="")' in models


def test_another_level_and_a_print_that_stays(sample, reviewed: Reviewed) -> None:
    info = '    logger.info("Order %s for %s euros", order.pk, order.amount)'
    warned = '            logger.warning("no customer has the address %s", email)'
    path = "shop/services.py"
    ended, heard = reviewed(
        (SAMPLE.parent / "logging_ticket.md").read_text(),
        Wish(words="use logger.debug here instead of info", path=path, code=info, line=19),
        Wish(words="Please leave the print here.", path=path, code=warned, line=29),
    )
    assert [one.end for one in heard] == ["revised", "revised"], heard
    assert ended.exit_code == 0, ended.result["sentence"]
    assert {check["verdict"] for check in ended.result["checks"]} == {"passed"}
    shown = sample.git("show", f"{ended.result['branch']}:{path}")
    assert info.replace("info", "debug") in shown
    assert 'print("Warning: no customer has the address", email)' in shown
    assert "a review wants it to stay" in ended.text
