"""pyright and basedpyright in real sandboxes: what they find, and that nothing of a tree gets round it."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.checks import report
from agent.checks.check import Site
from agent.checks.commands import make_check
from agent.models.environment import Interpreter
from agent.models.record import replace
from agent.models.sandbox import SANDBOX_OUT, SandboxResult
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.settings import Settings
from agent.setup import toolsets
from agent.setup.build_context import BuildContext
from agent.setup.package_index import PackageIndex
from repo_config.command_lines import read_command
from tests.folders import data_folder
from tests.integration import check_samples
from tests.integration.check_samples import Files, Workshop

pytestmark = [pytest.mark.deep, pytest.mark.index]
PYRIGHT = make_check(read_command("pyright"))


@pytest.fixture
def run(workshop: Workshop) -> Callable[..., tuple[Site, SandboxResult]]:
    """Run one of the tools on files, and give what its sandbox gave back."""

    def go(
        files: Files, packages: tuple[str, ...] = (), collect: tuple[str, ...] = (), **more: Any
    ) -> tuple[Site, SandboxResult]:
        made = workshop.site(files, packages=packages, types=("pyright",), **more)
        site = _with_checker(made, workshop)
        for program in site.tree.glob("**/bin/*"):
            program.chmod(0o755)
        order = PYRIGHT.make_request(site)
        order = replace(order, collect=(*order.collect, *collect))
        return site, workshop.sandbox.run(order)

    return go


def _with_checker(site: Site, workshop: Workshop) -> Site:
    """Add the two as they are fetched, kept for later tests."""
    with data_folder("pyright", built=True) as home:
        settings = Settings(home=home)
        python = Interpreter(version="3.11.2", path="/usr/bin/python3.11")
        index = PackageIndex()
        context = BuildContext(workshop.sandbox, index, settings, python, workshop.said.append)
        wanted = {"pyright": ("pyright==1.1.400",), "basedpyright": ("basedpyright==1.40.2",)}
        given = toolsets.provide_pinned_tools(wanted, site.environment, context)
        tools = tuple((tool, str(Path(place).resolve())) for tool, place in given)
    return dataclasses.replace(site, environment=replace(site.environment, tools=tools))


#: Leaves a mark when it is run, and says what would hide every error.
HOSTILE = """\
import pathlib
pathlib.Path("/out/ran").write_text("by " + __file__)
"""
PRETENDS = "#!/bin/sh\necho ran >/out/ran\n"
EVERYTHING = "def __getattr__(name: str) -> object: ...\n"


def test_nothing_of_the_tree_is_run_and_packages_of_its_own_are_not_read(
    run: Callable[..., tuple[Site, SandboxResult]],
) -> None:
    site_packages = ".venv/lib/python3.11/site-packages"
    files = {
        "shop.py": "import iniconfig\n\niniconfig.invented()\n",
        "pyrightconfig.json": json.dumps({"venvPath": ".", "venv": ".venv"}),
        f"{site_packages}/iniconfig/__init__.pyi": EVERYTHING,
        f"{site_packages}/evil.pth": "import evil\n",
        "package.json": '{"type": "module", "main": "evil.js"}',
        "evil.js": "require('fs').writeFileSync('/out/ran', 'x')",
        ".basedpyright/baseline.json": json.dumps({"files": {"./shop.py": [
            {"code": "reportAttributeAccessIssue", "range": {"startColumn": 10, "endColumn": 18}},
        ]}}),
        **dict.fromkeys((".venv/bin/python", ".venv/bin/python3", "bin/python3"), PRETENDS),
        **dict.fromkeys(("sitecustomize.py", "json.py", "os.py", "usercustomize.py"), HOSTILE),
    }  # fmt: skip
    for config in ({}, {"env": {"NODE_OPTIONS": "--require=/work/evil.js", "PATH": "/work/bin"}}):
        site, result = run(
            files, packages=("iniconfig",), collect=(f"{SANDBOX_OUT}/*",), config=config
        )
        assert set(result.files) == {report.PATH}, result.files
        judged = PYRIGHT.read_result(site, result)
        assert "shop.py: reportAttributeAccessIssue" in " ".join(
            item.item_id for item in judged.items
        ), (judged.reason, judged.output)


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({}, {"reportMissingImports"}),
        ({"pyproject.toml": "[tool.pyright]\nreportMissingImports = false\n"}, set()),
        (
            {"pyrightconfig.json": '{"typeCheckingMode": "strict", "reportMissingImports": false}'},
            {"reportMissingParameterType", "reportUnknownParameterType"},
        ),
    ],
)
def test_it_has_its_usual_mode_below_the_settings_of_a_project(
    run: Callable[..., tuple[Site, SandboxResult]], settings: Files, found: set[str]
) -> None:
    judged = PYRIGHT.read_result(
        *run({"a.py": "import nothing_there\n\n\ndef f(a): return a\n", **settings})
    )
    rules = {item.item_id.split(": ")[1] for item in judged.items}
    assert bool(rules) == bool(found), judged
    assert found <= rules, judged
    assert not judged.reason


@pytest.mark.parametrize("program", ["pyright", "basedpyright"])
def test_the_shell_of_a_model_has_it_with_the_packages_of_the_environment(
    workshop: Workshop, program: str
) -> None:
    files = {"a.py": "import iniconfig, nothing_there\n\nx: int = iniconfig.IniConfig\n"}
    site = _with_checker(workshop.site(files, packages=("iniconfig",)), workshop)
    shell = make_check(read_command(f"cd . && {program}"))
    result = workshop.sandbox.run(shell.make_request(site))
    assert '"nothing_there" could not be resolved' in result.output, result.output
    assert '"iniconfig" could not be resolved' not in result.output
    assert "a.py:3:" in result.output


HOOKS = """
repos:
- repo: https://github.com/RobertCraigie/pyright-python
  rev: v{}
  hooks: [{{id: pyright}}]
"""


@pytest.mark.parametrize(
    ("version", "used"), [("1.1.400", "pyright==1.1.400"), ("1.1.360", "pyright")]
)
def test_it_is_fetched_for_those_that_use_it_and_kept(version: str, used: str) -> None:
    with data_folder("pyright") as home:
        settings = Settings(home=home)
        sandbox, said = BubblewrapSandbox(settings), list[str]()
        plain = check_samples.declared_site(
            {"a.py": "x: int = 1\n"}, {}, settings, sandbox, said.append
        )
        assert plain.environment.tools == ()
        assert not [line for line in said if "pyright" in line]
        files = {"a.py": "x: int = ''\n", ".pre-commit-config.yaml": HOOKS.format(version)}
        site = check_samples.declared_site(files, {}, settings, sandbox, said.append)
        assert f"in its own environment: {used}" in said, "before 1.1.393 npm had to complete it"
        assert site.environment.key == plain.environment.key
        found = check_samples.measured(site, sandbox)["pyright"]
        assert [item.item_id.split(": ")[1] for item in found.items] == ["reportAssignmentType"]
        said.clear()
        again = check_samples.declared_site(files, {}, settings, sandbox, said.append)
        assert again.environment.tools == site.environment.tools
        assert not [line for line in said if "fetching" in line]
