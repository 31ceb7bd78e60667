"""`mergewright models`: who is asked for what, what it costs, and whether it answers."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from agent import settings, wiring
from agent.cli.main import app
from agent.errors import ModelUnusable
from tests import scripted
from tests.scripted import Fault, Said
from tests.scripted.faults import KEY

CHAIN = "openai-chat:gpt-4o,anthropic:claude-opus-5-5"


@pytest.fixture
def called(tmp_path):
    """Give what calls the command with these variables, besides which no model is set."""

    def call(*words, **environ):
        keys = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}
        given = {"MERGEWRIGHT_HOME": str(tmp_path), "COLUMNS": "160", **keys, **environ}
        done = CliRunner().invoke(app, ["models", *words], env=given)
        if "--json" in words:
            return done.exit_code, json.loads(done.stdout)
        return done.exit_code, done.stdout

    return call


def test_without_a_model_it_says_how_one_is_set(called):
    code, told = called()
    assert code == 0
    assert "No model is set: recipes alone. MERGEWRIGHT_MODEL=anthropic:NAME sets one" in told


def test_roles_routes_prices_and_limits_are_listed(called):
    code, told = called(
        MERGEWRIGHT_MODEL=CHAIN,
        MERGEWRIGHT_MODEL_REVIEWER="anthropic:claude-opus-5-5",
        MERGEWRIGHT_MODEL_ROUTES="editor/docs=openai:gpt-4o",
        MERGEWRIGHT_MODEL_USD_PER_DAY="20",
    )
    assert code == 0
    lines = [" ".join(line.split()) for line in told.splitlines()]
    assert "editor openai-chat:gpt-4o, anthropic:claude-opus-5-5" in lines
    assert "reviewer anthropic:claude-opus-5-5" in lines
    assert "editor/docs openai:gpt-4o" in lines
    assert "openai-chat:gpt-4o 2.5 10" in lines
    assert (
        "One run: at most $5, 200 replies, any number of tokens; $20 for all issues of a"
        " repository within 24 hours." in lines
    )
    assert "same vendor" not in told


def test_a_reviewer_of_the_editors_vendor_is_said(called):
    _, told = called(
        "--json",
        MERGEWRIGHT_MODEL="openai-chat:gpt-4o",
        MERGEWRIGHT_MODEL_REVIEWER="openai-responses:gpt-4o-mini",
    )
    assert told["remarks"] == [
        (
            "Reviewer and editor are of the same vendor (openai), and may overlook the same things."
            " MERGEWRIGHT_MODEL_REVIEWER sets another."
        )
    ]


def test_a_model_of_which_nothing_bounds_the_cost_is_refused_by_name(called, monkeypatch, tmp_path):
    unpriced = {"MERGEWRIGHT_MODEL": "openai-chat:gpt-4o,openai-chat:nobody-knows-this"}
    code, told = called("--json", "--check", **unpriced)
    assert code == 2
    words = (
        "openai-chat:nobody-knows-this has no known price, so nothing bounds what it costs. Give"
        " it a row in the file of MERGEWRIGHT_MODEL_PRICES, or bound the tokens of a run by"
        " MERGEWRIGHT_MODEL_TOKENS."
    )
    assert told["problems"] == [words]
    assert told["remarks"][-1].startswith("Nobody was asked: ")
    assert "Nobody was asked" not in "".join(called("--json", **unpriced)[1]["remarks"])
    loaded = settings.load({"MERGEWRIGHT_HOME": str(tmp_path), **unpriced})
    with pytest.raises(ModelUnusable, match="nobody-knows-this has no known price"):
        wiring.models(loaded)
    bounded = loaded.model_copy(update={"model_tokens": 1000})
    assert wiring.models(bounded) is not None
    assert called(**unpriced, MERGEWRIGHT_MODEL_TOKENS="1000")[0] == 0


def test_a_model_that_repositories_may_ask_for_is_listed_and_bounded_too(called):
    allowed = {"MERGEWRIGHT_MODEL": "openai:gpt-4o", "MERGEWRIGHT_MODEL_ALLOW": "openai:own-one"}
    code, told = called("--json", **allowed)
    assert code == 2
    assert [one["name"] for one in told["models"]] == ["openai:gpt-4o", "openai:own-one"]
    assert "openai:own-one has no known price" in told["problems"][0]
    code, told = called("--json", **allowed, MERGEWRIGHT_MODEL_TOKENS="1000")
    assert (code, told["problems"]) == (0, [])
    assert told["remarks"][-1].startswith("No price is known of openai:own-one: tokens and replies")


def test_each_model_is_asked_for_one_word(called):
    def answer(seen):
        return Fault(status=401, code="invalid_api_key") if seen.model == "bad" else Said("ready")

    with scripted.serving(answer) as server:
        environ = server.environ() | {"MERGEWRIGHT_MODEL": "openai-chat:good,openai-chat:bad"}
        code, told = called("--check", "--json", **environ)
    assert code == 1
    good, bad = told["models"]
    assert good["answers"] is True
    assert bad["answers"] is False
    assert bad["words"] == (
        "its key is not accepted (401, invalid_api_key); set OPENAI_API_KEY to one that is."
        " openai-chat:bad says: “scripted invalid_api_key”."
    )
    assert [one.model for one in server.requests] == ["good", "bad"]
    assert all(one.characters < 500 for one in server.requests)
    assert KEY not in json.dumps(told)


def test_who_is_tried_is_asked_by_what_a_run_asks_by(called, monkeypatch):
    made, provided = [], wiring.provided

    def noted(chosen, loaded):
        made.append(chosen.names)
        return provided(chosen, loaded)

    monkeypatch.setattr(wiring, "provided", noted)
    with scripted.serving(lambda seen: Said("ready")) as server:
        environ = server.environ() | {"MERGEWRIGHT_MODEL": "openai-chat:one,openai-chat:two"}
        code, _ = called("--check", "--json", **environ, MERGEWRIGHT_MODEL_STREAM="off")
        assert wiring.models(settings.load(environ)) is not None
    assert code == 0
    assert made == [
        ("openai-chat:one",),
        ("openai-chat:two",),
        ("openai-chat:one", "openai-chat:two"),
    ]
    assert [one.stream for one in server.requests] == [False, False]


@pytest.mark.parametrize("words", [(), ("--check",)])
def test_a_key_that_is_missing_is_named_whoever_else_answers(called, words):
    with scripted.serving(lambda seen: Said("ready")) as server:
        environ = server.environ() | {"MERGEWRIGHT_MODEL": "openai-chat:one,anthropic:two"}
        code, told = called(*words, "--json", **environ | {"ANTHROPIC_API_KEY": ""})
    assert code == 2
    assert told["problems"] == ["anthropic:two: it has no key; set ANTHROPIC_API_KEY."]
    assert [one.model for one in server.requests] == ["one"] * len(words)


def test_nothing_is_asked_without_a_check(called):
    with scripted.serving([]) as server:
        code, told = called(**server.environ())
    assert code == 0
    assert server.requests == []
    assert "not known" in told
