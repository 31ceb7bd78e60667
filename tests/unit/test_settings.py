"""The operator's settings, and those that hold secrets, by value or by file."""

import traceback

import pytest
from pydantic import SecretStr

from agent import secret_values, settings
from agent.desk import make_redactor
from agent.errors import SettingsInvalid
from agent.settings import Settings


def test_all_that_is_wrong_is_said_at_once_each_on_its_line():
    with pytest.raises(SettingsInvalid) as refused:
        settings.load_settings(
            {
                "MERGEWRIGHT_HOME": "",
                "MERGEWRIGHT_HOEM": "/x",
                "MERGEWRIGHT_SANDBOX_MEMORY_MB": "plenty",
                "MERGEWRIGHT_MAX_REPOSITORY_MB": "0",
                "MERGEWRIGHT_GITHUB_URL": "ftp://forge.example",
                "MERGEWRIGHT_GITHUB_TOKEN": "canary-canary",
                "MERGEWRIGHT_GITHUB_TOKEN_FILE": "/x",
            }
        )
    _, *lines = refused.value.message.split("\n")
    assert [line.split()[1].strip(":") for line in lines] == [
        "MERGEWRIGHT_GITHUB_TOKEN",
        "MERGEWRIGHT_HOME",
        "MERGEWRIGHT_SANDBOX_MEMORY_MB",
        "MERGEWRIGHT_MAX_REPOSITORY_MB",
        "MERGEWRIGHT_GITHUB_URL",
        "MERGEWRIGHT_HOEM",
    ]
    assert "Did you mean MERGEWRIGHT_HOME?" in lines[-1]
    assert "canary" not in refused.value.message


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MODEL", "openai:gpt-5,openai:gpt-5@hihg", "entry 2: unknown level after @. Use off, on,"),
        ("MODEL_REVIEWER", "gpt-5@high", "entry 1: does not have the form provider:name"),
        ("MODEL_STREAM", "no", "input should be 'on' or 'off'"),
        ("MODEL_CONTEXT", "openai-chat:own=-1", "does not have the form provider:name=32768"),
        ("MODEL_CONTEXT", "openai-chat:own=16000", "at least 16,384 tokens"),
    ],
)
def test_a_wrong_setting_of_a_model_is_one_line_with_the_fix(name, value, words):
    with pytest.raises(SettingsInvalid) as refused:
        settings.load_settings({"MERGEWRIGHT_HOME": "/h", f"MERGEWRIGHT_{name}": value})
    assert refused.value.message.startswith(f"MERGEWRIGHT_{name}: ")
    assert words in refused.value.message
    assert "\n" not in refused.value.message


def test_a_date_after_the_at_sign_is_no_level():
    named = {"MERGEWRIGHT_HOME": "/h", "MERGEWRIGHT_MODEL": "google:claude-opus-4@20250514"}
    assert settings.load_settings(named).model == ("google:claude-opus-4@20250514",)


@pytest.mark.parametrize("address", ["mysql://u:p@h/x", "postgresql+psycopg://u:p@h:port/x"])
def test_an_address_of_a_database_that_cannot_be_one_is_refused_without_its_password(
    tmp_path, address
):
    with pytest.raises(SettingsInvalid, match="MERGEWRIGHT_DATABASE_URL") as caught:
        secret_values.find_database(Settings(home=tmp_path, database_url=SecretStr(address)))
    assert "u:p" not in caught.value.message


def test_the_password_of_the_database_leaves_in_no_text(tmp_path):
    for written, password in (
        ("s3cr3t%40word9", "s3cr3t@word9"),
        ("s3c#r/3t?words9", "s3c#r/3t?words9"),
    ):
        address = SecretStr(f"postgresql+psycopg://u:{written}@[::1]:5432/x?sslmode=require")
        redactor = make_redactor(Settings(home=tmp_path, database_url=address))
        assert password not in redactor(f"it is {password}")


HOME = {"MERGEWRIGHT_HOME": "/tmp/x"}


def load(**given: str) -> settings.Settings:
    return settings.load_settings(
        HOME | {f"MERGEWRIGHT_{name.upper()}": v for name, v in given.items()}
    )


def read(name: str, **given: str) -> str | None:
    secret = secret_values.read_secret(load(**given), name)
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


def test_a_file_of_a_providers_key_counts_before_the_variable_and_is_named(tmp_path):
    file = tmp_path / "key"
    environ = {"OPENAI_API_KEY": "old", "OPENAI_API_KEY_FILE": str(file), "OTHER_FILE": "/x"}
    with pytest.raises(SettingsInvalid, match=r"OPENAI_API_KEY_FILE: .*/key cannot be read"):
        secret_values.model_keys(environ)
    file.write_text(" \n")
    with pytest.raises(SettingsInvalid, match="OPENAI_API_KEY_FILE: .* is empty"):
        secret_values.model_keys(environ)
    file.write_text("new\n")
    assert secret_values.model_keys(environ) == {"OPENAI_API_KEY": "new"}


@pytest.mark.parametrize("make", ["absent", "binary", "huge"])
def test_a_file_that_holds_no_secret_is_named(tmp_path, make):
    file = tmp_path / "s"
    if make == "binary":
        file.write_bytes(b"\xff\xfe\x00s3cret")
    elif make == "huge":
        file.write_bytes(b"s" * 100_000)
    with pytest.raises(SettingsInvalid, match="MERGEWRIGHT_WEBHOOK_SECRET_FILE: .*/s ") as problem:
        secret_values.read_secret(load(webhook_secret_file=str(file)), "webhook_secret")
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


def test_a_setting_of_an_earlier_version_ends_nothing_and_is_named_with_what_replaces_it():
    given = HOME | {"MERGEWRIGHT_CHECKS_AT_ONCE": "3", "MERGEWRIGHT_AUDIT_URL_FILE": "/x"}
    assert settings.load_settings(given) == settings.load_settings(HOME)
    gone = settings.list_gone(given)
    assert [*gone] == ["MERGEWRIGHT_AUDIT_URL_FILE", "MERGEWRIGHT_CHECKS_AT_ONCE"]
    assert settings.keep_for_listener(given) == HOME, "it may be a secret"
