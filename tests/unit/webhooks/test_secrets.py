"""Settings that hold secrets, by value or by file."""

from __future__ import annotations

import traceback

import pytest

from agent import settings
from agent.errors import SettingsInvalid

HOME = {"MERGEWRIGHT_HOME": "/tmp/x"}


def load(**given: str) -> settings.Settings:
    return settings.load_settings(
        HOME | {f"MERGEWRIGHT_{name.upper()}": v for name, v in given.items()}
    )


def read(name: str, **given: str) -> str | None:
    secret = settings.read_secret(load(**given), name)
    return secret and secret.get_secret_value()


@pytest.mark.parametrize("name", ["webhook_secret", "github_token"])
def test_a_secret_comes_by_value_or_by_file(tmp_path, name):
    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    assert read(name) is None
    assert read(name, **{name: " "}) is None
    assert read(name, **{name: "s3cret"}) == "s3cret"
    assert read(name, **{f"{name}_file": str(file)}) == "s3cret"
    with pytest.raises(SettingsInvalid, match="are both set. Keep only one"):
        load(**{name: "s3cret", f"{name}_file": str(file)})


@pytest.mark.parametrize("make", ["absent", "binary", "huge"])
def test_a_file_that_holds_no_secret_is_named(tmp_path, make):
    file = tmp_path / "s"
    if make == "binary":
        file.write_bytes(b"\xff\xfe\x00s3cret")
    elif make == "huge":
        file.write_bytes(b"s" * 100_000)
    with pytest.raises(SettingsInvalid, match="MERGEWRIGHT_WEBHOOK_SECRET_FILE: .*/s ") as problem:
        settings.read_secret(load(webhook_secret_file=str(file)), "webhook_secret")
    assert "s3cret" not in "".join(traceback.format_exception(problem.value))


def test_UI6_no_secret_is_shown(tmp_path):
    loaded = load(webhook_secret="s3cret-w", github_token="s3cret-t")
    shown = f"{loaded!r} {loaded} {loaded.model_dump()} {loaded.model_dump_json()}"
    assert "s3cret" not in shown
    for mistyped in (
        {"webhook_secrets": "s3cret"},
        {"listen_port": "s3cret"},
        {"github_url": "s3cret"},
    ):
        with pytest.raises(SettingsInvalid) as problem:
            load(**mistyped)
        assert "s3cret" not in "".join(traceback.format_exception(problem.value))
