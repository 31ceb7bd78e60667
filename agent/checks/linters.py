"""Run linters and formatters so that a machine can read their reports.

These tools run no code of the repository (flake8's plugins excepted), so a file they wrote under
a random name is taken as theirs. What they leave out, and by whose settings, is as on base.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from agent.checks import check, sealed, suite
from agent.checks.check import Site
from agent.checks.sealed import Secret
from agent.environments import sandbox_requests
from agent.models.checks import CheckItem, CheckResult, Status
from agent.models.sandbox import (
    SANDBOX_GATE,
    SANDBOX_OURS,
    SandboxRequest,
    SandboxResult,
)
from repo_config.tool_options import ToolOptions

#: What a shell, or a sandbox, says when there is no such program.
_NO_PROGRAM = 127
# Figures that move with the code around a finding, or only say by how much a bound is passed.
_FIGURES = re.compile(r"(?<=\bline )\d+|(?<=\()\d+(?= > \d+)|(?<=too complex \()\d+")


@dataclass(frozen=True)
class Remark:
    """One finding of a tool."""

    path: str
    code: str
    message: str
    line: int | None = None
    severity: str = "error"


#: Reads a tool's report; None: it is not one.
Reader = Callable[[bytes], list[Remark] | None]


@dataclass(frozen=True)
class LintCheck:
    """A tool that reads files and lists what it does not like."""

    name: str
    command_words: tuple[str, ...]
    """The program, which is called as its package is, and its command where it has several."""
    machine_arguments: tuple[str, ...]
    """Of the sandbox; `{report}` becomes the path of the report."""
    read: Reader
    configured: Callable[[Site], bool] | None = None
    """Whether the repository has it, where its name among the linters does not say so."""
    arguments: tuple[str, ...] = ()
    """For a person, in place of those of the sandbox."""
    rewrites: bool = False
    """Whether it writes files anew, which are then what it found."""
    found_code: int = 1
    """Exit code when it found something; of one that rewrites: when files could not be parsed, and
    all others were still looked at."""
    caller: str = ""
    """Script of ours that runs the command and writes the report."""
    ours: bool = False
    """Whether the gate's own is run, whatever the repository has."""
    only: tuple[str, ...] = ()
    """The files that it looks at, relative to the project's folder; empty: those of its command."""

    def explain_absence(self, site: Site) -> str:
        has = self.configured(site) if self.configured else self.name in site.project.lint_tools
        if has:
            return ""
        if site.config.checks.lint == "off":
            return "checks.lint is off"
        return site.project.not_run.get(self.name, check.NOT_CONFIGURED)

    def command(self, site: Site) -> tuple[str, ...]:
        if self.ours:
            return ()
        options = self._read_options(site)
        words = (*self.command_words, *options.args, *self.arguments)
        return (*site.command_prefix, *words, *(options.paths or (".",)))

    def _read_options(self, site: Site) -> ToolOptions:
        known = {} if self.ours else site.project.tool_options
        return known.get(self.name, ToolOptions())

    def make_request(self, site: Site, secret: Secret) -> SandboxRequest:
        tool, *subcommand = self.command_words
        own = f"{SANDBOX_GATE}/bin/{tool}" if self.ours else site.program(tool)
        options = self._read_options(site)
        argv = (
            own,
            *subcommand,
            *options.args,
            *(part.format(report=secret.report) for part in self.machine_arguments),
            *(self.only or options.paths or (".",)),
        )
        return sandbox_requests.make_request(
            site.environment,
            site.tree,
            self._name_caller(secret) + argv,
            # By PYTHONPATH and kin a change could put itself in the tool's place.
            environ=check.get_start_variables(site.config.env),
            limits=site.tool_limits(),
            collect=(secret.report,),
            folder=site.project.root,
        )

    def _name_caller(self, secret: Secret) -> tuple[str, ...]:
        script = "rewritten" if self.rewrites else self.caller
        path = f"{SANDBOX_OURS}/checks/mergewright_{script}.py"
        return (f"{SANDBOX_GATE}/bin/python", "-I", "-S", path, secret.report) if script else ()

    def judge(self, site: Site, secret: Secret, result: SandboxResult) -> CheckResult:
        content = result.files.get(secret.report)
        remarks = None if content is None else self.read(content)
        if remarks is not None:
            remarks = [replace(one, path=site.path_of(one.path)) for one in remarks]
            if self.rewrites and result.exit_code == self.found_code:
                remarks.append(Remark("some files", "unreadable", "cannot be parsed"))
        items = list_items(remarks or [])
        status, reason = self._judge_remarks(result, remarks)
        if not reason:
            status = Status.FAILED if items else Status.PASSED
        limit = check.explain_limit(result, site.tool_limits(), f"{self.name} was")
        lines = [f"{item.place}: {item.item_id.partition(': ')[2]}" for item in items]
        if limit or reason:
            lines.append(limit or reason)
        output = suite.shorten_output("\n".join(lines) or "no findings")
        return check.make_result(
            self, site, result, status, reason, limit=limit, items=items, output=output
        )

    def _judge_remarks(
        self, result: SandboxResult, remarks: list[Remark] | None
    ) -> tuple[Status, str]:
        """Say what makes a report worth nothing; nothing where it is whole."""
        words = suite.find_error_line(result)
        if remarks is None and result.refused:
            return Status.UNVERIFIED, f"the report was not accepted: {result.refused[0]}"
        # With that code one that lists findings has some.
        is_silent = result.exit_code == self.found_code and remarks == []
        if result.exit_code not in {0, self.found_code} or is_silent:
            status = Status.UNVERIFIED if result.exit_code == _NO_PROGRAM else Status.FAILED
            return status, f"{self.name} could not run (exit code {result.exit_code}): {words}"
        problem = "" if remarks is not None else f"{self.name} wrote no readable report: {words}"
        return Status.UNVERIFIED, problem


def list_items(remarks: Iterable[Remark]) -> tuple[CheckItem, ...]:
    return tuple(
        CheckItem(
            item_id=sealed.clean_id(
                f"{remark.path}: {remark.code or 'error'}: {_FIGURES.sub('N', remark.message)}"
            ),
            outcome="finding",
            text=sealed.clean_text(remark.message),
            place=sealed.clean_text(remark.path + (f":{remark.line}" if remark.line else "")),
        )
        for remark in remarks
    )


def render_remarks(remarks: Iterable[Remark]) -> str:
    """Write for people what a type checker said of the repository."""
    return "\n".join(
        f"{one.path}:{one.line or 1}: {one.severity}: {one.message}"
        + (f"  [{one.code}]" if one.code else "")
        for one in remarks
    )


# --- reports ---------------------------------------------------------------------------------


def read_ruff(content: bytes) -> list[Remark] | None:
    try:
        return [
            Remark(
                path=str(entry["filename"]),
                code=str(entry["code"] or "invalid-syntax"),
                message=str(entry["message"]),
                line=int(entry["location"]["row"]) if entry.get("location") else None,
            )
            for entry in json.loads(content)
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


_FLAKE8_LINE = re.compile(r"(?P<path>[^\t]*)\t(?P<line>\d+)\t(?P<code>[^\t]*)\t(?P<message>.*)")


def read_flake8(content: bytes) -> list[Remark] | None:
    """Read lines in the format that is asked for below."""
    return [
        Remark(found["path"], found["code"], found["message"], int(found["line"]))
        for line in content.decode("utf-8", "replace").splitlines()
        if (found := _FLAKE8_LINE.fullmatch(line))
    ]


def read_rewritten(content: bytes) -> list[Remark] | None:
    try:
        return [Remark(str(path), "format", "would be reformatted") for path in json.loads(content)]
    except (ValueError, TypeError, RecursionError):
        return None


def _is_linter(site: Site) -> bool:
    return "ruff" in site.project.lint_tools and "ruff check" not in site.project.not_run


def _is_formatter(site: Site) -> bool:
    return "ruff" in site.project.lint_tools and site.project.ruff_formats


RUFF_CHECK = LintCheck(
    name="ruff check",
    command_words=("ruff", "check"),
    machine_arguments=("--no-cache", "--no-fix", "--no-respect-gitignore"),
    caller="ruff",
    read=read_ruff,
    configured=_is_linter,
)

RUFF_FORMAT = LintCheck(
    name="ruff format",
    command_words=("ruff", "format"),
    arguments=("--check",),
    machine_arguments=("--no-cache", "--no-respect-gitignore"),
    read=read_rewritten,
    configured=_is_formatter,
    rewrites=True,
    found_code=2,
)

FLAKE8 = LintCheck(
    name="flake8",
    command_words=("flake8",),
    machine_arguments=(
        "--output-file={report}", "--format=%(path)s\t%(row)d\t%(code)s\t%(text)s",
    ),
    read=read_flake8,
)  # fmt: skip

BLACK = LintCheck(
    name="black",
    command_words=("black",),
    arguments=("--check",),
    machine_arguments=("--no-color",),
    read=read_rewritten,
    rewrites=True,
    found_code=123,
)

ISORT = LintCheck(
    name="isort",
    command_words=("isort",),
    arguments=("--check-only",),
    machine_arguments=(),
    read=read_rewritten,
    rewrites=True,
)

ALL = (RUFF_CHECK, RUFF_FORMAT, FLAKE8, BLACK, ISORT)
FORMATTERS = frozenset(one.name for one in ALL if one.rewrites)
