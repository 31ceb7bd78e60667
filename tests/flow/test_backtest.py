"""Past changes of a repository, made again by a scripted model, and judged by the merged tests."""

import json
import shlex
import time
from pathlib import Path

import pytest

from tests.flow import model_scripts as model
from tests.flow.model_scripts import PROJECT, Scripts, bash, calls, plan, submit
from tests.flow.stories import Repository
from tests.processes import of_home, run_agent
from tests.scripted import serving
from tests.simulator import actions, pull_actions
from tests.simulator.records import Repository as Hosted
from tests.simulator.serving import running
from tests.simulator.world import World

pytestmark = pytest.mark.deep

_WHY = "\n\nPeople who ask for it have to get what the name says, and do not."
_SUM = "shop/prices.py"
_RIGHT = PROJECT[_SUM].replace("prices[1:]", "prices")
_STEADY = model.TEST_FILE


def _add(repository: Repository, message: str, files: dict[str, str]) -> str:
    for path, content in files.items():
        repository.write(path, content)
    return repository.commit(message)


#: In the order of their merges: what is red would have a set-up looked for.
_KINDS: dict[str, dict[str, str]] = {
    "steady": {_SUM: _RIGHT, "tests/test_total.py": _STEADY},
    "a new dependency": {
        "pyproject.toml": PROJECT["pyproject.toml"].replace(
            '"1.0"\n', '"1.0"\ndependencies = ["six"]\n'
        ),
        "shop/texts.py": "import six\n\n\ndef text(raw):\n    return six.ensure_str(raw)\n",
        "tests/test_texts.py": (
            "from shop.texts import text\n\n\ndef test_text():\n    assert text(b'a') == 'a'\n"
        ),
    },
    "a forced base": {
        "shop/three.py": "def three():\n    return 3\n",
        "tests/test_three.py": (
            "from shop.three import three\n\n\ndef test_three():\n    assert three() == 3\n"
        ),
    },
    "flaky": {
        "shop/lot.py": "def draw():\n    return 1\n",
        "tests/test_lot.py": (
            "from random import randrange\n\nimport pytest\n\nfrom shop.lot import draw\n\n"
            "LOT = randrange(1000)\n\n\ndef test_draw():\n    assert draw() == 1\n\n\n"
            "@pytest.mark.parametrize('number', range(1000))\ndef test_lot(number):\n"
            "    assert number == LOT\n"
        ),
    },
    "red all the same": {
        "shop/tax.py": "def tax(price):\n    return price\n",
        "tests/test_tax.py": (
            "from shop.tax import tax\n\n\ndef test_tax():\n    assert tax(1) == 2\n"
        ),
    },
}


def _environ(home: Path, server) -> dict[str, str]:
    """Return settings with a model for edits alone."""
    models = server.environ("chat")
    editor = {"MERGEWRIGHT_MODEL_EDITOR": models["MERGEWRIGHT_MODEL"], "MERGEWRIGHT_MODEL": ""}
    return of_home(home, **{**models, **editor, "MERGEWRIGHT_MODEL_REVIEWER": ""})


def _by_title(seen, replies):
    """Choose what is said by the ticket's title."""
    words = next(finding for finding in replies if finding in seen.messages[0][1])
    return replies[words]


def _apply(patch: str):
    """Return a conversation that edits files as a patch does, and submits then."""
    made = bash(f"printf %s {shlex.quote(patch)} | git apply -")
    looked = bash("git log --all --format=%H; git fsck --lost-found; find / -name '*.pack'")
    return [
        calls(plan(files=["shop/", "tests/"])),
        calls(looked),
        calls(made, submit()),
        *[calls(submit())] * 9,
    ]


def _merge(hosted: Hosted, there: Repository, kind: str) -> None:
    """Add an issue, a pull request that closes it, later words in both, and the merge."""
    ann = hosted.world.user("ann")
    issue = actions.open_issue(hosted, ann, f"Mend what is {kind}", _WHY.strip(), [])
    there.git("checkout", "-q", "-b", kind.replace(" ", "-"), "main")
    _add(there, kind, _KINDS[kind])
    there.git("push", "-q", str(hosted.git_dir), "HEAD")
    time.sleep(1.1)  # GitHub's times are whole seconds
    pull = pull_actions.open_pull(
        hosted,
        ann,
        title="Done",
        body=f"Closes #{issue.number}",
        head=kind.replace(" ", "-"),
        base="main",
        draft=False,
    )
    time.sleep(1.1)
    actions.edit(issue, ann, title="SOLVED", body="SOLVED: do as #1 did")
    pull_actions.merge(pull, ann)
    there.git("fetch", "-q", str(hosted.git_dir), "+main:refs/remotes/merged")
    there.git("checkout", "-q", "main")
    there.git("reset", "-q", "--hard", "refs/remotes/merged")
    if kind == "a forced base":
        pull.base_sha = "d" * 40


@pytest.mark.index
def test_a_model_that_submits_what_was_merged_resolves_all_that_can_be_judged(store, tmp_path):
    there = model.repository(tmp_path / "shop")
    world = World(tmp_path / "hosted")
    with running(world) as address:
        for login in ("ann", "robot"):
            world.add_user(login)
        hosted = world.add_repository("corner/shop", there.path)
        world.grant(hosted, "robot", "read")
        for kind in _KINDS:
            _merge(hosted, there, kind)
        replies = {kind: _apply(_find_patch(there, kind)) for kind in _KINDS}

        def work(seen):
            # Neither what was merged, nor what people wrote when it was, can be had.
            assert "SOLVED" not in seen.text
            assert there.git("rev-parse", "main").strip() not in seen.text
            return _by_title(seen, replies)[seen.turn - 1]

        page = tmp_path / "page.html"
        with serving(Scripts(agent=[work] * 20)) as server:
            environ = _environ(store, server) | {
                "MERGEWRIGHT_GITHUB_URL": f"{address}/api/v3",
                "MERGEWRIGHT_GITHUB_TOKEN": world.token_for("robot"),
            }
            words = ("backtest", "--repo", "corner/shop", "--jobs", "2", "--json")
            done = run_agent(*words, "--html", str(page), environ=environ, timeout=900)
            assert done.stdout, done.stderr
            report, requests = json.loads(done.stdout), len(server.requests)
            again = run_agent("backtest", "--resume", "--json", environ=environ)
            # It is on record: nothing is asked again.
            assert (json.loads(again.stdout)["figures"], len(server.requests)) == (
                report["figures"], requests,
            )  # fmt: skip
    by_kind = {task["title"].removeprefix("Mend what is "): task for task in report["tasks"]}
    resolved = {kind: task["resolved"] for kind, task in by_kind.items()}
    assert resolved == {kind: True for kind in _KINDS if kind != "a forced base"} | {
        "red all the same": None
    }, done.stderr
    assert "no merged test fails before" in by_kind["red all the same"]["why_not"]
    assert by_kind["flaky"]["unsteady"]
    assert "the base commit no longer exists" in done.stderr
    assert report["figures"]["wrongly_ready"] == 0
    assert done.returncode == 0
    assert requests == sum(task["requests"] for task in report["tasks"])
    ends = {kind: task["end"] for kind, task in by_kind.items()}
    assert ends["steady"] == "ready"
    assert ends["a new dependency"] == "draft"
    predictions = Path(report["predictions"]).read_text().splitlines()
    assert "prices[1:]" in "".join(json.loads(line)["model_patch"] for line in predictions)
    assert "This run" in page.read_text()


def _find_patch(there: Repository, kind: str) -> str:
    """Return what a model submits: text alone, and no test that fails at times."""
    branch = kind.replace(" ", "-")
    base = there.git("merge-base", "main~0", f"{branch}~").strip()
    places = ["shop"] if kind == "flaky" else ["."]
    return there.git("diff", base, branch, "--", *places)
