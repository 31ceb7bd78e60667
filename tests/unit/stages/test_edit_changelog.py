"""The changelog entry becomes part of the change, where the repository has a place for it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from agent.editing.rounds import Draft
from agent.models.change import Change, ChangedFile, Plan
from agent.stages import edit, validate
from agent.text.redaction import REMOVED, Redactor
from repo_config.schema import RepoConfig
from tests.fakes import FakeCodeHost, FakeModel, make_reply
from tests.unit.editing import desks
from tests.unit.stages import code_host_runs as runs

CODE = "def pay():\n    print('paid')\n"
LOG = "# Changes\n\n## Unreleased\n\n- Faster start.\n\n## 1.0\n\n- First.\n"


def carried(tmp_path, home, files, *, config=None, on_forge=True):
    base = runs.prepared(
        tmp_path / "app", home, {"shop/__init__.py": "", "shop/pay.py": CODE, **files},
        config=config, on_forge=on_forge,
    )  # fmt: skip
    desk, said = runs.services(home, FakeCodeHost(runs.TICKET))
    desk.open_base(base)
    plan = Plan(recipe="", title="Log payments", parameters="", steps=(), category="refactor")
    after = CODE.replace("print", "log")
    file = ChangedFile(path="shop/pay.py", before=CODE.encode(), after=after.encode())
    change = Change(base_commit=base.checkout.commit, files=(file,))
    return edit.add_changelog_entry(plan, change, 1, base, desk), said


def config(**sections):
    return RepoConfig.model_validate(sections, strict=False)


def test_each_draft_of_a_model_has_the_line_once_and_the_note_of_it(tmp_path, home):
    base = runs.prepared(tmp_path / "app", home, {"CHANGELOG.md": LOG})
    run_context = desks.run_context(base, home, FakeModel(lambda request: make_reply()))
    plan = Plan(recipe="", title="Count all", parameters="", steps=(), category="bug")

    def change(*paths, kept=()):
        files = [ChangedFile(path=path, before=None, after=b"x = 1\n") for path in paths]
        sorted_files = tuple(sorted((*kept, *files), key=lambda file: file.path))
        return Change(base_commit=base.checkout.commit, files=sorted_files)

    # A rule refuses each, so that no check is run.
    forbidden = ".github/workflows/ci.yml"
    draft = Draft(plan=plan, change=change(forbidden))
    anew = validate.judge_change(draft, run_context)
    entry = anew.draft.change.files[1]
    assert anew.refused
    assert len(anew.draft.change.notes) == 1

    mended = _edited(anew.draft, change("b.py", kept=anew.draft.change.files))
    again = validate.judge_change(mended, run_context).draft
    assert again.change.paths == (forbidden, "CHANGELOG.md", "b.py")
    assert again.change.files[1] == entry
    assert entry.after.count(b"Count all") == 1
    assert again.change.notes == anew.draft.change.notes

    without = _edited(again, change(forbidden, "b.py"))
    assert validate.judge_change(without, run_context).draft.change.files[1] == entry


def _edited(draft, change):
    """Give a draft of which the notes still hold."""
    return replace(draft, change=change.model_copy(update={"notes": draft.change.notes}))


def test_the_diff_of_each_draft_is_on_record_however_long_the_files_are(tmp_path, home):
    secret = "s3cr3t-0123456789abcdef-value"
    long = "".join(f"x_{number} = {number}\n" for number in range(8_000))
    base = runs.prepared(tmp_path / "app", home, {"long.py": long}, on_forge=False)
    run_context = desks.run_context(
        base, home, FakeModel(lambda request: make_reply()), redactor=Redactor([secret])
    )
    plan = Plan(recipe="", title="Count all", parameters="", steps=(), category="bug")
    files = (
        ChangedFile(path=".github/workflows/ci.yml", before=None, after=secret.encode()),
        ChangedFile(
            path="long.py", before=long.encode(), after=long.replace("x_7 = 7\n", "x_7 = 8\n").encode()
        ),
    )  # fmt: skip
    change = Change(base_commit=base.checkout.commit, files=files)
    assert validate.judge_change(Draft(plan=plan, change=change), run_context).refused
    written = (home / "runs" / base.run.run_id / "ledger.jsonl").read_text()
    events = [json.loads(line) for line in written.splitlines()]
    (event,) = [one for one in events if one["event"] == "change.drafted"]
    assert (event["round"], event["change_digest"]) == (1, change.digest)
    assert "-x_7 = 7\n+x_7 = 8\n" in event["diff"]
    assert REMOVED in event["diff"]
    assert secret not in written


@pytest.mark.parametrize(
    ("scope", "rule"),
    [
        ({"protect": ["CHANGELOG.md"]}, "paths"),
        ({"max_files": 1}, "size"),
    ],
)
def test_a_rule_that_forbids_the_line_keeps_the_change_and_is_said(tmp_path, home, scope, rule):
    change, _ = carried(tmp_path, home, {"CHANGELOG.md": LOG}, config=config(scope=scope))
    assert change.paths == ("shop/pay.py",)
    assert f"the rule {rule}" in change.notes[-1]
