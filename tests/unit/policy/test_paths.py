"""Of `paths` and `gate-files` what no snippet shows: lies about the base, and words."""

import pytest

from agent.models.change import Change, ChangedFile, Finding, Severity
from agent.models.record import replace
from agent.policy import gate_files, paths
from agent.policy.change_context import ChangeContext
from repo_config.schema import RepoConfig
from tests.unit.policy import cases
from tests.unit.trees import DictTree

BASE: dict[str, str | bytes] = {
    "app/models.py": "x = 1\n",
    "pyproject.toml": '[project]\nname = "a"\n\n[tool.mergewright]\nversion = 1\n',
}


def list_blocking(file: ChangedFile, config: RepoConfig) -> list[Finding]:
    made = Change(base_commit="0" * 40, files=(file,))
    change_context = ChangeContext(made, config, cases.project(), DictTree(BASE))
    findings = paths.check_change(change_context)
    return [finding for finding in findings if finding.severity is Severity.BLOCK]


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
    assert [finding.path for finding in list_blocking(file, cases.config())] == [file.path]


@pytest.mark.parametrize("key", ["allow", "protect", "human_only"])
def test_a_pattern_that_cannot_be_read_blocks_and_names_its_key(key):
    config = cases.config()
    config = replace(config, scope=replace(config.scope, **{key: ("a/[z-a]",)}))
    file = ChangedFile(path="app/models.py", before=b"x = 1\n", after=b"y\n")
    assert f"scope.{key} of the configuration" in list_blocking(file, config)[0].message


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
