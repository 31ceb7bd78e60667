"""A base that adds a migration where an open pull request of ours adds one."""

from collections.abc import Callable

import pytest

from tests.flow.github_stories import MODELS, Story, await_, push_tint
from tests.simulator.records import CheckRun

pytestmark = pytest.mark.timeout(600)


def await_check(told: Story, fits: Callable[[CheckRun], bool]) -> CheckRun:
    return await_(lambda: next(filter(fits, told.checks()), None), "the check", 240)


@pytest.mark.deep
def test_a_recipe_makes_its_migration_again_after_the_one_of_the_base(story):
    told = story()
    told.label()
    told.assert_ready()
    (branch,), (before,) = told.branches(), told.checks()
    base = push_tint(told)
    check = await_check(told, lambda check: check.head_sha != before.head_sha)
    assert check.conclusion == "success"
    migrations = told.git("ls-tree", "--name-only", branch, "till/migrations/").split()
    assert [path.rpartition("/")[2] for path in migrations] == [
        "0001_initial.py", "0002_tint.py", "0003_coin_note.py", "__init__.py",
    ]  # fmt: skip
    made = told.git("show", f"{branch}:till/migrations/0003_coin_note.py")
    assert "0002_tint" in made
    assert told.git("merge-base", branch, "main").strip() == base
    (pull,) = told.pulls()
    assert not pull.pull.draft


@pytest.mark.deep
def test_a_fork_that_people_have_to_mend_is_told_on_the_check(story):
    told = story()
    told.label()
    told.assert_ready()
    (branch,) = told.branches()
    text = told.git("show", f"{branch}:{MODELS}").replace("Add the coins up.", "Add up.")
    commit = told.push(MODELS, text, "Say it shorter")
    push_tint(told)
    check = await_check(told, lambda check: check.conclusion == "failure")
    assert check.head_sha == commit
    (pull,) = told.pulls()
    assert pull.pull.draft
    assert told.git("rev-parse", branch).strip() == commit
    words = await_(
        lambda: next((c.body for c in told.comments() if "till/migrations" in c.body), None),
        "the status comment",
    )
    assert "0002_coin_note.py" in words and "0002_tint.py" in words
    await_(lambda: all(run.outcome for run in told.runs()) or None, "the end")
    assert {run.run.follow_up.kind for run in told.runs() if run.run.follow_up} == {"update"}
