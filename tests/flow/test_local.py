"""`mergewright run --repo FOLDER --ticket FILE`: from a ticket to a checked branch, or the reason why not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.telemetry import signed_log, signing
from tests.flow.stories import TICKET

#: What `git diff --name-status` says of the ticket.
ADDED = [
    "M\tshop/admin.py",
    "A\tshop/migrations/0002_customer_nickname.py",
    "M\tshop/models.py",
    "A\tshop/tests/test_customer_nickname.py",
]


@pytest.mark.deep
def test_a_field_is_added_on_a_branch_that_passes_its_checks(sample, run):
    # What was red before does not withhold; what is not committed takes no part, and stays.
    sample.write("shop/tests/test_red.py", "def test_always_red():\n    assert 1 == 2\n")
    sample.commit("A red test")
    models = (sample.path / "shop/models.py").read_text()
    sample.write("shop/models.py", models + "\n# half done\n")
    sample.write("notes.txt", "untracked")
    before = sample.state()
    ended = run(sample.path / "shop", TICKET.read_text())

    assert ended.exit_code == 0, ended.result["sentence"]
    assert (ended.result["state"], ended.result["reason"]) == ("open", "ready")
    branch = ended.result["branch"]
    assert sample.branches() == ["main", branch]
    assert sample.state() == before
    assert sample.git("diff", "--name-status", f"main..{branch}").splitlines() == ADDED
    assert sample.git("rev-list", "--count", f"main..{branch}") == "1\n"
    assert "half done" not in sample.git("show", f"{branch}:shop/models.py")

    tests = ended.check("tests")
    base = {name: tests[name] for name in ("base", "base_count", "base_failures", "base_skipped")}
    assert [*base.values()] == ["failed", 5, 1, 0]
    assert tests["head_count"] == 5 + len(tests["added"]) > 5
    assert tests["head_failures"] == 1
    checks = ended.result["judged"]["checks"]
    assert {check["name"] for check in checks} >= {
        "django check", "makemigrations", "mypy", "ruff check", "tests",
    }  # fmt: skip
    assert {check["verdict"] for check in checks} == {"passed"}
    assert not any(check.get("new_failures") for check in checks)

    folder = Path(ended.result["files"]["log"]).parent
    key = signing.read_public_key(folder.parents[1] / signing.PUBLIC_FILE)
    log = signed_log.verify_log(folder, key)
    assert (log.problems, log.commit) == ((), ended.result["commit"])
    assert {"change.patch", "checks-base.json", "checks-head.json"} < set(log.files)
    assert all(words in ended.text for words in (key, log.digests[0]))
    assert (folder / "pull_request.md").read_text() == ended.text
    assert sample.git("rev-parse", "main").strip()[:12] in ended.text
    # The recipe's own test is run without its edits as well.
    (row,) = [line for line in ended.text.splitlines() if line.startswith("| `shop/tests/test_c")]
    assert re.search(r"\| failed: .*nickname.* \| passed \|$", row), row
    assert list(ended.result["seconds"])[-3:] == ["decide 1", "publish", "deliver"]
