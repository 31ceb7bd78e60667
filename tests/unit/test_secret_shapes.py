"""What looks like a credential is found; what a log is full of is not."""

import base64
import json
import random
import string
import time
import uuid

import pytest

from agent.text import secret_shapes

_CHANCE = random.Random(7)


def some(count: int, letters: str = string.ascii_letters + string.digits) -> str:
    return "".join(_CHANCE.choice(letters) for _ in range(count))


def encoded(record: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(record).encode()).decode().rstrip("=")


HEX = "0123456789abcdef"
# Put together here, so that nobody's scanner takes this file for a leak.
CREDENTIALS = {
    "aws id": "AKIA" + some(16, string.ascii_uppercase + string.digits),
    "github, longer than known": "ghs_" + some(120),
    "json web token": f"{encoded({'alg': 'HS256'})}.{encoded({'sub': 'me'})}.{some(43)}",
    "npm in npmrc": f"//r.example/:_authToken={uuid.UUID(int=_CHANCE.getrandbits(128))}",
    "telegram bot": "telegram 123456789:" + some(35),
    "of no vendor in particular": "sk-vendor-api03-" + some(40),
    "hex behind a beginning": "dop_v1_" + some(64, HEX),
    "without a beginning": "AIza" + some(35),
}


@pytest.mark.parametrize("around", ["{}xxxxxxxx", "ghp_ghp_{}", "a=ghp_{}"])
def test_a_credential_is_not_hidden_by_what_looks_like_an_example(around):
    value = "gho_" + some(36)
    text = around.format(value)
    assert any(value in text[slice(*span)] for span in secret_shapes.find_shaped_secrets(text))


@pytest.mark.parametrize("kind", CREDENTIALS)
@pytest.mark.parametrize("around", ["{}", "E   assert x == {}\n", "?a=1&t={}&b=2"])
def test_a_credential_is_found_to_its_end(kind, around):
    text = around.format(CREDENTIALS[kind])
    found = secret_shapes.find_shaped_secrets(text)
    assert len(found) == 1
    # Of what is recognised by what stands before it, that stays.
    value = CREDENTIALS[kind].removeprefix("telegram ").rpartition("_authToken=")[2]
    assert text[slice(*found[0])] == value


def key_text(lines: int = 12) -> str:
    body = "\n".join(some(64) for _ in range(lines))
    return f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "text", [key_text(), key_text().replace("\n", "\n+"), key_text().rpartition("\n")[0]]
)
def test_a_private_key_is_found_whole_also_where_its_end_is_cut_off(text):
    assert secret_shapes.find_shaped_secrets(f"before\n{text}\n") == ((7, 7 + len(text)),)


ORDINARY = [
    "commit 0a6e67e5d8a9f8e8d6e0b8d5b3f5a7c1e2d3f4a5",
    # Only their beginnings are those of credentials.
    f"sk-loading-indicator-with-a-rather-long-name-of-a-style dapi{some(40, HEX)}",
    "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx glpat-<your-token> AKIAIOSFOD",
    f"django==5.2 \\\n    --hash=sha256:{some(64, HEX)} \\\n    --hash=sha256:{some(64, HEX)}",
    "tests/test_auth.py::test_token_is_refreshed_after_2_hours[password-key_1] PASSED [ 12%]",
    f"image:main-{some(40, HEX)} sha256-{some(43)}= cache-Linux-py3.11-{some(64, HEX)}",
    "postgres://postgres:postgres@localhost:5432/shop postgres://shop:dev@127.0.0.1/x",
    'HEAD = "-----BEGIN PRIVATE KEY-----"',
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_output_is_left_alone(text):
    assert secret_shapes.find_shaped_secrets(text) == ()


@pytest.mark.parametrize("unit", ["eyJaaaaaaaa.", "sk-sk-T3BlbkFJ", "AccountKey=AccountKey"])
def test_hostile_text_takes_time_in_proportion(unit):
    begun = time.process_time()
    secret_shapes.find_shaped_secrets(unit * (100_000 // len(unit)))
    assert time.process_time() - begun < 5
