"""Of `paths` and `gate-files` what no snippet shows: the words."""

import pytest

from agent.models.record import replace
from agent.policy import gate_files, paths
from tests.unit.policy import cases

BASE: dict[str, str | bytes] = {
    "app/models.py": "x = 1\n",
    "pyproject.toml": '[project]\nname = "a"\n\n[tool.mergewright]\nversion = 1\n',
}


@pytest.mark.parametrize("key", ["allow", "protect", "human_only"])
def test_a_pattern_that_cannot_be_read_blocks_and_names_its_key(key):
    config = cases.config()
    config = replace(config, scope=replace(config.scope, **{key: ("a/[z-a]",)}))
    [fault] = paths.PathRules(config, ()).faults
    assert f"scope.{key} of the configuration" in fault.message


def test_changed_tables_of_pyproject_are_named_one_by_one():
    after = (
        '[project]\nname = "a"\ndependencies = ["x"]\n[tool.mergewright]\nversion = 1\n'
        "[tool.mypy]\nstrict = false\n[tool.pytest.ini_options]\naddopts = ''\n"
    )
    for pyproject, named in ((after, ["[tool.mypy]", "[tool.pytest]"]), ("[", ["does not parse"])):
        context = cases.Snippet({"pyproject.toml": pyproject}, base=BASE).change_context()
        messages = [finding.message for finding in gate_files.check_change(context)]
        assert len(messages) == len(named)
        for words, message in zip(named, messages, strict=True):
            assert words in message
