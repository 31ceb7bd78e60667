"""Which versions of a tool are fetched."""

from types import SimpleNamespace

from agent.setup import toolsets
from tests.unit.trees import make_environment


def test_a_pinned_version_without_its_script_is_not_fetched_for_another_day(monkeypatch, tmp_path):
    fetched, day = [], "2024-05-01"

    def provide(lines, build_context, day=None):
        fetched.append((lines[0], day))
        return tmp_path

    monkeypatch.setattr(toolsets, "provide_pinned", provide)
    context, pins = SimpleNamespace(say=lambda _: None), {"pyright": ("pyright==1.1.360",)}
    assert toolsets.provide_pinned_tools(pins, make_environment(), context, day) == ()
    assert fetched == [("pyright==1.1.360", day), ("pyright", day), ("pyright", None)]
