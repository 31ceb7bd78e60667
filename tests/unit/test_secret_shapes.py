"""What looks like a credential is found; what a log is full of is not."""

from __future__ import annotations

import base64
import json
import random
import string
import sysconfig
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


UPPER = string.ascii_uppercase + string.digits
LOWER = string.ascii_lowercase + string.digits
BASE64 = string.ascii_letters + string.digits + "+/"
#: Made up by what vendors publish of their credentials.
VENDORS = {
    "Adobe": "p8e-" + some(32, LOWER),
    "age": "AGE-SECRET-KEY-1" + some(58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"),
    "Alibaba": "LTAI" + some(20),
    "Anthropic": "sk-ant-api03-" + some(93) + "AA",
    "Anthropic admin": "sk-ant-admin01-" + some(93) + "AA",
    "Artifactory": "AKCp" + some(69),
    "Artifactory reference": "cmVmd" + some(59),
    "Atlassian": "ATATT3" + some(186),
    "AWS Bedrock": "ABSK" + some(120, BASE64),
    "Azure client": "q3x8Q~" + some(34),
    "Azure cognitive": some(52) + "JQQJ99" + some(26),
    "Bitbucket": "ATBB" + some(32),
    "Cargo": "cio" + some(32),
    "Clojars": "CLOJARS_" + some(60, LOWER),
    "Cloudflare origin": "v1.0-" + some(24, HEX) + "-" + some(146, HEX),
    "Contentful": "CFPAT-" + some(43),
    "Databricks": "dapi" + some(32, HEX),
    "DeepSeek": "sk-" + some(32, HEX),
    "DigitalOcean": "dop_v1_" + some(64, HEX),
    "Discord hook": "discord.com/api/webhooks/" + some(18, string.digits) + "/" + some(68),
    "Docker": "dckr_pat_" + some(27),
    "Docker organisation": "dckr_oat_" + some(36),
    "Doppler": "dp.pt." + some(43),
    "Duffel": "duffel_live_" + some(43),
    "Dynatrace": "dt0c01." + some(24, UPPER) + "." + some(64, UPPER),
    "EasyPost": "EZAK" + some(54),
    "Facebook": "EAAC" + some(120),
    "Figma": "figd_" + some(40),
    "Firebase": some(11) + ":APA91b" + some(134),
    "Firecrawl": "fc-" + some(32, HEX),
    "Flutterwave": "FLWSECK_TEST-" + some(32, HEX) + "-X",
    "Fly": "fo1_" + some(43),
    "Frame.io": "fio-u-" + some(64),
    "GitHub OAuth": "gho_" + some(36),
    "GitHub refresh": "ghr_" + some(76),
    "GitLab agent": "glagent-" + some(50),
    "GitLab OAuth": "gloas-" + some(64, HEX),
    "GitLab runner": "glrt-t1_" + some(27),
    "GitLab trigger": "glptt-" + some(40, HEX),
    "Google API": "AIza" + some(35),
    "Google OAuth": "ya29." + some(120),
    "Google secret": "GOCSPX-" + some(28),
    "Grafana cloud": "glc_" + some(80, BASE64),
    "Grafana": "glsa_" + some(32) + "_" + some(8, HEX),
    "Groq": "gsk_" + some(52),
    "Harness": "pat." + some(22) + "." + some(24, HEX) + "." + some(20),
    "Heroku": "HRKU-AA" + some(58),
    "Hugging Face": "hf_" + some(34, string.ascii_letters),
    "Infracost": "ico-" + some(32),
    "LangSmith": "lsv2_pt_" + some(32, HEX) + "_" + some(10, HEX),
    "Langfuse": f"sk-lf-{uuid.UUID(int=_CHANCE.getrandbits(128))}",
    "Linear": "lin_api_" + some(40),
    "Mailgun": "key-" + some(32, HEX),
    "MaxMind": some(6) + "_" + some(29) + "_mmk",
    "Netlify": "nfp_" + some(36),
    "New Relic": "NRAK-" + some(27, UPPER),
    "Notion": "ntn_" + some(11, string.digits) + some(35),
    "Notion, old": "secret_" + some(43),
    "npm in npmrc": f"//r.example/:_authToken={uuid.UUID(int=_CHANCE.getrandbits(128))}",
    "NuGet": "oy2" + some(43, LOWER),
    "NVIDIA": "nvapi-" + some(64),
    "Octopus": "API-" + some(26, UPPER),
    "OpenAI, old": "sk-" + some(48),
    "OpenAI service": "sk-svcacct-" + some(100),
    "OpenRouter": "sk-or-v1-" + some(64, HEX),
    "OpenShift": "sha256~" + some(43),
    "Perplexity": "pplx-" + some(48),
    "Pinecone": "pcsk_" + some(70),
    "PlanetScale": "pscale_tkn_" + some(43),
    "Plaid": f"access-production-{uuid.UUID(int=_CHANCE.getrandbits(128))}",
    "PostHog": "phx_" + some(43),
    "Postman": "PMAK-" + some(24, HEX) + "-" + some(34, HEX),
    "Prefect": "pnu_" + some(36),
    "Pulumi": "pul-" + some(40, HEX),
    "ReadMe": "rdme_" + some(70, LOWER),
    "Replicate": "r8_" + some(37),
    "RubyGems": "rubygems_" + some(48, HEX),
    "Scalingo": "tk-us-" + some(48),
    "SendGrid": "SG." + some(22) + "." + some(43),
    "Sendinblue": "xkeysib-" + some(64, HEX) + "-" + some(16),
    "Sentry organisation": "sntrys_eyJpYXQiO" + some(100, BASE64) + "_" + some(43, BASE64),
    "Sentry user": "sntryu_" + some(64, HEX),
    "Shippo": "shippo_live_" + some(40, HEX),
    "Shopify": "shpat_" + some(32, HEX),
    "Shopify secret": "shpss_" + some(32, HEX),
    "Slack app": "xapp-1-A0" + some(9, UPPER) + "-" + some(13, string.digits) + "-" + some(64, HEX),
    "Slack refresh": "xoxe-1-" + some(146, UPPER),
    "Slack session": "xoxd-" + some(60),
    "Sourcegraph": "sgp_" + some(40, HEX),
    "Square": "sq0atp-" + some(22),
    "Square access": "EAAA" + some(60),
    "Stripe hook": "whsec_" + some(32),
    "Stripe restricted": "rk_live_" + some(99),
    "Stripe test": "sk_test_" + some(24),
    "Supabase": "sbp_" + some(40, HEX),
    "Tavily": "tvly-dev-" + some(32),
    "Teams hook": ".webhook.office.com/webhookb2/" + some(36, HEX) + "@" + some(36, HEX) + "/I/x",
    "Telegram": some(10, "123456789") + ":AA" + some(33),
    "Terraform": some(14) + ".atlasv1." + some(67),
    "Together": "tgp_v1_" + some(43),
    "Twilio": "SK" + some(32, HEX),
    "Vault": "hvs." + some(95),
    "xAI": "xai-" + some(80),
    "Zapier hook": "hooks.zapier.com/hooks/catch/" + some(8, string.digits) + "/" + some(7, LOWER),
    "1Password": "A3-" + "-".join(some(size, UPPER) for size in (6, 6, 5, 5, 5, 5)),
    "1Password service": "ops_eyJ" + some(300, BASE64),
}


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_a_vendor_gives_out_is_found(vendor):
    value = VENDORS[vendor]
    # Of what is recognised by its address, the address stays.
    own = value.partition("_authToken=")[2] or value
    for around in ("{}", "  value: '{}',", "E   assert x == {}\n", '{{"a": "{}"}}', "export A={};"):
        text = around.format(value)
        (span,) = secret_shapes.find(text)
        assert own in text[slice(*span)], vendor
        assert len(text[slice(*span)]) <= len(value) + 1


#: The same beginnings, in what people write.
TWINS = [
    "sk-loading-indicator-with-a-rather-long-name-of-a-style",
    "hf_hub_download_with_retries_and_a_long_name",
    "npm_config_registry npm_package_name npm_lifecycle_event_of_the_parent_package_2",
    "key-value-stores-of-2024 key-d41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204",
    f"sha256:{some(64, HEX)} dapi{some(40, HEX)} SK{some(40, HEX)}",
    "secret_key_base secret_name_of_the_service_in_production_2024_and_later",
    "API-DOCUMENTATION-FOR-DEVELOPERS API-VERSION-2024",
    "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx ghp_000000000000000000000000000000000000",
    "glpat-<your-token> glpat-xxxxxxxxxxxxxxxxxxxx whsec_... sk_live_...",
    "AIzaExample AKIAIOSFOD pat.example.com/a/b sat.on.the.mat dp.pt.example",
    "const cio = require('socket.io'); ico-arrow-left pul-request fc-calendar-event-title",
    "xoxb-your-token-here A3-sheets A3-landscape-with-margins",
    "https://hooks.slack.com/services/ https://discord.com/api/webhooks/{id}/{token}",
    "sig=inspect.signature(function) AccountKey=<key> SharedAccessKey=...",
    "ops_eyJ gsk_test_helper fo1_bar r8_0 e2b_ figd_ rdme_ lin_api_client_of_the_service",
    "//registry.example/:_authToken=${NPM_TOKEN}",
    "authorization = request.headers.get('authorization')",
    "EAAA EAACEdEose base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
]


@pytest.mark.parametrize("text", TWINS)
def test_what_only_begins_like_a_credential_is_left_alone(text):
    assert [text[slice(*span)] for span in secret_shapes.find(text)] == []


@pytest.mark.parametrize(
    "around", ["{}xxxxxxxx", "{}-...", "hvs.{}", "ghp_ghp_{}", "glpat-xxxxxxxxxxxxxxxxxxxxx.{}"]
)
def test_a_credential_is_not_hidden_by_what_looks_like_an_example(around):
    value = VENDORS["GitHub OAuth"]
    text = around.format(value)
    assert any(value in text[slice(*span)] for span in secret_shapes.find(text))


def test_a_credential_behind_thousands_of_its_beginnings_is_found():
    text = "hvs." * 5_000 + some(95)
    assert any(text[slice(*span)].endswith(text[-95:]) for span in secret_shapes.find(text))


def test_a_large_real_source_tree_is_left_alone():
    root = Path(sysconfig.get_path("stdlib"))
    files, alarms = 0, []
    for path in sorted(root.rglob("*.py")):
        if "site-packages" in path.parts:
            continue
        text = path.read_text(errors="replace")
        files += 1
        alarms += [(path.name, text[slice(*span)][:40]) for span in secret_shapes.find(text)]
    print(f"{len(alarms)} false alarms in {files} files: {alarms}")
    assert files > 500
    # Passwords in the addresses that urllib's own tests are made of.
    assert len(alarms) <= 8


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
    text = "İ" * 9 + " token='f4Ke9xQ2Lm7Zt1Rv8Bn3' AKIAQ2Z7K4M9B1X8T5R3"
    assert [text[slice(*span)] for span in secret_shapes.find(text)] == [
        "f4Ke9xQ2Lm7Zt1Rv8Bn3",
        "AKIAQ2Z7K4M9B1X8T5R3",
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
        *("sk-", "gh", "ghp_a1", "key-", "SK", "Q~", "1Q~", ":AA", "sig=", ".atlasv1.", "v1.0-"),
        *("eyJrIjoi", "hooks.slack.com/services/", "AccountKey=", "SG.", "pat.", "hvs.", "secret_"),
        *("glpat-a1B2c3D4a1B2c3D4a1B2c3D4-", "AccountKey=AccountKey", "github_pat_", "xoxb-"),
        *("authorization: bearer ", "token\t\t\t\t:\t\t\t", "hooks.slack.com/services/T", "x"),
    ],
)
def test_hostile_text_takes_time_in_proportion(unit):
    small, large = (unit * (size // len(unit)) for size in (50_000, 400_000))
    seconds(small)
    # Eight times the text: the square would take 64 times as long.
    assert seconds(large) < 24 * max(seconds(small), 0.02)
