"""The main job: from a ticket to a checked branch."""

from __future__ import annotations

from pathlib import Path

from agent.ledger import verify
from tests.flow.stories import TICKET


def test_a_field_is_added_and_the_branch_passes_its_checks(sample, run):
    before = sample.state()
    ended = run(sample.path, TICKET.read_text())

    assert ended.exit_code == 0, ended.result["sentence"]
    assert ended.result["outcome"] == "open"
    assert ended.result["reason"] == "ready"
    assert ended.result["branch"] == "mergewright/ticket-add-nickname-to-customer"
    assert sample.branches() == ["main", ended.result["branch"]]
    assert sample.state() == before

    changed = sample.git("diff", "--name-status", f"main..{ended.result['branch']}").splitlines()
    assert changed == [
        "M\tshop/admin.py",
        "A\tshop/migrations/0002_customer_nickname.py",
        "M\tshop/models.py",
        "A\tshop/tests/test_customer_nickname.py",
    ]
    assert sample.git("rev-list", "--count", f"main..{ended.result['branch']}") == "1\n"
    assert sample.git("log", "-1", "--format=%s", ended.result["branch"]) == (
        "Add nickname to Customer\n"
    )
    assert ended.result["next"][1].startswith(
        f"git -C {sample.path} merge {ended.result['branch']}"
    )


def test_the_checks_are_shown_base_and_head(sample, run):
    ended = run(sample.path, TICKET.read_text())
    tests = ended.check("tests")
    assert tests["base"] == {"status": "passed", "count": 4, "failures": 0, "skipped": 0}
    assert tests["head"]["status"] == "passed"
    assert tests["head"]["count"] == 4 + len(tests["added"])
    assert tests["added"]
    assert {check["name"] for check in ended.result["checks"]} >= {
        "django check",
        "makemigrations",
        "mypy",
        "ruff check",
        "tests",
    }
    assert all(check["verdict"] == "passed" for check in ended.result["checks"])
    assert all(check["new_failures"] == [] for check in ended.result["checks"])


def test_text_log_and_ledger_tell_the_same_story(sample, run):
    ended = run(sample.path, TICKET.read_text())
    for told in ("nickname", "makemigrations", "Python 3.11", "No findings", "git switch"):
        assert told in ended.text
    assert sample.git("rev-parse", "main").strip()[:12] in ended.text
    assert "[base] tests: passed" in ended.log
    assert "[head] tests: passed" in ended.log
    assert "tests: base passed, head passed, 0 new" in ended.log
    folder = Path(ended.result["log"]).parent
    assert list(verify(folder / "ledger.jsonl", folder.name)) == []
    assert (folder / "pull_request.md").read_text() == ended.text
    assert list(ended.result["seconds"]) == [
        "read ticket",
        "announce",
        "triage",
        "earlier",
        "checkout",
        "read config",
        "onboard",
        "clarify",
        "environment",
        "baseline",
        "plan",
        "approval",
        "edit",
        "policy 1",
        "checks 1",
        "repair 1",
        "review",
        "compare",
        "decide",
        "publish",
    ]


def test_a_dry_run_makes_no_branch(sample, run):
    ended = run(sample.path, TICKET.read_text(), "--dry-run")
    assert ended.exit_code == 0
    assert ended.result["outcome"] == "dry_run"
    assert ended.result["reason"] == "dry_run"
    assert ended.result["branch"] is None
    assert ended.result["commit"] is None
    assert f"git apply {ended.result['patch_path']}\n" in ended.text
    assert sample.branches() == ["main"]


def test_the_same_ticket_again_names_the_branch_that_is_there(sample, run):
    first = run(sample.path, TICKET.read_text())
    second = run(sample.path, TICKET.read_text())
    assert second.exit_code == 0
    assert (second.result["branch"], second.result["commit"]) == (
        first.result["branch"],
        first.result["commit"],
    )
    assert (
        f"The branch {first.result['branch']} holds this very change already"
        in (second.result["sentence"])
    )
    assert len(sample.branches()) == 2


def test_a_second_run_does_not_overwrite_the_first_branch(sample, run):
    first = run(sample.path, TICKET.read_text())
    sample.git("checkout", "-q", first.result["branch"])
    sample.write("note.txt", "by hand\n")
    mine = sample.commit("Add a note")
    sample.git("checkout", "-q", "main")
    second = run(sample.path, TICKET.read_text())
    assert second.exit_code == 0
    assert second.result["branch"] == f"{first.result['branch']}-2"
    assert sample.git("rev-parse", first.result["branch"]).strip() == mine


def test_a_new_failure_withholds_the_branch(sample, run):
    sample.write(
        "shop/tests/test_fields.py",
        "from shop.models import Customer\n\n\n"
        "def test_fields_are_the_agreed_ones():\n"
        "    names = [field.name for field in Customer._meta.fields]\n"
        '    assert names == ["id", "name", "email", "joined"]\n',
    )
    sample.commit()
    before = sample.state()
    ended = run(sample.path, TICKET.read_text())
    assert ended.exit_code == 1
    assert ended.result["reason"] == "new_failures"
    assert ended.result["branch"] is None
    assert ended.check("tests")["new_failures"] == [
        "shop/tests/test_fields.py::test_fields_are_the_agreed_ones"
    ]
    assert "test_fields_are_the_agreed_ones" in ended.result["sentence"]
    assert "test_fields_are_the_agreed_ones" in ended.text
    assert "nickname" in ended.text
    assert sample.branches() == ["main"]
    assert sample.state() == before


def test_a_failure_that_was_there_before_does_not_withhold(sample, run):
    sample.write("shop/tests/test_red.py", "def test_always_red():\n    assert 1 == 2\n")
    sample.commit()
    ended = run(sample.path, TICKET.read_text())
    assert ended.exit_code == 0
    tests = ended.check("tests")
    assert tests["base"]["failures"] == 1
    assert tests["head"]["failures"] == 1
    assert tests["new_failures"] == []


def test_pending_migrations_of_the_base_withhold_with_their_names(sample, run):
    models = (sample.path / "shop/models.py").read_text()
    sample.write("shop/models.py", models.replace("max_digits=8", "max_digits=9"))
    sample.commit()
    ended = run(sample.path, TICKET.read_text())
    assert ended.exit_code == 1
    assert ended.result["reason"] == "unasked_operations"
    assert "amount" in ended.result["sentence"]
    assert sample.branches() == ["main"]


def test_a_base_can_be_named(sample, run):
    sample.git("checkout", "-q", "-b", "work")
    sample.write("README.md", "work\n")
    sample.commit()
    ended = run(sample.path, TICKET.read_text(), "--base", "main", "--dry-run")
    assert ended.exit_code == 0
    assert sample.git("rev-parse", "main").strip()[:12] in ended.text
