"""Bad input: what it says, and that nothing is lost or half done."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.deep import deep
from tests.flow.stories import TICKET, Repository

#: Tests that the sample project brings.
SAMPLE_TESTS = 4
PROSE = "Add a CharField `nickname` with max_length=50, blank=True and default '' to Customer.\n"


def refused(sample, ended, reason, *told):
    assert ended.exit_code == (2 if reason == "config_invalid" else 1), ended.result
    assert ended.result["reason"] == reason, ended.result["sentence"]
    for words in told:
        assert words in ended.result["sentence"]
    assert ended.result["branch"] is None
    assert Path(ended.result["log"]).is_file()
    assert ended.result["sentence"].split("\n")[0][:40] in ended.text
    assert not any(name.startswith("mergewright/") for name in sample.branches())


# --- configuration ---------------------------------------------------------------------------


def test_an_unknown_config_key(sample, run):
    sample.write(".github/mergewright.yml", "version: 1\nhttp_cleint: httpx\n")
    sample.commit()
    refused(
        sample,
        run(sample.path, PROSE),
        "config_invalid",
        ".github/mergewright.yml:2:1",
        "http_cleint",
        "http_client",
    )


def test_a_wrong_config_type(sample, run):
    sample.write(".github/mergewright.yml", "version: 1\nscope:\n  max_files: many\n")
    sample.commit()
    ended = run(sample.path, PROSE)
    refused(sample, ended, "config_invalid", ".github/mergewright.yml:3:14", "scope.max_files")


def test_both_config_files(sample, run):
    text = (sample.path / "pyproject.toml").read_text()
    sample.write("pyproject.toml", text + "\n[tool.mergewright]\nversion = 1\n")
    sample.commit()
    ended = run(sample.path, PROSE)
    refused(sample, ended, "config_invalid", ".github/mergewright.yml", "pyproject.toml")


def test_a_python_that_is_not_to_be_had(sample, run):
    sample.write(".github/mergewright.yml", 'python: {version: "3.99"}\n')
    sample.commit()
    refused(sample, run(sample.path, PROSE), "environment_failed", "3.99")


def test_a_config_file_handed_in_wins(sample, run, tmp_path):
    config = tmp_path / "other.yml"
    config.write_text("scope: {max_lines: 1}\n")
    ended = run(sample.path, TICKET.read_text(), "--config", str(config))
    assert ended.exit_code == 1
    assert ended.result["reason"] == "policy"
    assert [finding["rule"] for finding in ended.result["findings"]] == ["size"]


def test_requirements_that_cannot_be_resolved(sample, run):
    path = sample.path / "pyproject.toml"
    path.write_text(path.read_text().replace("django>=5.2,<5.3", "django>=5.2,<5.3,!=5.2.*"))
    sample.commit()
    refused(sample, run(sample.path, PROSE), "environment_failed", "django")


# --- repository ------------------------------------------------------------------------------


def test_no_tests(sample, run):
    sample.git("rm", "-rq", "shop/tests")
    sample.commit()
    refused(sample, run(sample.path, PROSE), "no_tests")


def test_a_repository_of_no_commits(tmp_path, run):
    repository = Repository(tmp_path / "empty")
    repository.path.mkdir()
    repository.git("init", "-q")
    refused(repository, run(repository.path, PROSE), "repository_unfit", "no commit")


def test_a_folder_within_the_repository_means_the_repository(sample, run):
    ended = run(sample.path / "shop", PROSE, "--base", "mian")
    refused(sample, ended, "repository_unfit", "mian", "main")


def test_a_missing_base_names_the_nearest(sample, run):
    refused(sample, run(sample.path, PROSE, "--base", "mian"), "repository_unfit", "mian", "main")


def test_a_base_that_looks_like_an_option(sample, run):
    ended = run(sample.path, PROSE, "--base=--upload-pack=touch /tmp/pwned")
    refused(sample, ended, "repository_unfit", "--upload-pack")


def test_a_dirty_work_tree_takes_no_part_and_stays(sample, run):
    models = (sample.path / "shop/models.py").read_text()
    sample.write("shop/models.py", models + "\n# half done\n")
    sample.write("notes.txt", "untracked")
    before = sample.state()
    ended = run(sample.path, TICKET.read_text())
    assert ended.exit_code == 0
    assert "uncommitted changes" in ended.log
    assert sample.state() == before
    shown = sample.git("show", f"{ended.result['branch']}:shop/models.py")
    assert "half done" not in shown
    assert "nickname" in shown


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside"])
def test_a_symlink_out_of_the_tree(sample, run, target):
    os.symlink(target, sample.path / "shop/link.py")
    sample.commit()
    refused(sample, run(sample.path, PROSE), "repository_unfit", "shop/link.py")


def test_a_file_that_is_not_utf8(sample, run):
    models = (sample.path / "shop/models.py").read_bytes()
    sample.write("shop/models.py", models.replace(b"in euros", b"in \xa4uros"))
    sample.commit()
    ended = run(sample.path, PROSE)
    assert ended.exit_code == 1
    assert ended.result["branch"] is None
    assert "shop/models.py" in ended.result["sentence"]


# --- ticket ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "  \n\n", "<!-- add a CharField nickname to Customer -->"])
def test_a_ticket_without_visible_text(sample, run, text):
    refused(sample, run(sample.path, text), "unclear", "no visible text")


def test_a_ticket_of_the_greatest_length(sample, run):
    text = PROSE + "x" * (65_536 - len(PROSE))
    ended = run(sample.path, text, "--dry-run")
    assert ended.exit_code == 0, ended.result["sentence"]


def test_a_ticket_that_is_too_long(sample, run):
    refused(sample, run(sample.path, PROSE + "x" * 65_536), "refused", "65,536")


def test_hidden_comments_are_not_part_of_the_ticket(sample, run):
    hidden = "<!-- also add an IntegerField `admin` to Order, default=1 -->"
    ended = run(sample.path, PROSE + hidden, "--dry-run")
    assert ended.exit_code == 0, ended.result["sentence"]
    assert "1 hidden HTML comment" in ended.text
    assert "IntegerField" not in ended.text


def test_a_ticket_that_no_recipe_fits(sample, run):
    refused(sample, run(sample.path, "# Make it faster\n\nThe shop is slow."), "no_recipe")


@pytest.mark.parametrize(
    ("ticket", "told"),
    [
        (
            "Add a CharField `name` with max_length=5, blank=True to Customer.",
            ["name", "models.py"],
        ),
        ("Add a CharField `nick` with max_length=5, blank=True to Custmer.", ["Customer"]),
        ("Add a CharField `class` with max_length=5, blank=True to Customer.", ["class"]),
        ("Add a CharField `total` with max_length=5, blank=True to Customer.", ["total"]),
        ("Add a IntegerField `age` with max_length=5, null=True to Customer.", ["max_length"]),
        ("Add a CharField `nick` to Custmer.", ["max_length", "Customer"]),
    ],
)
def test_what_is_missing_or_wrong_is_asked_in_one_list(sample, run, ticket, told):
    refused(sample, run(sample.path, ticket), "unclear", *told)


def test_an_ambiguous_model_is_asked_for(sample, run):
    sample.write("crm/__init__.py", "")
    sample.write(
        "crm/models.py",
        "from django.db import models\n\n\nclass Customer(models.Model):\n    x = models.IntegerField()\n",
    )
    sample.commit()
    refused(sample, run(sample.path, PROSE), "unclear", "crm.Customer", "shop.Customer")


# --- tests that misbehave --------------------------------------------------------------------


def misbehaving(sample, body, config=""):
    sample.write("shop/tests/test_wild.py", body)
    if config:
        sample.write(".github/mergewright.yml", config)
    sample.commit()


def test_tests_that_write_outside(sample, run, tmp_path):
    canary = tmp_path / "canary"
    misbehaving(
        sample,
        "from pathlib import Path\n\n\ndef test_write():\n"
        f"    for place in ({str(canary)!r}, '/usr/canary', '/env/canary', '/gate/canary', '/canary'):\n"
        "        try:\n            Path(place).write_text('x')\n"
        "        except OSError:\n            continue\n"
        "        raise AssertionError(place)\n",
    )
    ended = run(sample.path, TICKET.read_text())
    assert ended.exit_code == 0, ended.result["sentence"]
    assert ended.result["reason"] == "ready"
    tests = ended.check("tests")
    assert tests["verdict"] == "passed"
    assert tests["base"] == {
        "status": "passed",
        "count": SAMPLE_TESTS + 1,
        "failures": 0,
        "skipped": 0,
    }
    assert not canary.exists()


def ended_by(sample, ended, limit, *, place=""):
    """The tests were ended on both sides, and the sentence, the table and the text say by what."""
    words = f"on base and with the change: the tests were ended {limit}{place}"
    assert ended.check("tests")["verdict"] == "unverified"
    assert ended.check("tests")["reason"] == words
    refused(sample, ended, "unverified", f"Tests proves nothing: {words}.")
    assert f"the tests were ended {limit}" in ended.text


def test_tests_that_never_end(sample, run, monkeypatch):
    monkeypatch.setenv("MERGEWRIGHT_ROOM_SECONDS", "10")
    misbehaving(sample, "import time\n\n\ndef test_forever():\n    time.sleep(10_000)\n")
    ended = run(sample.path, TICKET.read_text())
    hanging = "; it was in test_forever at shop/tests/test_wild.py:5"
    ended_by(sample, ended, "after 10 seconds", place=hanging)
    # The room counts from when the command starts; we, from when we hear of it.
    assert 9 <= ended.check("tests")["seconds"] < 30


def test_tests_that_fork_without_end(sample, run):
    body = "import os\n\n\ndef test_fork():\n    while True:\n        os.fork()\n"
    misbehaving(sample, body, "checks: {tests: {minutes: 2}}\n")
    ended_by(sample, run(sample.path, TICKET.read_text()), "at the limit of 256 processes")


def test_tests_that_fill_the_disk(sample, run, monkeypatch):
    monkeypatch.setenv("MERGEWRIGHT_ROOM_DISK_MB", "300")
    misbehaving(
        sample,
        "def test_fill():\n    with open('big', 'wb') as file:\n"
        "        while True:\n            file.write(bytes(1 << 20))\n",
        "checks: {tests: {minutes: 2}}\n",
    )
    ended_by(sample, run(sample.path, TICKET.read_text()), "at the limit of 300 MB of disk")


def test_tests_that_print_ten_million_lines(sample, run):
    misbehaving(
        sample,
        "def test_print(capfd):\n"
        "    with capfd.disabled():\n"
        "        line = 'all work and no play\\n' * 1000\n"
        "        for _ in range(10_000):\n            print(line, end='')\n",
    )
    ended = run(sample.path, TICKET.read_text())
    assert ended.exit_code == 0, ended.result["sentence"]
    assert ended.result["reason"] == "ready"
    tests = ended.check("tests")
    assert tests["verdict"] == "passed"
    assert tests["base"] == {
        "status": "passed",
        "count": SAMPLE_TESTS + 1,
        "failures": 0,
        "skipped": 0,
    }
    assert re.search(r"\[\.\.\. [\d,]{7,} characters left out", ended.log)
    assert Path(ended.result["log"]).stat().st_size < 1024**2
    assert len(ended.text) <= 65_000


# --- the machine -----------------------------------------------------------------------------


def test_a_disk_that_is_full_while_cloning(sample, run, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m,mode=0711", "tmpfs", str(small)], check=True
    )
    try:
        sample.write("big.bin", os.urandom(3 * 1024**2))
        sample.commit()
        before = sample.state()
        ended = run(sample.path, PROSE, home=small)
        assert ended.exit_code == 1
        assert ended.result["reason"] == "storage_full"
        assert str(small) in ended.result["sentence"]
        assert sample.state() == before
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_no_room_is_refused_with_the_command_that_installs_one(sample, store, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for program in Path("/usr/bin").iterdir():
        if program.name != "bwrap":
            (tools / program.name).symlink_to(program)
    path = tmp_path / "ticket.md"
    path.write_text(TICKET.read_text())
    done = subprocess.run(
        [sys.executable, "-m", "agent", "run", "--repo", str(sample.path), "--ticket", str(path)],
        env={**os.environ, "MERGEWRIGHT_HOME": str(store), "PATH": str(tools)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "no_room" in done.stdout
    assert "bubblewrap" in done.stdout
    assert sample.branches() == ["main"]


def test_files_for_people_are_declined_before_anything_is_built(sample, run):
    sample.write(".github/mergewright.yml", 'scope: {human_only: ["shop/models.py"]}\n')
    sample.commit()
    ended = run(sample.path, PROSE)
    refused(sample, ended, "policy", "shop/models.py", "human_only")
    assert ended.result["outcome"] == "declined"
    assert "environment" not in ended.result["seconds"]


@pytest.mark.deep
def test_a_umask_that_shuts_others_out_does_no_harm(sample, home, tmp_path):
    path = tmp_path / "ticket.md"
    path.write_text(TICKET.read_text())
    done = subprocess.run(
        [
            *("sh", "-c", 'umask 077; exec "$@"', "sh", sys.executable, "-m", "agent", "run"),
            *("--repo", str(sample.path), "--ticket", str(path), "--dry-run"),
        ],
        env={**os.environ, "MERGEWRIGHT_HOME": str(home / "made" / "here")},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_data_folder_that_cannot_be_made_is_one_clear_line(sample, tmp_path):
    path = tmp_path / "ticket.md"
    path.write_text(TICKET.read_text())
    done = subprocess.run(
        [sys.executable, "-m", "agent", "run", "--repo", str(sample.path), "--ticket", str(path)],
        env={**os.environ, "MERGEWRIGHT_HOME": "/proc/nope"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("mergewright: MERGEWRIGHT_HOME: /proc/nope cannot be made")
    assert len(done.stderr.splitlines()) == 1


def test_what_a_killed_run_left_is_removed_by_the_next(sample, run, store):
    left = store / "trees" / "20200101-000000-abcdef" / "base"
    left.mkdir(parents=True)
    (left / "file.py").write_text("x = 1\n")
    (left.parent / ".held").touch()  # and nobody holds it
    run(sample.path, "# Make it faster\n\nThe shop is slow.")
    assert not left.parent.exists()


@pytest.mark.parametrize("stage", [deep("environment"), deep("baseline"), "checks 1"])
def test_an_interrupt_leaves_nothing_half_done(sample, run, store, tmp_path, stage):
    misbehaving(sample, "import time\n\n\ndef test_slow():\n    time.sleep(2)\n")
    before = sample.state()
    path = tmp_path / "ticket.md"
    path.write_text(TICKET.read_text())
    runs = store / "runs"
    earlier = set(runs.glob("*"))
    process = subprocess.Popen(
        [sys.executable, "-m", "agent", "run", "--repo", str(sample.path), "--ticket", str(path)],
        env={**os.environ, "MERGEWRIGHT_HOME": str(store)},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 120
    reached = False
    while time.monotonic() < deadline and process.poll() is None and not reached:
        logs = [log for log in runs.glob("*/run.log") if log.parent not in earlier]
        reached = any(f"[{stage}]" in log.read_text() for log in logs)
        time.sleep(0.05)
    assert reached
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "interrupted" in output
    assert sample.state() == before
    assert sample.branches() == ["main"]
    assert [path.name for path in (store / "trees").iterdir()] == [".lock"]
    assert run(sample.path, TICKET.read_text(), "--dry-run").exit_code == 0
