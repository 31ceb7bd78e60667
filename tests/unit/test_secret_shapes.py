"""What looks like a credential is found; what a log is full of is not."""

from __future__ import annotations

import base64
import json
import random
import string
import time
import uuid
from pathlib import Path

import pytest

from agent import secret_shapes

ROOT = Path(__file__).parents[2]
_CHANCE = random.Random(7)


def some(count: int, letters: str = string.ascii_letters + string.digits) -> str:
    return "".join(_CHANCE.choice(letters) for _ in range(count))


def encoded(record: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(record).encode()).decode().rstrip("=")


HEX = "0123456789abcdef"
# Put together here, so that nobody's scanner takes this file for a leak.
CREDENTIALS = {
    "aws id": "AKIA" + some(16, string.ascii_uppercase + string.digits),
    "github": "ghs_" + some(36),
    "github, longer than known": "ghs_" + some(120),
    "github, fine-grained": "github_pat_" + some(22) + "_" + some(59),
    "gitlab": "glpat-" + some(20),
    "slack": "xoxb-" + some(12, string.digits) + "-" + some(24),
    "stripe": "sk_live_" + some(24),
    "sendgrid": "SG." + some(22) + "." + some(43),
    "index token": "pypi-AgEIcHlwaS5vcmc" + some(80),
    "npm": "npm_" + some(36),
    "openai": "sk-proj-" + some(48),
    "json web token": f"{encoded({'alg': 'HS256'})}.{encoded({'sub': 'me'})}.{some(43)}",
    "telegram bot": "telegram 123456789:" + some(35),
}


@pytest.mark.parametrize("kind", CREDENTIALS)
@pytest.mark.parametrize("around", ["{}", "key = '{}'", "E   assert x == {}\n", "?a=1&t={}&b=2"])
def test_a_credential_is_found_to_its_end(kind, around):
    text = around.format(CREDENTIALS[kind])
    found = secret_shapes.find(text)
    assert len(found) == 1
    value = CREDENTIALS[kind].removeprefix("telegram ")
    assert text[slice(*found[0])] == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("clone https://bot:s3cr3t@git.example.org/x.git", "s3cr3t"),
        ("Authorization: Basic dXNlcjpwYXNzdzByZA==", "dXNlcjpwYXNzdzByZA=="),
        ("'authorization': 'Bearer abc123def456'", "abc123def456"),
        ("SECRET_KEY = 'django-insecure-3k2x^8!kz7v(q0m-w5&j1r@t9u4y6'", None),
        ('"client_secret": "f4Ke9xQ2Lm7Zt1Rv8Bn3"', "f4Ke9xQ2Lm7Zt1Rv8Bn3"),
        (f"API_TOKEN={'9f' * 20}", "9f" * 20),
        ("DB_PASSWORD: q7Wz-x3Kd-9Lp2-Vb8n-4Tm1", "q7Wz-x3Kd-9Lp2-Vb8n-4Tm1"),
    ],
)
def test_a_value_that_a_name_calls_secret_is_found(text, value):
    found = secret_shapes.find(text)
    assert len(found) == 1
    shown = text[slice(*found[0])]
    assert shown == (value or text.split("'")[1])


def key_text(lines: int = 12) -> str:
    body = "\n".join(some(64) for _ in range(lines))
    return f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "text",
    [
        key_text(),
        key_text().replace("\n", "\\n"),
        key_text().replace("\n", "\n+"),
        key_text().rpartition("\n")[0],
        key_text().replace(" RSA ", " OPENSSH "),
        key_text().replace("-----\n", "-----\nProc-Type: 4,ENCRYPTED\n", 1),
    ],
)
def test_a_private_key_is_found_whole_also_where_its_end_is_cut_off(text):
    assert secret_shapes.find(f"before\n{text}\n") == ((7, 7 + len(text)),)


ORDINARY = [
    "commit 0a6e67e5d8a9f8e8d6e0b8d5b3f5a7c1e2d3f4a5",
    f"  Created wheel for shop: shop-1.0-py3-none-any.whl size=4711 sha256={some(64, HEX)}",
    f"django==5.2 \\\n    --hash=sha256:{some(64, HEX)} \\\n    --hash=sha256:{some(64, HEX)}",
    f"{uuid.UUID(int=7 << 64)} 2f1d8e0c-9a47-4b56-8c3e-71d0a95b64ef",
    "session_token = 'c81e4a52-63f7-4d0b-9e18-5a7720bd94f3'",
    f"Environment | `{some(16, HEX)}`, 41 packages from `pyproject.toml`",
    "tests/test_auth.py::test_token_is_refreshed_after_2_hours[password-key_1] PASSED [ 12%]",
    "test_password_reset (accounts.tests.PasswordResetTest.test_password_reset) ... ok",
    "self.client.login(username='ada', password='correct horse battery staple')",
    "password = make_password(user.password2)",
    "token: str | None = settings.SOCIAL_AUTH_TOKEN_2024",
    "secret_key=os.environ['SECRET_KEY_2_OF_THE_SERVICE']",
    "api_key=config.providers.openai2.api_key_name",
    "private_key: ed25519.Ed25519PrivateKey,",
    "Looking in indexes: https://user:****@packages.example.org/simple",
    "postgres://postgres:postgres@localhost:5432/shop postgres://shop:dev@127.0.0.1/x",
    "Bearer token missing. Authorization: Bearer <token>",
    'HEAD = "-----BEGIN PRIVATE KEY-----"',
    "CSRF_HEADER_NAME = 'HTTP_X_CSRFTOKEN'  # token",
    "git fetch https://x-access-token:{token}@github.example/o/r.git",
    "Asia/Tokyo asia-northeast1-docker",
    "mypy-1.18.2 cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl (13.3 MB)",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_output_is_left_alone(text):
    assert secret_shapes.find(text) == ()


def test_a_lock_file_with_its_digests_is_left_alone():
    assert secret_shapes.find((ROOT / "requirements.lock").read_text()) == ()


def test_our_own_sources_are_left_alone():
    for path in (ROOT / "agent").rglob("*.py"):
        text = path.read_text()
        assert [text[slice(*span)] for span in secret_shapes.find(text)] == [], path


def test_places_hold_where_lower_case_is_longer():
    text = "İ" * 9 + " token='f4Ke9xQ2Lm7Zt1Rv8Bn3' AKIA" + "Q2" * 8
    assert [text[slice(*span)] for span in secret_shapes.find(text)] == [
        "f4Ke9xQ2Lm7Zt1Rv8Bn3",
        "AKIA" + "Q2" * 8,
    ]


def seconds(text: str) -> float:
    begun = time.process_time()
    secret_shapes.find(text)
    return time.process_time() - begun


def test_a_log_of_five_megabytes_takes_less_than_a_second():
    line = (
        f"t/test_a.py::test_token_2024[key-1] PASSED [ 12%] https://docs.example/ {some(40, HEX)}\n"
    )
    secret_shapes.find(line)  # what is imported once does not count
    assert seconds(line * (5_000_000 // len(line))) < 1.5


@pytest.mark.parametrize(
    "unit",
    [
        *("eyJ", "eyJaaaaaaaa.", "://", "://a:b@", "secret=", "password: 'a", "akia", "aws key "),
        *("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nQUJD" * 2, "xoxb-1-", "bot"),
        *("cloudant_api_key : ", "sl_key:", "glpat-", "T3BlbkFJ", "sk-sk-T3BlbkFJ", "SG.", "-us1"),
        *("authorization: bearer ", "token\t\t\t\t:\t\t\t", "hooks.slack.com/services/T", "x"),
    ],
)
def test_hostile_text_takes_time_in_proportion(unit):
    small, large = (unit * (size // len(unit)) for size in (50_000, 400_000))
    seconds(small)
    # Eight times the text: the square would take 64 times as long.
    assert seconds(large) < 24 * max(seconds(small), 0.02)
