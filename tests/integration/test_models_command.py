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
    assert "MERGEWRIGHT_MODEL=" in told


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
    (limits,) = (line for line in lines if line.startswith("One run: "))
    assert all(fact in limits for fact in ("$5", "$20"))


def test_a_reviewer_of_the_editors_vendor_is_said(called):
    _, told = called(
        "--json",
        MERGEWRIGHT_MODEL="openai-chat:gpt-4o",
        MERGEWRIGHT_MODEL_REVIEWER="openai-responses:gpt-4o-mini",
    )
    (remark,) = told["remarks"]
    assert "openai" in remark and "MERGEWRIGHT_MODEL_REVIEWER" in remark


def test_a_model_of_which_nothing_bounds_the_cost_is_refused_by_name(called, monkeypatch, tmp_path):
    unpriced = {"MERGEWRIGHT_MODEL": "openai-chat:gpt-4o,openai-chat:nobody-knows-this"}
    code, told = called("--json", "--check", **unpriced)
    assert code == 2
    (problem,) = told["problems"]
    for fact in ("nobody-knows-this", "MERGEWRIGHT_MODEL_PRICES", "MERGEWRIGHT_MODEL_TOKENS"):
        assert fact in problem
    assert "Nobody was asked" in told["remarks"][-1]
    loaded = settings.load_settings({"MERGEWRIGHT_HOME": str(tmp_path), **unpriced})
    with pytest.raises(ModelUnusable, match="nobody-knows-this has no known price"):
        wiring.make_models(loaded)
    bounded = loaded.model_copy(update={"model_tokens": 1000})
    assert wiring.make_models(bounded) is not None
    assert called(**unpriced, MERGEWRIGHT_MODEL_TOKENS="1000")[0] == 0


def test_a_model_that_repositories_may_ask_for_is_listed_and_bounded_too(called):
    allowed = {"MERGEWRIGHT_MODEL": "openai:gpt-4o", "MERGEWRIGHT_MODEL_ALLOW": "openai:own-one"}
    code, told = called("--json", **allowed)
    assert code == 2
    assert [one["name"] for one in told["models"]] == ["openai:gpt-4o", "openai:own-one"]
    assert "openai:own-one" in told["problems"][0]
    code, told = called("--json", **allowed, MERGEWRIGHT_MODEL_TOKENS="1000")
    assert (code, told["problems"]) == (0, [])
    assert "openai:own-one" in told["remarks"][-1]


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
    assert all(fact in bad["words"] for fact in ("401", "invalid_api_key", "OPENAI_API_KEY"))
    assert [one.model for one in server.requests] == ["good", "bad"]
    assert all(one.characters < 500 for one in server.requests)
    assert KEY not in json.dumps(told)


def test_nothing_is_asked_without_a_check(called):
    with scripted.serving([]) as server:
        code, told = called(**server.environ())
    assert code == 0
    assert server.requests == []
    assert "not known" in told
