"""What is built where all that a template names is too much."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from agent.errors import EnvironmentFailed
from agent.models.environment import Environment
from agent.setup import build, setup_commands
from agent.setup.request import EnvironmentRequest
from agent.setup.tree_files import WorkTreeFiles
from tests.folders import lay_files

NEEDED = ("uv pip install -e .",)


@pytest.fixture
def use_template(tmp_path, monkeypatch):
    tried: list[Any] = []

    def provide_layer(asked, files, environment, build_context):
        tried.append(environment.sources)
        if environment.sources != NEEDED:
            raise EnvironmentFailed("setup: it reached the disk limit")
        return environment

    def use(*, was_too_much: bool) -> tuple[Environment, list[Any]]:
        extras = "[project.optional-dependencies]\ntorch = []\n"
        lay_files(tmp_path, {"pyproject.toml": f"[build-system]\n{extras}"})
        monkeypatch.setattr(setup_commands, "provide_layer", provide_layer)
        monkeypatch.setattr(setup_commands, "has_layer", lambda *parts: was_too_much)
        empty = Environment(
            key="k", path="/e", gate_path="/g", scripts_path="/s", python="3.12.1",
            interpreter_mounts=(), interpreter="/usr/bin/python3", sources=(), packages=(),
        )  # fmt: skip
        request = EnvironmentRequest(tree=str(tmp_path))
        context = SimpleNamespace(say=lambda line: None)
        made = build._use_template(request, WorkTreeFiles(tmp_path), empty, context)
        return made, tried

    return use


@pytest.mark.parametrize(("was_too_much", "count"), [(False, 2), (True, 1)])
def test_what_the_tests_ask_for_is_installed_alone_where_the_rest_reaches_a_limit(
    use_template, was_too_much, count
):
    made, tried = use_template(was_too_much=was_too_much)
    assert (made.sources, len(tried)) == (NEEDED, count)
    assert made.left_out == (build._BESIDE_TESTS,)
