"""What `fastapi` takes, and the words for what it does not."""

from __future__ import annotations

import pytest

from repo_config import load, reference

YML = ".github/mergewright.yml"
WHOLE = """\
fastapi:
  auth:
    - {paths: ["/admin/**"], dependency: app.auth.admin}
    - {paths: ["/**"], dependency: app.auth.current_user}
  public: [/health]
"""


def test_dependencies_are_read_in_their_order():
    section = load.from_text(WHOLE, YML).fastapi
    assert [entry.dependency for entry in section.auth] == [
        "app.auth.admin",
        "app.auth.current_user",
    ]
    assert section.auth[0].paths == ("/admin/**",)
    assert section.public == ("/health",)


def test_pyproject_says_the_same():
    text = (
        '[[tool.mergewright.fastapi.auth]]\npaths = ["/admin/**"]\ndependency = "app.auth.admin"\n'
        '[[tool.mergewright.fastapi.auth]]\npaths = ["/**"]\ndependency = "app.auth.current_user"\n'
        '[tool.mergewright.fastapi]\npublic = ["/health"]\n'
    )
    assert load.from_text(text, "pyproject.toml") == load.from_text(WHOLE, YML)


def test_the_reference_says_what_stands_in_the_list():
    row = next(one for one in reference.markdown().splitlines() if "`fastapi.auth`" in one)
    assert "a list of mappings of paths and dependency" in row


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "fastapi: {public: [health]}",
            '1:20: fastapi.public[0]: a URL path that does not begin with a slash: "health". Write /health',
        ),
        (
            "fastapi: {public: ['https://shop.example/health']}",
            "Write /health",
        ),
        ("fastapi: {public: ['/a?b=1']}", "Write the path alone, such as /admin/**"),
        ("fastapi: {public: ['/a**']}", "Write ** between slashes"),
        (
            'fastapi: {auth: [{paths: ["/**"]}]}',
            "1:18: fastapi.auth[0]: the key dependency is missing. Add dependency: a dotted module name",
        ),
        (
            'fastapi: {auth: [{paths: ["/**"], dependency: app/auth.py}]}',
            'a file where a module is named: "app/auth.py". Write "app.auth"',
        ),
        (
            'fastapi: {auth: [{path: ["/**"], paths: ["/**"], dependency: app.auth.admin}]}',
            'unknown key "path" in fastapi.auth[0]. Did you mean paths?',
        ),
        ("fastapi: {auth: [{paths: [], dependency: app.auth.admin}]}", "fastapi.auth[0].paths"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_the_way_out(text, expected):
    with pytest.raises(load.ConfigProblem) as caught:
        load.from_text(text, YML)
    (problem,) = caught.value.problems
    assert expected in str(problem)
