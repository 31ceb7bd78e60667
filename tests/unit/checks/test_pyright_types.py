"""What pyright is told in a sandbox, and how its report is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.checks.check import Site
from agent.checks.pyright_types import PYRIGHT, PyrightTypes
from agent.checks.sealed import Secret
from agent.models.checks import CheckResult, Status
from agent.models.sandbox import SandboxLimits, SandboxRequest, SandboxResult
from repo_config.schema import RepoConfig
from tests.folders import lay_files
from tests.unit.checks.test_limits import ENVIRONMENT, PROJECT

SECRET = Secret()


def site(
    tree: Path,
    files: dict[str, str] | None = None,
    tool: str = "pyright",
    config: dict[str, Any] | None = None,
    **detected: Any,
) -> Site:
    lay_files(tree, files or {})
    return Site(
        tree=tree,
        environment=ENVIRONMENT.model_copy(update={"type_checker_path": "/t", "python": "3.12.1"}),
        config=RepoConfig.model_validate(config or {}, strict=False),
        project=PROJECT.model_copy(update={"type_tools": (tool,), **detected}),
        limits=SandboxLimits(memory_bytes=4 * 1024**3),
    )


def told(order: SandboxRequest) -> dict[str, Any]:
    """The settings of ours, by file name without the random part."""
    return {
        file.path.replace(SECRET.module, "OURS"): json.loads(
            file.content.replace(SECRET.module.encode(), b"OURS")
        )
        for file in order.files
        if file.path.endswith(".json")
    }


def words(order: SandboxRequest) -> list[str]:
    """What stands behind the tool's own file."""
    at = next(n for n, word in enumerate(order.argv) if word.endswith("index.js"))
    return [word.replace(SECRET.module, "OURS") for word in order.argv[at + 1 :]]


def test_it_is_told_what_the_configuration_says_but_for_what_would_run_the_tree(
    tmp_path: Path,
) -> None:
    args = ["--pythonpath", ".venv/bin/python", "-v", "venvs", "--writebaselines", "--warnings",
            "--level", "error", "-p", "ci/strict.json", "src", "--stats"]  # fmt: skip
    files = {"src/a.py": "", "ci/strict.json": '{"include": ["../src"]}'}
    order = PYRIGHT.make_request(
        site(tmp_path, files, config={"checks": {"types": {"args": args}}}), SECRET
    )
    assert words(order) == [
        "--outputjson", "--project", "/work/ci/OURS.json", "--writebaselines", "--warnings",
        "--level", "error", "src",
    ]  # fmt: skip
    assert told(order)["/work/ci/OURS.json"]["extends"] == "strict.json"
    assert "include" not in told(order)["/work/ci/OURS.json"]


def remark(file: str, message: str, line: int = 1, **more: Any) -> dict[str, Any]:
    at = {"line": line - 1, "character": 4}
    return {
        "file": file, "severity": "error", "message": message, "range": {"start": at, "end": at},
        "rule": "reportCallIssue", **more,
    }  # fmt: skip


def report(*remarks: dict[str, Any], files: int = 5) -> str:
    return "\n" + json.dumps(
        {
            "version": "1.40.2",
            "time": "1",
            "generalDiagnostics": list(remarks),
            "summary": {"filesAnalyzed": files, "errorCount": 1, "timeInSec": 0.1},
        }
    )


def judged(
    here: Site,
    content: str | bytes | None,
    exit_code: int | None = 1,
    tool: PyrightTypes = PYRIGHT,
    **more: Any,
) -> CheckResult:
    whole = content.encode() if isinstance(content, str) else content
    result = SandboxResult(
        exit_code=exit_code, output=more.pop("output", ""), output_bytes=0, seconds=0.1,
        files={} if whole is None else {SECRET.report: whole}, **more,
    )  # fmt: skip
    return tool.judge(here, SECRET, result)


def test_errors_are_findings_by_file_rule_and_message(tmp_path: Path) -> None:
    said = report(
        remark(
            "/work/shop/a.py", 'Type "int" is not\n\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}"str"', 7
        ),
        remark("/work/shop/b.py", "See line 12", 3, rule=None),
        remark("/work/shop/b.py", "Unused", 4, severity="warning"),
        remark("/work/shop/b.py", "Hint", 5, severity="information"),
        {"file": "/work/shop/c.py", "severity": "error", "message": "Cycle", "cell": None},
    )
    result = judged(site(tmp_path), said)
    assert (result.status, result.reason) == (Status.FAILED, "")
    assert [(item.item_id, item.place) for item in result.items] == [
        ('shop/a.py: reportCallIssue: Type "int" is not "str"', "shop/a.py:7"),
        ("shop/b.py: error: See line N", "shop/b.py:3"),
        ("shop/c.py: error: Cycle", "shop/c.py"),
    ]
    assert result.output.startswith("basedpyright 1.40.2 in place of pyright\nshop/a.py:7: error:")
    assert "shop/b.py:4: warning: Unused  [reportCallIssue]" in result.output
    assert SECRET.module not in result.output


@pytest.mark.parametrize(
    ("content", "exit_code", "more", "says"),
    [
        (None, 1, {"output": "boom"}, "pyright wrote no readable report: boom"),
        (None, 1, {"refused": ("/out/x: too large",)}, "the report was not accepted: /out/x"),
        ("{" * 100_000, 1, {}, "pyright wrote no readable report"),
        (report(), 1, {}, "pyright reported no error and still ended with 1"),
        (report(), 2, {}, "pyright could not run (exit code 2)"),
        (report(files=0), 0, {}, "pyright found no file of the project to check"),
    ],
)
def test_what_is_not_whole_is_unverified(
    tmp_path: Path, content: str | None, exit_code: int | None, more: dict[str, Any], says: str
) -> None:
    result = judged(site(tmp_path), content, exit_code, **more)
    assert result.status is Status.UNVERIFIED
    assert result.reason.startswith(says)


@pytest.mark.parametrize(
    ("files", "args", "says"),
    [
        ({"pyrightconfig.json": "{"}, [], "pyrightconfig.json: line 1: Expecting"),
        ({}, ["/etc"], "checks.types.args: there is no /etc"),
        ({}, ["--verifytypes", "shop"], "checks.types.args: --verifytypes makes it no check"),
    ],
)
def test_settings_that_cannot_be_read_fail_as_a_whole(
    tmp_path: Path, files: dict[str, str], args: list[str], says: str
) -> None:
    here = site(tmp_path, files, config={"checks": {"types": {"args": args}}})
    result = judged(here, report(remark("/work/a.py", "x")))
    assert (result.status, result.items) == (Status.FAILED, ())
    assert result.reason.startswith(says)


def test_a_link_in_the_place_of_settings_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere.json").write_text('{"typeCheckingMode": "off"}')
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "pyrightconfig.json").symlink_to(tmp_path / "elsewhere.json")
    (tree / "sub" / "out").symlink_to(tmp_path)
    assert "extends" not in told(PYRIGHT.make_request(site(tree), SECRET))["/work/OURS.json"]
    (tree / "pyrightconfig.json").unlink()
    (tree / "pyrightconfig.json").write_text('{"extends": "sub/out/elsewhere.json"}')
    result = judged(site(tree), report())
    assert result.reason == "sub/out/elsewhere.json: there is no such file"
