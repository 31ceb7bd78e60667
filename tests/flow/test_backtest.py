"""Past changes of a repository, made again by a scripted model, and judged by the merged tests."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.flow import model_scripts as model
from tests.flow.model_scripts import PROJECT, Scripts, bash, calls, plan, submit
from tests.flow.stories import Repository
from tests.processes import ROOT, of_home, run_agent
from tests.scripted import serving

pytestmark = pytest.mark.deep

_WHY = "\n\nPeople who ask for it have to get what the name says, and do not."
_SUM = "shop/prices.py"
_RIGHT = PROJECT[_SUM].replace("prices[1:]", "prices")
_STEADY = model.TEST_FILE


def _add(repository: Repository, message: str, files: dict[str, str | bytes]) -> str:
    for path, content in files.items():
        repository.write(path, content)
    return repository.commit(message)


@pytest.fixture
def past(tmp_path: Path) -> tuple[Repository, dict[str, str]]:
    """A repository whose history holds past changes of several kinds; commits by their kinds."""
    made = model.repository(tmp_path / "shop")
    every = (
        ("steady", {_SUM: _RIGHT, "tests/test_total.py": _STEADY}),
        (
            "red all the same",
            {
                "shop/tax.py": "def tax(price):\n    return price\n",
                "tests/test_tax.py": (
                    "from shop.tax import tax\n\n\ndef test_tax():\n    assert tax(1) == 2\n"
                ),
            },
        ),
        (
            "a binary file of the tests",
            {
                "shop/mark.py": "def size(path):\n    return len(path.read_bytes())\n",
                "tests/data/mark.bin": bytes(range(256)),
                "tests/test_mark.py": (
                    "from pathlib import Path\n\nfrom shop.mark import size\n\n\n"
                    "def test_size():\n"
                    "    assert size(Path(__file__).with_name('data') / 'mark.bin') == 256\n"
                ),
            },
        ),
    )
    commits = {kind: _add(made, f"Mend what is {kind}{_WHY}", files) for kind, files in every}
    _add(made, "A subject alone", {"shop/more.py": "", "tests/test_more.py": ""})
    _add(made, f"Tests alone{_WHY}", {"tests/test_less.py": "def test_less(): ...\n"})
    return made, commits


def _environ(home: Path, server) -> dict[str, str]:
    """Settings with a model for edits alone."""
    given = server.environ("chat")
    asked = {"MERGEWRIGHT_MODEL_EDITOR": given["MERGEWRIGHT_MODEL"], "MERGEWRIGHT_MODEL": ""}
    return of_home(home, **{**given, **asked, "MERGEWRIGHT_MODEL_REVIEWER": ""})


@pytest.fixture
def backtest(store: Path, past: tuple[Repository, dict[str, str]]):
    repository, _ = past

    def carry(script, *args: str, home: Path = store):
        with serving(script) as server:
            words = ("backtest", "--repo", str(repository.path), *args, "--json")
            done = run_agent(*words, environ=_environ(home, server), timeout=900)
        assert done.stdout, done.stderr
        return done, json.loads(done.stdout), server.requests

    shutil.rmtree(store / "backtest" / "campaigns", ignore_errors=True)
    return carry


def _by_title(seen, said):
    """Choose what is said by the ticket's title."""
    words = next(one for one in said if one in seen.messages[0][1])
    return said[words]


def _apply(patch: str):
    """A conversation that makes the files what a patch makes of them, and gives in then."""
    made = bash(f"printf %s {shlex.quote(patch)} | git apply -")
    looked = bash("git log --all --format=%H; git fsck --lost-found; find / -name '*.pack'")
    return [
        calls(plan(files=["shop/", "tests/"])),
        calls(looked),
        calls(made, submit()),
        *[calls(submit())] * 9,
    ]


def test_a_model_that_submits_what_was_merged_resolves_all_that_can_be_judged(
    backtest, past, tmp_path
):
    repository, commits = past
    said = {
        # Models write text alone; what a test reads besides comes with the merged tests.
        kind: _apply(
            repository.git("diff", f"{commit}~", commit, "--", *["shop"] * ("binary" in kind))
        )
        for kind, commit in commits.items()
    }

    def work(seen):
        # Neither the merged commit nor a later one can be had where the model works.
        assert not [commit for commit in commits.values() if commit in seen.text]
        return _by_title(seen, said)[seen.turn - 1]

    page = tmp_path / "page.html"
    done, told, requests = backtest(
        Scripts(agent=[work] * 9), "--since", "9000d", "--html", str(page)
    )
    by_kind = {one["title"].removeprefix("Mend what is "): one for one in told["tasks"]}
    assert {kind: one["resolved"] for kind, one in by_kind.items()} == {
        "steady": True, "red all the same": None, "a binary file of the tests": True,
    }  # fmt: skip
    assert by_kind["red all the same"]["end"] == "not run"
    assert "no merged test fails without" in by_kind["red all the same"]["why_not"]
    assert "a subject alone, which is no ticket" in done.stderr
    assert "nothing but tests" in done.stderr
    assert told["figures"]["wrongly_ready"] == 0
    assert done.returncode == 0
    assert len(requests) == told["figures"]["requests"]
    predictions = [json.loads(line) for line in Path(told["predictions"]).read_text().splitlines()]
    assert len(predictions) == 3
    ends = {kind: one["end"] for kind, one in by_kind.items()}
    assert (ends["steady"], ends["a binary file of the tests"]) == ("ready", "draft")
    assert "prices[1:]" in "".join(one["model_patch"] for one in predictions)
    assert "Made here" in page.read_text()
    # It is on record: nothing is asked again.
    again, same, more = backtest(Scripts(agent=[]), "--resume")
    assert (again.returncode, same["figures"], more) == (0, told["figures"], [])


def test_one_that_declines_resolves_nothing_and_hollow_code_is_never_resolved(backtest, past):
    repository, commits = past
    hollow = repository.git("diff", f"{commits['steady']}~", commits["steady"], "--", "tests")
    wrong = [
        calls(plan(files=["shop/", "tests/"])),
        calls(
            bash(
                f"printf %s {shlex.quote(hollow.replace('== 3', '>= 0'))} | git apply -;"
                " sed -i 's/prices\\[1:\\]/prices[2:]/' shop/prices.py"
            ),
            submit(),
        ),
        *[calls(submit())] * 9,
    ]
    declined = [calls(("decline", {"why": "What becomes of it?", "fits": "One that says."}))] * 9
    said = {"steady": wrong, "binary": declined, "red": declined}

    def work(seen):
        return _by_title(seen, said)[seen.turn - 1]

    _, told, _ = backtest(Scripts(agent=[work] * 9), "--since", "9000d")
    ends = {one["title"]: (one["end"], one["resolved"]) for one in told["tasks"]}
    assert told["figures"]["resolved"] == 0, ends
    assert ends["Mend what is a binary file of the tests"] == ("declined", False)
    assert ends["Mend what is steady"][0] != "not run"


def test_a_backtest_that_is_killed_goes_on_without_asking_again(backtest, store, past):
    repository, commits = past
    patch = repository.git("diff", f"{commits['steady']}~", commits["steady"])
    turns, reached, asked = _apply(patch), threading.Event(), []

    def work(seen):
        asked.append(seen.turn)
        if seen.turn == 2 and not reached.is_set():
            reached.set()
            threading.Event().wait(5)
        return turns[seen.turn - 1]

    script = Scripts(agent=[work] * 9)
    words = ["--commits", f"{commits['steady']}~..{commits['steady']}"]
    with serving(script) as server:
        environ = _environ(store, server)
        begun = subprocess.Popen(
            [sys.executable, "-m", "agent", "backtest", "--repo", str(repository.path), *words],
            env=environ, cwd=ROOT,
        )  # fmt: skip
        assert reached.wait(100)
        begun.kill()
        begun.wait()
        done = run_agent("backtest", "--resume", "--json", environ=environ, timeout=300)
    told = json.loads(done.stdout)
    assert told["figures"]["resolved"] == 1, done.stderr
    assert sorted(asked) == [1, 2, 2, 3]
