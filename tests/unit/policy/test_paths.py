"""Of `paths` and `gate-files` what no snippet shows: lies about the base, and words."""

import pytest

from agent.models.change import Change, ChangedFile, Finding
from agent.models.record import replace
from agent.policy import gate_files, paths
from agent.policy.change_context import ChangeContext
from tests.unit.policy import cases
from tests.unit.trees import DictTree

BASE: dict[str, str | bytes] = {
    "app/models.py": "x = 1\n",
    "pyproject.toml": '[project]\nname = "a"\n\n[tool.mergewright]\nversion = 1\n',
}


def gate_findings(pyproject: str) -> list[Finding]:
    snippet = cases.Snippet({"pyproject.toml": pyproject}, base=BASE)
    return list(gate_files.check_change(snippet.change_context()))


def _one(file: ChangedFile) -> list[Finding]:
    tree = DictTree(BASE)
    made = Change(base_commit="0" * 40, files=(file,))
    return list(paths.check_change(ChangeContext(made, cases.config(), cases.project(), tree)))


@pytest.mark.parametrize(
    "file",
    [
        ChangedFile(path="app/link.py", before=b"/etc/passwd", after=b"x"),
        ChangedFile(path="app/models.py", before=None, after=b"x"),
        ChangedFile(path="app/new.py", before=None, after=None),
    ],
    ids=["no regular file of the base", "new, though the base has it", "on neither side"],
)
def test_a_change_that_lies_about_the_base_is_refused(file):
    assert [one.path for one in cases.blocking(_one(file))] == [file.path]


@pytest.mark.parametrize("key", ["allow", "protect", "human_only"])
def test_a_pattern_that_cannot_be_read_blocks_and_names_its_key(key):
    config = cases.config()
    scope = replace(config.scope, **{key: ("a/[z-a]",)})
    made, tree = cases.change({"app/models.py": "y\n"}, BASE)
    config = replace(config, scope=scope)
    found = list(paths.check_change(ChangeContext(made, config, cases.project(), tree)))
    assert f"scope.{key} of the configuration" in cases.blocking(found)[0].message


def test_changed_tables_of_pyproject_are_named_one_by_one():
    after = (
        '[project]\nname = "a"\ndependencies = ["x"]\n[tool.mergewright]\nversion = 1\n'
        "[tool.mypy]\nstrict = false\n[tool.pytest.ini_options]\naddopts = ''\n"
    )
    said = [finding.message for finding in gate_findings(after)]
    assert len(said) == 2
    assert not any("[project]" in text for text in said)
    assert any("[tool.mypy]" in text for text in said)
    assert any("[tool.pytest]" in text for text in said)
    assert len(gate_findings("[")) == 1
