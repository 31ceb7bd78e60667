"""Whatever is changed in a signed log is found; an honest one passes."""

import hashlib
import io
import json
import zipfile
from contextlib import suppress

import pytest
from typer.testing import CliRunner

from agent.cli.main import app
from agent.errors import LogUnusable, SettingsInvalid
from agent.settings import Settings
from agent.telemetry import signature
from agent.telemetry.run_events import PUBLISHED, RunEvents

RUN = "20261120-101010-0123456789abcdef"
COMMIT = b"tree 1\nparent 2\n\nAdd a nickname\n"
COMMIT_ID = hashlib.sha1(b"commit %d\0%s" % (len(COMMIT), COMMIT)).hexdigest()
FILES = {
    "change.patch": b"+nickname\n",
    "checks-head.json": b'{"status": "passed"}',
    f"commit-{COMMIT_ID}": COMMIT,
}


@pytest.fixture
def folder(tmp_path):
    """A run of two attempts that have published, the second after a kill, with its files."""
    folder = tmp_path / "runs" / RUN
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (folder / "run.log").write_text("nothing of this is signed")
    key = signature.load_key(Settings(home=tmp_path))
    for _ in range(2):
        events = RunEvents(folder / "events.jsonl")
        events.append("decide 1", "done", result={"publish": False})
        events.append("run", PUBLISHED, commit=COMMIT_ID)
        signature.sign_run(folder, key)
    events.append("run", "ended")
    signature.sign_run(folder, key)
    return folder


@pytest.fixture
def public(tmp_path):
    return signature.name_key(signature.load_key(Settings(home=tmp_path)))


def export(folder, **changed):
    """Export a log, with other contents under the names of its files; None: without the file."""
    whole, out = io.BytesIO(), io.BytesIO()
    signature.export_run(folder, whole)
    with zipfile.ZipFile(whole) as archive, zipfile.ZipFile(out, "w") as copy:
        files = {name: archive.read(name) for name in archive.namelist()} | changed
        for name, content in files.items():
            if content is not None:
                copy.writestr(name, content)
    return out


def sign_elsewhere(folder, tmp_path):
    signature.sign_run(folder, signature.load_key(Settings(home=tmp_path / "elsewhere")))
    return (folder / signature.FILE_NAME).read_bytes()


MANIPULATIONS = {
    "nothing": (lambda content: {}, ""),
    "a changed event": (
        lambda content: {"events.jsonl": content["events.jsonl"].replace(b"false", b"true!")},
        "events.jsonl was changed",
    ),
    "a cut end": (lambda content: {"events.jsonl": content["events.jsonl"][:-40]}, "was changed"),
    "no events": (lambda content: {"events.jsonl": None}, "events.jsonl is missing"),
    "a swapped patch": (lambda content: {"change.patch": b"+admin\n"}, "change.patch was changed"),
    "a missing patch": (lambda content: {"change.patch": None}, "change.patch is missing"),
    "a changed signature": (
        lambda content: {
            "signature.json": content["signature.json"].replace(RUN.encode(), b"another")
        },
        "signature.json was changed",
    ),
    "an event after the end": (
        lambda content: {"events.jsonl": content["events.jsonl"] + b"{}\n"},
        "events.jsonl was changed",
    ),
    "an added report": (lambda content: {"checks-base.json": b"{}"}, "checks-base.json was added"),
}


@pytest.mark.parametrize("name", MANIPULATIONS)
def test_each_manipulation_is_found(folder, public, name):
    manipulate, words = MANIPULATIONS[name]
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    _, problems = signature.verify_run(export(folder, **manipulate(content)), public)
    assert words in " ".join(problems)
    assert bool(problems) is bool(words)


def test_what_came_after_the_signature_is_not_exported(folder, public):
    RunEvents(folder / "events.jsonl").append("deliver", "started")
    (folder / "checks-base.json").write_text("{}")
    assert signature.verify_run(export(folder), public)[1] == ()


def test_an_archive_with_damaged_bytes_is_unusable_or_changed(folder, public):
    whole = io.BytesIO()
    signature.export_run(folder, whole)
    archive = whole.getvalue()
    before, _ = signature.verify_run(whole, public)
    for place in range(0, len(archive), 7):
        damaged = bytearray(archive)
        damaged[place] ^= 0x55
        with suppress(LogUnusable):
            log, problems = signature.verify_run(io.BytesIO(damaged), public)
            assert problems or log == before


def test_another_key_and_a_commit_of_another_id_are_found(folder, public, tmp_path):
    (folder / f"commit-{COMMIT_ID}").write_bytes(b"tree 9\n")
    key = signature.load_key(Settings(home=tmp_path))
    signature.sign_run(folder, key)
    assert "is not that commit" in signature.verify_run(export(folder), public)[1][0]
    of_another = export(folder, **{"signature.json": sign_elsewhere(folder, tmp_path)})
    assert "another key" in signature.verify_run(of_another, public)[1][0]


def test_a_purge_is_signed_and_only_what_it_names_may_be_missing(folder, public, tmp_path):
    key, raw = signature.load_key(Settings(home=tmp_path)), (folder / "signature.json").read_bytes()
    purged = signature.sign_purge(raw, key, 1.0)
    gone = dict.fromkeys(("events.jsonl", *FILES))
    log, problems = signature.verify_run(
        export(folder, **gone, **{"signature.json": purged}), public
    )
    assert (problems, log.purged_at, log.events.commit) == ((), 1.0, COMMIT_ID)
    forged = json.dumps({**json.loads(raw), "purged": ["events.jsonl", *FILES]}).encode()
    assert signature.verify_run(export(folder, **gone, **{"signature.json": forged}), public)[1]
    # What was forged or damaged before the purge is not signed with it.
    assert signature.sign_purge(forged, key, 1.0) == forged
    assert signature.sign_purge(b"{", key, 1.0) == b"{"


def test_a_person_elsewhere_needs_the_zip_and_the_key(folder, public, tmp_path):
    archive = tmp_path / "log.zip"
    archive.write_bytes(export(folder).getvalue())
    # As served by the dashboard, or the digits.
    served = tmp_path / signature.PUBLIC_FILE
    assert CliRunner().invoke(app, ["verify", str(archive), "--key", str(served)]).exit_code == 0
    done = CliRunner().invoke(app, ["verify", str(archive), "--key", public])
    assert done.exit_code == 0, done.output
    lines = (folder / "events.jsonl").read_bytes().splitlines(keepends=True)
    # Both digests: the one of the attempt that was killed may be in the pull request.
    for count in (2, 4):
        assert hashlib.sha256(b"".join(lines[:count])).hexdigest() in done.output
    assert COMMIT_ID in done.output
    archive.write_bytes(export(folder, **{"change.patch": b"+admin\n"}).getvalue())
    assert CliRunner().invoke(app, ["verify", str(archive), "--key", public]).exit_code == 1
    assert CliRunner().invoke(app, ["verify", str(archive), "--key", "x"]).exit_code == 2
    archive.write_text("no zip file")
    with pytest.raises(LogUnusable):
        signature.verify_run(archive, public)


def test_the_key_is_made_once_for_this_user_alone_or_given(tmp_path):
    settings = Settings(home=tmp_path)
    made = signature.name_key(signature.load_key(settings))
    assert signature.name_key(signature.load_key(settings)) == made
    place = tmp_path / "signing" / "key.pem"
    assert (place.stat().st_mode & 0o777, place.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    given = Settings(home=tmp_path / "other", signing_key=place)
    assert signature.name_key(signature.load_key(given)) == made
    assert not (tmp_path / "other" / "signing").exists()
    place.write_text("no key")
    with pytest.raises(SettingsInvalid, match="openssl"):
        signature.load_key(settings)
