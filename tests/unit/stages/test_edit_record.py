"""The diff of each draft is on record."""

import json

from agent.editing.rounds import Draft
from agent.models.change import Change, ChangedFile, Plan
from agent.stages import validate
from agent.text.redaction import REMOVED, Redactor
from tests.fakes import FakeModel, make_reply
from tests.unit.editing import desks
from tests.unit.stages import code_host_runs as runs


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
    assert validate.validate_draft(Draft(plan=plan, change=change), run_context).refused
    written = (home / "runs" / base.run.run_id / "events.jsonl").read_text()
    events = [json.loads(line) for line in written.splitlines()]
    (event,) = [one for one in events if one["event"] == "change.drafted"]
    assert (event["round"], event["change_digest"]) == (1, change.digest)
    assert "-x_7 = 7\n+x_7 = 8\n" in event["diff"]
    assert REMOVED in event["diff"]
    assert secret not in written
