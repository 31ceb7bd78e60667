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


def test_values_are_read():
    config = read(
        "concurrency: {mode: sync, overrides: [{paths: [api/**], mode: async}]}\n"
        "background_tasks: rq\ntests: {mock: external_only}\n"
        "imports: {forbid: [pickle, xml], allow: [xml.sax.saxutils]}\n"
        "scope: {licences: {allow: [mit, BSD-*], forbid: [gpl-3.0]}}\n"
    )
    (override,) = config.concurrency.overrides
    assert (config.concurrency.mode, override.paths, override.mode) == (
        "sync", ("api/**",), "async",
    )  # fmt: skip
    assert (config.background_tasks, config.tests.mock) == ("rq", "external_only")
    assert (config.imports.forbid, config.imports.allow) == (
        ("pickle", "xml"), ("xml.sax.saxutils",),
    )  # fmt: skip
    # As SPDX writes them.
    assert config.scope.licences.allow == ("MIT", "BSD-*")
    assert config.scope.licences.forbid == ("GPL-3.0",)


def test_dependencies_are_read_in_their_order_from_both_formats():
    config = read(FASTAPI)
    assert [(one.paths, one.dependency) for one in config.fastapi.auth] == [
        (("/admin/**",), "app.auth.admin"),
        (("/**",), "app.auth.current_user"),
    ]
    assert config.fastapi.public == ("/health",)
    assert load.from_text(FASTAPI_TOML, "pyproject.toml") == config


def test_nothing_is_demanded_unless_it_is_said():
    config = read("version: 1\n")
    assert (config.tests.mock, config.imports.forbid, config.http.name) == ("auto", (), "any")


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
        ("http_client: {name: httpx, timout: required}", 28, "timeout?"),
        ("tests: {mock: external}", 15, "external_only"),
        ("imports: {forbid: [app/legacy.py]}", 20, '"app.legacy"'),
        ("fastapi: {public: [health]}", 20, "/health"),
        ("fastapi: {public: ['/a**']}", 20, "** between slashes"),
        ('fastapi: {auth: [{paths: ["/**"]}]}', 18, "dependency"),
        ('fastapi: {auth: [{path: ["/**"], paths: ["/**"], dependency: a.b}]}', 19, "paths?"),
        ('scope: {licences: {forbid: ["GPL-3"]}}', 29, "GPL-3.0"),
        ('scope: {licences: {forbid: ["GLP-*"]}}', 29, "GPL-*"),
    ],
)
def test_a_mistake_is_named_at_its_place_with_the_way_out(text, column, words):
    with pytest.raises(load.ConfigProblem) as caught:
        read(text)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (1, column)
    assert words in problem.fix
