"""Which endpoints a change leaves open, as the application lists them."""

import pytest

from agent.models.checks import ApplicationFact
from agent.policy import fastapi_auth
from repo_config.schema import FastapiSection

SECTION = FastapiSection.model_validate(
    {
        "auth": [
            {"paths": ["/admin/**"], "dependency": "app.auth.admin"},
            {"paths": ["/orders/**", "/old", "/new"], "dependency": "app.auth.user"},
        ]
    },
    strict=False,
)


def endpoint(
    path: str, *asks: str, function: str = "", methods: str = "GET", status: int = 0
) -> ApplicationFact:
    function = function or f"app.views.f{path.replace('/', '_')}"
    return ApplicationFact(
        kind="route",
        name=f"{methods} {path}",
        value=function,
        place="app/views.py:7",
        asks=asks,
        status=status,
    )


def found(
    before: list[ApplicationFact], after: list[ApplicationFact], rule: str = "fastapi-auth"
) -> list[str]:
    several = fastapi_auth.find_problems(SECTION, tuple(before), tuple(after))
    return [f"{one.path}:{one.line} {one.message}" for one in several if one.rule == rule]


def test_a_new_endpoint_on_no_path_is_named():
    health, total = endpoint("/health"), endpoint("/orders/total", "app.auth.user")
    (message,) = found([], [health, total], "fastapi-auth-uncovered")
    assert message == "app/views.py:7 answers GET /health, which fastapi.auth does not cover."
    assert found([health], [health], "fastapi-auth-uncovered") == []


@pytest.mark.parametrize(
    ("after", "demanded"),
    [
        (endpoint("/orders"), "app.auth.user"),
        (endpoint("/admin/users", "app.auth.user"), "app.auth.admin"),
        (endpoint("/{area}/total"), "app.auth.admin"),
        (endpoint("/{rest:path}", "app.auth.user"), "app.auth.admin"),
        (endpoint("/o{rest}"), "app.auth.user"),
    ],
)
def test_a_new_endpoint_without_what_its_path_demands_is_found(after, demanded):
    (message,) = found([], [after])
    assert message.startswith("app/views.py:7 answers GET ")
    assert after.url in message
    assert f"{demanded}, which" in message


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], [endpoint("/orders", "app.auth.user"), endpoint("/health")]),
        ([], [endpoint("/shops/{name}/admin"), endpoint("/old/{name}"), endpoint("/x{a}{b}")]),
        # What a path is written for comes first.
        ([], [endpoint("/orders/{number}", "app.auth.user")]),
        # It was open before, also where its function or its URL is another now.
        ([endpoint("/orders")], [endpoint("/orders", function="app.new.orders")]),
        ([endpoint("/old", function="app.f")], [endpoint("/new", function="app.f")]),
    ],
)
def test_what_asks_is_on_no_path_or_was_open_is_left_alone(before, after):
    assert found(before, after) == []


@pytest.mark.parametrize(
    "before",
    [
        [endpoint("/admin/users", "app.auth.admin")],
        [endpoint("/users", function="app.views.f_admin_users")],
        [endpoint("/admin/users", methods="POST", function="app.views.add")],
    ],
)
def test_what_was_guarded_or_answered_elsewhere_is_held_against_the_change(before):
    assert len(found(before, [endpoint("/admin/users")])) == 1


def test_what_answers_without_credentials_is_open_whatever_it_depends_on():
    guarded = endpoint("/orders", "app.auth.user", status=401)
    (message,) = found([guarded], [endpoint("/orders", "app.auth.user", status=200)])
    assert "answers GET /orders with 200 to requests without credentials" in message
    assert found([], [guarded]) == []
    open_all_the_same = endpoint("/orders", "app.auth.user", status=200)
    assert len(found([open_all_the_same], [endpoint("/orders")])) == 1
