"""Keys that say how code is to be written: concurrency by path, and what goes with it."""

from __future__ import annotations

import pytest

from repo_config import load, reference
from repo_config.schema import RepoConfig

YML = ".github/mergewright.yml"


def refused(text: str) -> str:
    with pytest.raises(load.ConfigProblem) as caught:
        load.from_text(text, YML)
    (problem,) = caught.value.problems
    return str(problem).removeprefix(f"{YML}:")


def test_the_mode_of_paths_is_read():
    config = load.from_text(
        'concurrency:\n  mode: sync\n  overrides:\n    - paths: ["api/**"]\n      mode: async\n',
        YML,
    )
    (override,) = config.concurrency.overrides
    assert config.concurrency.mode == "sync"
    assert (override.paths, override.mode) == (("api/**",), "async")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "concurrency: async",
            (
                '1:14: concurrency: expected a mapping; found "async". '
                "Write keys below it: mode, overrides"
            ),
        ),
        (
            "concurrency: {overrides: [{paths: [a/**], mod: sync}]}",
            '1:43: unknown key "mod" in concurrency.overrides[0]. Did you mean mode?',
        ),
        (
            "concurrency: {overrides: [{paths: [a/**], mode: threads}]}",
            (
                "1:49: concurrency.overrides[0].mode: expected sync, async or any; "
                'found "threads". Write one of: sync, async, any'
            ),
        ),
        (
            "concurrency: {overrides: [{paths: a/**, mode: any}]}",
            (
                "1:35: concurrency.overrides[0].paths: expected a list of glob patterns; "
                'found "a/**". Write a list: ["a/**"]'
            ),
        ),
    ],
)
def test_a_mistake_is_named_at_its_place(text, expected):
    assert refused(text) == expected


def test_the_reference_says_what_an_override_holds():
    (row,) = [line for line in reference.markdown().splitlines() if "concurrency.overr" in line]
    assert row.startswith(
        "| `concurrency.overrides` | a list of mappings of paths and mode | `[]` | Other modes"
    )


def test_the_system_for_background_tasks_is_one_of_those_known():
    assert load.from_text("background_tasks: rq", YML).background_tasks == "rq"
    assert refused("background_tasks: celry") == (
        "1:19: background_tasks: expected celery, background-tasks, rq, dramatiq, none or any; "
        'found "celry". Did you mean celery?'
    )


def test_the_http_client_is_a_name_or_says_more():
    short = load.from_text("http_client: httpx", YML)
    long = load.from_text("http_client: {name: httpx, timeout: required, retries: tenacity}", YML)
    assert (short.http_client, short.http.name, short.http.timeout) == ("httpx", "httpx", "any")
    assert (long.http.name, long.http.timeout, long.http.retries) == (
        "httpx", "required", "tenacity",
    )  # fmt: skip
    assert load.from_text("version: 1", YML).http.name == "any"


def test_both_forms_of_the_http_client_survive_json():
    for text in ("http_client: httpx", "http_client: {name: httpx, timeout: required}"):
        config = load.from_text(text, YML)
        assert RepoConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "http_client: {name: httpx, timout: required}",
            '1:28: unknown key "timout" in http_client. Did you mean timeout?',
        ),
        (
            "http_client: {name: curl}",
            (
                "1:21: http_client.name: expected httpx, requests, aiohttp, urllib3 or any; "
                'found "curl". Write one of: httpx, requests, aiohttp, urllib3, any'
            ),
        ),
        (
            "http_client: {timeout: 5}",
            (
                "1:24: http_client.timeout: expected required or any; found the number 5. "
                "Write one of: required, any"
            ),
        ),
        (
            "http_client: [httpx]",
            (
                "1:14: http_client: expected httpx, requests, aiohttp, urllib3 or any, or a mapping; "
                "found a list. Write keys below it: name, timeout, retries"
            ),
        ),
    ],
)
def test_a_mistake_in_the_long_form_is_named_at_its_place(text, expected):
    assert refused(text) == expected


def test_licences_are_kept_as_spdx_names_them():
    config = load.from_text("scope: {licences: {allow: [mit, BSD-*], forbid: [gpl-3.0]}}", YML)
    assert config.scope.licences.allow == ("MIT", "BSD-*")
    assert config.scope.licences.forbid == ("GPL-3.0",)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("The MIT License", 'The MIT License". Write MIT'),
        ("Apache 2", 'Apache 2". Write Apache-2.0'),
        ("GPL-3", 'GPL-3". Write GPL-3.0-only or GPL-3.0-or-later'),
        ("GLP-*", 'GLP-*". Write one such as MIT, or GPL-* for several'),
        ("MIT or ISC", 'MIT or ISC". Give each an entry of its own'),
    ],
)
def test_a_licence_that_spdx_does_not_have_is_named_with_the_nearest(entry, expected):
    said = refused(f'scope: {{licences: {{forbid: ["{entry}"]}}}}')
    assert said.endswith(f': "{expected}'), said
