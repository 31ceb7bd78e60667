"""Whatever is changed in a signed log is found and told; an honest one passes."""

import hashlib
import json
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from agent.cli.main import app
from agent.errors import SettingsInvalid
from agent.models.run import Run
from agent.settings import Settings
from agent.store.sql_run_store import open_store
from agent.telemetry import signed_log, signing
from agent.telemetry.ledger import END_MISSING, STORED, Ledger

RUN, OTHER = "20261120-101010-0123456789abcdef", "20261120-101010-fedcba9876543210"
COMMIT = b"tree 1\nparent 2\n\nAdd a nickname\n"
COMMIT_ID = hashlib.sha1(b"commit %d\0%s" % (len(COMMIT), COMMIT)).hexdigest()
FILES = {
    "change.patch": b"+nickname\n",
    "checks-head.json": b'{"status": "passed"}',
    f"commit-{COMMIT_ID}": COMMIT,
}


def write(home: Path, run_id: str = RUN, *, patch: bytes = FILES["change.patch"]) -> Path:
    """Write a run of two attempts, the second after a kill, with its files."""
    folder = home / "runs" / run_id
    folder.mkdir(parents=True)
    signer = signing.load_signer(Settings(home=home))
    for _ in range(2):
        ledger = Ledger(folder / "ledger.jsonl", run_id, signer)
        ledger.begin(run_record={"run_id": run_id})
        store = ledger.make_appender("files")
        for name, content in {**FILES, "change.patch": patch}.items():
            (folder / name).write_bytes(content)
            store(STORED, {"name": name, "sha256": hashlib.sha256(content).hexdigest()})
        ledger.append("decide 1", 2, "done", result={"publish": False})
        ledger.seal(commit=COMMIT_ID)
        ledger.append("publish", 2, "done")
    ledger.end(outcome={"sentence": "Two tests are red."}, text="words")
    return folder


def edit(change):
    """Change the lines of a ledger in place."""

    def manipulate(folder: Path, _home: Path) -> None:
        path = folder / "ledger.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        change(lines)
        path.write_text("".join(lines))

    return manipulate


def put(name: str, content: bytes):
    return lambda folder, _home: (folder / name).write_bytes(content)


def change_verdict(lines):
    lines[4] = lines[4].replace('"publish": false', '"publish": true')


def change_verdict_and_chain_anew(lines):
    """What somebody does who knows the format and has no key."""
    change_verdict(lines)
    for at in range(1, len(lines)):
        before = hashlib.sha256(lines[at - 1].rstrip("\n").encode()).hexdigest()
        lines[at] = json.dumps({**json.loads(lines[at]), "previous": before}, sort_keys=True) + "\n"


def replace_by(run_id: str, key: str):
    """Put all files of another run, or those that another key has signed, in the place of ours."""

    def change(folder: Path, home: Path) -> None:
        for path in write(home / key, run_id, patch=b"+admin\n").iterdir():
            (folder / path.name).write_bytes(path.read_bytes())

    return change


def change_signature(lines):
    event = json.loads(lines[-1])
    event["signature"] = event["signature"].translate(str.maketrans("0123", "1230"))
    lines[-1] = json.dumps(event, sort_keys=True) + "\n"


MANIPULATIONS = {
    "nothing": (lambda folder, home: None, ""),
    "a changed verdict": (edit(change_verdict), "Line 5 (done of 'decide 1') was changed"),
    "a verdict and a new chain": (edit(change_verdict_and_chain_anew), "its signature was changed"),
    "a removed line": (edit(lambda lines: lines.pop(5)), "lines after it are missing (see line 6"),
    "an added line": (edit(lambda lines: lines.insert(6, lines[5])), "lines before it were added"),
    "reordered lines": (edit(lambda lines: lines.insert(3, lines.pop(4))), "was moved"),
    "a cut end": (edit(lambda lines: lines.pop()), END_MISSING),
    "a changed signature": (edit(change_signature), "its signature was changed"),
    "another key": (replace_by(RUN, "elsewhere"), "was signed by another key"),
    "a log of another run": (replace_by(OTHER, ""), f"is of another run, '{OTHER}'"),
    "a swapped patch": (put("change.patch", b"+admin\n"), "change.patch is not the run's"),
    "a swapped commit": (put(f"commit-{COMMIT_ID}", b"tree 9\n"), "is not the run's"),
    "a missing patch": (lambda folder, home: (folder / "change.patch").unlink(), "is missing"),
}


@pytest.mark.parametrize("name", MANIPULATIONS)
def test_each_manipulation_is_found_and_told(tmp_path, monkeypatch, name):
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(tmp_path))
    folder = write(tmp_path)
    with closing(open_store(Settings(home=tmp_path))) as store:
        store.add_run(Run(run_id=RUN, repository="/r", ticket="ticket.md", started=0), 1.0)
    manipulate, words = MANIPULATIONS[name]
    manipulate(folder, tmp_path)
    done = CliRunner().invoke(app, ["verify", RUN[:20]])
    assert done.exit_code == bool(words), done.output
    assert words in done.output


def test_a_person_elsewhere_needs_the_zip_and_the_key(tmp_path, monkeypatch):
    folder = write(tmp_path / "here")
    monkeypatch.setenv("MERGEWRIGHT_HOME", str(tmp_path / "there"))
    archive = tmp_path / f"mergewright-{RUN}.zip"
    with archive.open("wb") as out:
        signed_log.write_export(folder, out)
    key = signing.load_signer(Settings(home=tmp_path / "here")).public
    for given in (key, str(tmp_path / "here" / signing.PUBLIC_FILE)):
        done = CliRunner().invoke(app, ["verify", str(archive), "--key", given, "--json"])
        found = json.loads(done.output)
        assert (done.exit_code, found["problems"], found["commit"]) == (0, [], COMMIT_ID)
        # Both seals: the one of the attempt that was killed may stand in the pull request.
        assert len(found["digests"]) == 2
        assert set(found["files"]) == set(FILES)
    assert CliRunner().invoke(app, ["verify", str(archive)]).exit_code
    with zipfile.ZipFile(archive, "a") as more, pytest.warns(UserWarning):
        more.writestr("change.patch", b"+admin\n")
    assert CliRunner().invoke(app, ["verify", str(archive), "--key", key]).exit_code == 1
    archive.unlink()
    assert CliRunner().invoke(app, ["verify", str(archive), "--key", key]).exit_code == 2


def test_facts_of_others_never_stand_in_the_place_of_ours(tmp_path):
    ledger = Ledger(tmp_path / "ledger.jsonl", RUN)
    ledger.append("tool", 1, "model.called", run=OTHER, previous="0", attempt=9)
    ledger.end()
    (first, *_) = map(json.loads, (tmp_path / "ledger.jsonl").read_text().splitlines())
    assert (first["run"], first["step"], first["attempt"]) == (RUN, "tool", 1)


def test_the_key_is_made_once_for_this_user_alone_or_given(tmp_path):
    settings = Settings(home=tmp_path)
    made = signing.load_signer(settings)
    assert signing.load_signer(settings).public == made.public
    place = tmp_path / "signing" / "key.pem"
    assert (place.stat().st_mode & 0o777, place.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    given = Settings(home=tmp_path / "other", signing_key=place)
    assert signing.load_signer(given).public == made.public
    assert not (tmp_path / "other" / "signing").exists()
    place.write_text("no key")
    with pytest.raises(SettingsInvalid, match="openssl"):
        signing.load_signer(settings)
