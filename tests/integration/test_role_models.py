"""What `mergewright doctor` says of models: who is asked as what, and whether each answers."""

from __future__ import annotations

import json

import pytest

from agent import settings, wiring
from agent.cli import doctor
from agent.errors import ModelUnusable
from tests import scripted
from tests.scripted import Fault, Said
from tests.scripted.faults import KEY


def load(home, **environ):
    return settings.load_settings({"MERGEWRIGHT_HOME": str(home), **environ})


@pytest.mark.deep
def test_each_role_has_its_row(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    chain = "openai-chat:gpt-4o,anthropic:claude-opus-5-5"
    loaded = load(tmp_path, MERGEWRIGHT_MODEL=chain, MERGEWRIGHT_MODEL_EDITOR="openai:gpt-4o")
    report = doctor.examine_models(loaded)
    assert report["problems"] == []
    chains = {row["role"]: [one["name"] for one in row["models"]] for row in report["roles"]}
    assert chains == {"editor": ["openai:gpt-4o"], "reviewer": chain.split(",")}
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    (problem,) = doctor.examine_models(loaded)["problems"]
    assert problem.endswith("anthropic:claude-opus-5-5: ANTHROPIC_API_KEY is not set.")


def test_a_model_of_which_nothing_bounds_the_cost_is_refused_by_name(tmp_path):
    for field in ("MERGEWRIGHT_MODEL", "MERGEWRIGHT_MODEL_REVIEWER"):
        given = {"MERGEWRIGHT_MODEL": "openai-chat:gpt-4o", field: "openai-chat:nobody-knows-this"}
        loaded = load(tmp_path, **given)
        (problem,) = doctor.examine_models(loaded, ask=True)["problems"]
        assert "nobody-knows-this" in problem
        with pytest.raises(ModelUnusable, match="nobody-knows-this has no known price"):
            wiring.make_models(loaded)
        assert wiring.make_models(loaded.model_copy(update={"model_tokens": 1000})) is not None


def test_each_model_is_asked_for_one_word_where_that_is_wanted(tmp_path, monkeypatch):
    def answer(seen):
        return Fault(status=401, code="invalid_api_key") if seen.model == "bad" else Said("ready")

    with scripted.serving(answer) as server:
        for name, value in server.environ().items():
            monkeypatch.setenv(name, value)
        environ = server.environ() | {"MERGEWRIGHT_MODEL": "openai-chat:good,openai-chat:bad"}
        loaded = load(tmp_path, **environ)
        assert doctor.examine_models(loaded)["problems"] == []
        assert server.requests == []
        report = doctor.examine_models(loaded, ask=True)
    good, bad = report["roles"][0]["models"]
    assert "problem" not in good
    assert all(fact in bad["problem"] for fact in ("401", "invalid_api_key", "OPENAI_API_KEY"))
    assert [request.model for request in server.requests] == ["good", "bad"]
    assert KEY not in json.dumps(report)
