"""Keys that say how code is to be written: what each takes, and mistakes told at their place."""

from __future__ import annotations

import pytest

from repo_config import load
from repo_config.schema import RepoConfig

YML = ".github/mergewright.yml"
FASTAPI = """\
fastapi:
  auth:
    - {paths: ["/admin/**"], dependency: app.auth.admin}
    - {paths: ["/**"], dependency: app.auth.current_user}
  public: [/health]
"""
FASTAPI_TOML = """\
[[tool.mergewright.fastapi.auth]]
paths = ["/admin/**"]
dependency = "app.auth.admin"
[[tool.mergewright.fastapi.auth]]
paths = ["/**"]
dependency = "app.auth.current_user"
[tool.mergewright.fastapi]
public = ["/health"]
"""


def read(text: str) -> RepoConfig:
    return load.from_text(text, YML)


def test_dependencies_are_read_in_their_order_from_both_formats():
    config = read(FASTAPI)
    assert [(one.paths, one.dependency) for one in config.fastapi.auth] == [
        (("/admin/**",), "app.auth.admin"),
        (("/**",), "app.auth.current_user"),
    ]
    assert config.fastapi.public == ("/health",)
    assert load.from_text(FASTAPI_TOML, "pyproject.toml") == config


def test_the_http_client_is_a_name_or_says_more_and_survives_json():
    short = read("http_client: httpx")
    long = read("http_client: {name: httpx, timeout: required, retries: tenacity}")
    assert (short.http_client, short.http.name, short.http.timeout) == ("httpx", "httpx", "any")
    assert (long.http.name, long.http.timeout, long.http.retries) == (
        "httpx", "required", "tenacity",
    )  # fmt: skip
    for config in (short, long):
        assert RepoConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("concurrency: {overrides: [{paths: [a/**], mode: threads}]}", 49, "sync, async or any"),
        ("fastapi: {public: [health]}", 20, "/health"),
        ('fastapi: {auth: [{paths: ["/**"]}]}', 18, "dependency"),
        ('fastapi: {auth: [{path: ["/**"], paths: ["/**"], dependency: a.b}]}', 19, "paths?"),
        ('scope: {licences: {forbid: ["GPL-3"]}}', 29, "GPL-3.0"),
    ],
)
def test_a_mistake_is_named_at_its_place_with_the_way_out(text, column, words):
    with pytest.raises(load.ConfigProblem) as caught:
        read(text)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (1, column)
    assert words in problem.fix
