"""What a name calls secret is found, whatever it looks like; code and sentences are left alone."""

from __future__ import annotations

import time

import pytest

from agent.text.redaction import REMOVED, Redactor

#: Each holds S3 in the places of secrets, here of a form that no shape could know.
SECRETS = [
    "API_TOKEN={}",
    "DB_PASSWORD: {}  # of production",
    '{{"client_secret": "{}", "token_type": "bearer"}}',
    r'"{{\"password\": \"{}\", \"a\": 1}}"',
    "machine api.example.com login bob password {}",
    "machine api.example.com\n  login bob\n  password {}\n",
    '{{"auths": {{"registry.example": {{"auth": "{}"}}}}}}',
    "curl -sS -u bob:{} https://api.example/",
    "postgres://shop:{}@localhost/shop",
    "redis://:{}@cache:6379/0",
    "Cookie: sessionid={}",
    "HTTP_AUTHORIZATION = 'Token {}'",
    'curl -H "Authorization: Bearer {}" https://api.example/',
    "X-Api-Key: {}",
    "docker login -u bob -p {} registry.example",
    "docker login --username bob --password {} registry.example",
    "['mysqldump', '--password', '{}', 'shop']",
    "ALTER ROLE shop WITH PASSWORD '{}';",
    "<Password>{}</Password>",
    "- name: DB_PASSWORD\n  value: {}\n",
    "https://x.example/?access_token={}&page=2",
    "host=db user=shop password={} dbname=shop",
    "db.example:5432:shop:bob:{}",
    "password   = '{}'",
    "::add-mask::{}",
    "<QueryDict: {{'password1': ['{}']}}>",
    r"b'GET / HTTP/1.1\r\nCookie: sid={}; theme=dark\r\n'",
    "git config --global user.password {}",
    "gh auth login --with-token <<< {}",
    "openssl rsa -passin pass:{}",
    "auth=('bob', '{}')",
]
VALUES = [
    "hunter2",
    "mySecret99",
    "0123456789abcdef" * 2,
    "123e4567-e89b-12d3-a456-426614174000",
    "p@ss+w0rd==",
]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("text", SECRETS)
def test_a_value_that_its_name_or_place_calls_secret_is_taken_out(text, value):
    redact = Redactor()
    shown = redact(text.format(value))
    assert value not in shown
    assert REMOVED in shown
    assert redact(shown) == shown


ORDINARY = [
    'token = request.POST["token"]',
    "password = form.cleaned_data.get('password')",
    "login(user, password=password, next=None)",
    "self.token = token",
    "set OPENAI_API_KEY to one that works",
    "return Session.objects.filter(session_key=session_key).exists()",
    "user.password = new_password",
    "token: str | None = settings.SOCIAL_AUTH_TOKEN_2024",
    "api_key: CharField",
    "async def adelete(self, session_key=None):",
    "Password: must be at least 8 characters",
    'FATAL: password authentication failed for user "shop"',
    "tests/test_token.py::test_password[secret-1] PASSED",
    "error: argument --token: expected one argument",
    "token: ${{ secrets.GITHUB_TOKEN }}, password: ***, secret: <your secret>",
    'fields = ("username", "password", "email")',
    "PASSWORD_RESET_TIMEOUT = 259200",
    "max_tokens: 4096, token_type: bearer",
    "PWD=/home/sandbox",
    "Authorization: required",
    "KeyError: 'password'",
    "DEFAULT_THROTTLE_RATES = {'auth': '10000/day', 'token': '5/min'}",
    "SECRET_KEY: test",  # what a proposed configuration may say
]


@pytest.mark.parametrize("text", ORDINARY)
def test_code_and_sentences_are_left_alone(text):
    assert Redactor()(text) == text


@pytest.mark.parametrize(
    "unit", ["password=", "a" * 80 + ":", "http://a:", "name: token ", "mysql -p", "login a "]
)
def test_hostile_text_takes_time_in_proportion(unit):
    begun = time.process_time()
    Redactor()(unit * (100_000 // len(unit)))
    assert time.process_time() - begun < 5
