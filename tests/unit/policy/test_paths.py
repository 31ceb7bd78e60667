"""The rules `paths` and `gate-files`: what a change may touch, and what a reviewer must see."""

import pytest

from agent.models.change import Change, ChangedFile, Finding
from agent.policy.change_context import ChangeContext
from agent.policy.content import gate_files, paths
from tests.unit.policy import cases
from tests.unit.trees import DictTree


def gate_findings(
    after: dict[str, str | bytes | None], settings: str | None = "config.settings.test"
) -> list[Finding]:
    made, tree = cases.change(after, BASE)
    return list(
        gate_files.check_change(
            ChangeContext(made, cases.config(), cases.project(settings=settings), tree)
        )
    )


BASE: dict[str, str | bytes] = {
    "app/models.py": "x = 1\n",
    "app/Readme.md": "a\n",
    "payments/core.py": "x = 1\n",
    "payments/deep/er/core.py": "x = 1\n",
    ".github/workflows/ci.yml": "a\n",
    "docs/a.txt": "a\n",
    "docs/deep/b.txt": "b\n",
    "config/settings/test.py": "x = 1\n",
    "pyproject.toml": '[project]\nname = "a"\n\n[tool.mergewright]\nversion = 1\n',
}


def findings(after: dict[str, str | bytes | None], **scope: object) -> list[Finding]:
    made, tree = cases.change(after, BASE)
    return list(
        paths.check_change(ChangeContext(made, cases.config(scope=scope), cases.project(), tree))
    )


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("docs/**", "docs/deep/deeper/new.txt", True),
        ("docs/**", "docs2/new.txt", False),
        ("**/migrations/**", "app/sub/migrations/0001.py", True),
        ("[!ab].py", "a.py", False),
    ],
)
def test_patterns_are_read_as_in_gitignore(pattern, path, matches):
    refused = cases.blocking(findings({path: "x\n"}, allow=[pattern], protect=[]))
    assert (refused == []) is matches
    refused = cases.blocking(findings({path: "x\n"}, protect=[pattern]))
    assert (refused != []) is matches


@pytest.mark.parametrize("content", ["changed\n", None])
def test_protected_and_human_files_are_neither_changed_nor_deleted(content):
    (finding,) = cases.blocking(findings({"docs/a.txt": content}, protect=["docs/**"]))
    assert "scope.protect" in finding.message
    assert "docs/**" in finding.message
    (finding,) = cases.blocking(findings({"payments/core.py": content}, human_only=["payments/**"]))
    assert "scope.human_only" in finding.message


@pytest.mark.parametrize("path", ["DOCS/new.txt", "\uff44ocs/new.txt"])
def test_look_alikes_of_protected_paths_are_refused(path):
    assert any("protect" in found.message for found in findings({path: "x\n"}, protect=["docs/**"]))


ANYTHING = {"allow": ["**"], "protect": [], "human_only": []}


@pytest.mark.parametrize(
    "path",
    [
        "sub/.git/hooks/pre-commit",
        "git~1/config",
        ".g\u200cit/config",
        ".GitHub/Mergewright.YML",
        "app/../../outside.py",
        "app\\x.py",
        "app/x\u202epy.txt",
    ],
)
def test_paths_that_no_setting_opens(path):
    found = cases.blocking(findings({path: "x\n"}, **ANYTHING))
    assert found
    assert found[0].path == path
    assert found[0].fix


@pytest.mark.parametrize(
    "after", ['[project]\nname = "a"\n\n[tool.mergewright]\nversion = 2\n', None, "not toml ["]
)
def test_mergewright_s_table_in_pyproject_is_never_changed(after):
    (finding,) = cases.blocking(findings({"pyproject.toml": after}, **ANYTHING))
    assert "tool.mergewright" in finding.message
    assert finding.line == (4 if after and "version" in after else None)


@pytest.mark.parametrize("path", ["app/README.md", "App/views.py"])
def test_a_new_path_that_differs_only_in_case_is_refused(path):
    (finding,) = cases.blocking(findings({path: "x\n"}, **ANYTHING))
    assert "case" in finding.message


def test_a_path_below_a_file_and_a_folder_as_file_are_refused():
    assert "which is a file" in findings({"app/models.py/x.py": "x\n"}, **ANYTHING)[0].message
    assert "is a folder" in findings({"docs/deep": "x\n"}, **ANYTHING)[0].message


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
    scope = config.scope.model_copy(update={key: ("a/[z-a]",)})
    made, tree = cases.change({"app/models.py": "y\n"}, BASE)
    config = config.model_copy(update={"scope": scope})
    found = list(paths.check_change(ChangeContext(made, config, cases.project(), tree)))
    assert f"scope.{key} of the configuration" in cases.blocking(found)[0].message


def test_changed_tables_of_pyproject_are_named_one_by_one():
    after = (
        '[project]\nname = "a"\ndependencies = ["x"]\n[tool.mergewright]\nversion = 1\n'
        "[tool.mypy]\nstrict = false\n[tool.pytest.ini_options]\naddopts = ''\n"
    )
    said = [finding.message for finding in gate_findings({"pyproject.toml": after})]
    assert len(said) == 2
    assert not any("[project]" in text for text in said)
    assert any("[tool.mypy]" in text for text in said)
    assert any("[tool.pytest]" in text for text in said)
    assert len(gate_findings({"pyproject.toml": "["})) == 1
