"""The operator's credentials."""

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from agent.errors import RequestRefused, SettingsInvalid, StoreUnavailable
from agent.github import access
from agent.settings import Settings

TOKEN = "ghp_" + "x" * 36


@pytest.fixture(scope="module")
def pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    ).decode()


def test_credentials_that_are_missing_half_there_or_double_are_named(tmp_path, pem):
    (tmp_path / "key.pem").write_text(pem)
    key = tmp_path / "key.pem"
    for given, named in (
        ({}, "MERGEWRIGHT_GITHUB_APP_ID"),
        ({"github_app_id": 1, "github_token": SecretStr(TOKEN)}, "GITHUB_TOKEN"),
        ({"github_app_id": 1}, "GITHUB_PRIVATE_KEY_FILE"),
        ({"github_private_key": key}, "GITHUB_APP_ID"),
    ):
        with pytest.raises(SettingsInvalid, match=named):
            access.connect_to_github(Settings(home=tmp_path, **given))


@pytest.mark.parametrize(
    "text", ["no key", "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"]
)
def test_a_file_that_is_no_key_is_refused_without_showing_it(tmp_path, text):
    (tmp_path / "key.pem").write_text(text)
    settings = Settings(home=tmp_path, github_app_id=1, github_private_key=tmp_path / "key.pem")
    with pytest.raises(SettingsInvalid, match="PEM") as caught:
        access.connect_to_github(settings)
    assert text not in caught.value.message
    assert caught.value.__cause__ is None


def test_the_token_shows_in_no_representation(tmp_path):
    settings = Settings(home=tmp_path, github_token=SecretStr(TOKEN))
    made = access.connect_to_github(settings)
    for thing in (made, made.tokens, vars(made.tokens), vars(made), settings):
        assert TOKEN not in repr(thing)
    assert made.tokens.hide(f"https://x-access-token:{TOKEN}@host/") == (
        "https://x-access-token:(secret removed)@host/"
    )


def test_a_worker_that_does_not_know_its_lease_leaves_nothing_out(tmp_path):
    made = access.connect_to_github(Settings(home=tmp_path, github_token=SecretStr(TOKEN)))
    session = made.open_named_session("corner-shop/shop", "run")

    def ask(problem):
        raise problem

    assert "the check is missing" in session.try_nicety(
        "the check", lambda: ask(RequestRefused("no"))
    )
    with pytest.raises(StoreUnavailable):
        session.try_nicety("the check", lambda: ask(StoreUnavailable("away")))
