"""The operator's settings."""

from __future__ import annotations

import pytest

from agent import settings
from agent.errors import SettingsInvalid
from agent.settings import Settings


def test_values_come_from_the_environment(tmp_path):
    loaded = settings.load(
        {
            "MERGEWRIGHT_HOME": str(tmp_path),
            "MERGEWRIGHT_ROOM_MEMORY_MB": "1024",
            "MERGEWRIGHT_ALLOW_HOSTS": "a.example, b.example",
            "PATH": "/bin",
        }
    )
    assert loaded.home == tmp_path
    assert loaded.room_memory_mb == 1024
    assert loaded.allow_hosts == ("a.example", "b.example")


def test_an_unknown_setting_is_named():
    with pytest.raises(
        SettingsInvalid, match="MERGEWRIGHT_HOEM is not a setting. Did you mean MERGEWRIGHT_HOME[?]"
    ):
        settings.load({"MERGEWRIGHT_HOEM": "/x"})


def test_a_wrong_value_is_named():
    with pytest.raises(SettingsInvalid, match="MERGEWRIGHT_ROOM_MEMORY_MB: give a whole number"):
        settings.load({"MERGEWRIGHT_ROOM_MEMORY_MB": "plenty"})


def test_a_name_that_is_near_to_none_is_answered_with_all():
    with pytest.raises(SettingsInvalid, match="FRIDGE is not a setting. Known: MERGEWRIGHT_HOME"):
        settings.load({"MERGEWRIGHT_FRIDGE": "/x"})


def test_all_that_is_wrong_is_said_at_once_each_on_its_line():
    with pytest.raises(SettingsInvalid) as refused:
        settings.load(
            {
                "MERGEWRIGHT_HOME": "",
                "MERGEWRIGHT_HOEM": "/x",
                "MERGEWRIGHT_ROOM_MEMORY_MB": "plenty",
                "MERGEWRIGHT_MAX_REPOSITORY_MB": "0",
                "MERGEWRIGHT_BOT_IDS": "7, x, 9, y",
                "MERGEWRIGHT_GITHUB_URL": "ftp://forge.example",
                "MERGEWRIGHT_GITHUB_TOKEN": "canary-canary",
                "MERGEWRIGHT_GITHUB_TOKEN_FILE": "/x",
            }
        )
    first, *lines = refused.value.message.split("\n")
    assert first == "8 settings are wrong:"
    assert [line.split()[1].strip(":") for line in lines] == [
        "MERGEWRIGHT_GITHUB_TOKEN",
        "MERGEWRIGHT_HOME",
        "MERGEWRIGHT_ROOM_MEMORY_MB",
        "MERGEWRIGHT_MAX_REPOSITORY_MB",
        "MERGEWRIGHT_GITHUB_URL",
        "MERGEWRIGHT_BOT_IDS",
        "MERGEWRIGHT_BOT_IDS",
        "MERGEWRIGHT_HOEM",
    ]
    assert "entry 2: " in refused.value.message
    assert "canary" not in refused.value.message


@pytest.mark.parametrize(
    "field", ["ROOM_MEMORY_MB", "ROOM_PROCESSES", "MAX_MINUTES", "MAX_TREE_MB"]
)
def test_a_bound_of_nothing_is_none(field):
    with pytest.raises(SettingsInvalid, match=f"MERGEWRIGHT_{field}: give .* of at least 1; '-5'"):
        settings.load({f"MERGEWRIGHT_{field}": "-5"})


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MAX_RUNS", "abc", "give a whole number from 1 to 64; 'abc' is not that"),
        ("MAX_RUNS", "", "give a whole number from 1 to 64; it is empty"),
        ("LISTEN_PORT", "99999", "give a whole number from 0 to 65535; '99999' is not that"),
        ("ROOM_SECONDS", "1.5", "give a whole number of at least 1; '1.5' is not that"),
        ("RECONCILE_MINUTES", "x", "give a number from 0.01 to 1440; 'x' is not that"),
        ("MODEL_USD", "-1", "give a number above 0; '-1' is not that"),
        ("MODEL_SILENCE_SECONDS", "0", "give a number above 0 and up to 3600; '0' is not that"),
        ("BOT_IDS", "1,x", "entry 2: give a whole number; 'x' is not that"),
        ("GITHUB_APP_ID", "a-token-in-the-wrong-place", "give a whole number of at least 1; its"),
        ("LABEL", "", "is empty. Give it a value, or leave it unset"),
        ("LABEL", "x" * 60, "has 60 characters. Give at most 50"),
    ],
)
def test_a_wrong_value_is_told_with_the_form_it_has_to_have(name, value, said):
    with pytest.raises(SettingsInvalid) as refused:
        settings.load({f"MERGEWRIGHT_{name}": value})
    assert refused.value.message.startswith(f"MERGEWRIGHT_{name}: {said}")
    assert "in-the-wrong" not in refused.value.message


def test_checks_are_all_made_and_told_together(tmp_path):
    (tmp_path / "file").touch()
    loaded = Settings(home=tmp_path / "file", webhook_secret="short")
    with pytest.raises(SettingsInvalid) as refused:
        settings.hold_all(
            lambda: settings.require_home(loaded),
            lambda: settings.signing_secret(loaded),
            lambda: settings.signing_secret(loaded),
        )
    assert refused.value.message == (
        "2 settings are wrong:\n"
        f"- MERGEWRIGHT_HOME: {tmp_path}/file cannot be used (File exists). Name a folder that"
        " this user may write to.\n"
        "- The webhook secret has 5 bytes; it can be guessed. Make one of at least 16, for example"
        " with `openssl rand -hex 32`, and set it in GitHub too."
    )
    settings.hold_all(lambda: settings.require_home(Settings(home=tmp_path / "new" / "home")))
    assert (tmp_path / "new" / "home").is_dir()


def test_records_of_vulnerabilities_have_to_be_where_they_are_said_to_be(tmp_path):
    settings.require_records(Settings(home=tmp_path))
    settings.require_records(Settings(home=tmp_path, osv=tmp_path))
    with pytest.raises(SettingsInvalid, match=r"MERGEWRIGHT_OSV: there is nothing at .*/all\.zip"):
        settings.require_records(settings.load({"MERGEWRIGHT_OSV": f"{tmp_path}/all.zip"}))
