"""Run the command lines of checks: known tools for their findings, others for their exit code.

A known tool runs in the version that the repository pins, with the repository's settings. Most run
no code of the repository. Plugins of mypy and flake8 are such code, and could hide findings.
"""

import contextlib
import dataclasses
import json
import posixpath
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from agent.checks import check, report
from agent.checks.check import Site
from agent.checks.readers import READERS, Reader, ToolRemark, list_items, render_remarks
from agent.models.checks import CommandRun, LintRun, Status
from agent.models.record import replace
from agent.models.sandbox import (
    SANDBOX_ENVIRONMENT,
    SANDBOX_GATE,
    SANDBOX_OUT,
    SANDBOX_TREE,
    SandboxFile,
    SandboxRequest,
    SandboxResult,
)
from agent.setup import sandbox_requests, sandbox_services
from agent.text import sanitise
from repo_config import documents
from repo_config.command_lines import CheckCommand

#: Shell scripts that write the output of a tool, or also its error output, into its report file.
_INTO_FILE, _ALL_INTO_FILE = 'exec "$@" >"$0"', 'exec "$@" >"$0" 2>&1'
#: Starts a mypy from outside the environment, with the environment's plugins.
_WITH_PLUGINS = (
    "import runpy, sys; sys.path.append({!r}); "
    "runpy.run_module('mypy', run_name='__main__', alter_sys=True)"
)
#: The beginning of a JSON object, up to its first key, with comments before it.
_JSON_START = re.compile(r"\A(?:\s|\ufeff|//[^\n]*|/\*.*?\*/)*+\{", re.DOTALL)
#: Share of the sandbox's memory for Node.js's heap.
_HEAP = 0.75
#: The shell's exit code for a missing program.
_NO_PROGRAM = 127


@dataclass(frozen=True)
class _Command:
    command_line: CheckCommand

    @property
    def name(self) -> str:
        return self.command_line.name

    def explain_absence(self, site: Site) -> str:
        return ""


@dataclass(frozen=True)
class ToolCheck(_Command):
    """A known tool, whose findings are read."""

    reader: Reader
    is_ours: bool = False
    """Whether our own version runs, not the repository's."""
    kind = LintRun

    def command(self, site: Site) -> tuple[str, ...]:
        line = self.command_line
        if self.is_ours:
            return ()
        return (*site.command_prefix, *line.tool.split(), *line.words)

    def make_request(self, site: Site) -> SandboxRequest:
        line, reader = self.command_line, self.reader
        own_words = _drop_options(line.words, reader.dropped)
        end = own_words.index("--") if "--" in own_words else len(own_words)
        words = (*own_words[:end], *reader.options, *own_words[end:])
        environ, files = _get_harmless(check.get_variables(site)), tuple[SandboxFile, ...]()
        if line.tool in sandbox_requests.NODE_SCRIPTS:
            # Pyright would start any Python that it finds on the path.
            environ["PATH"] = "/nonexistent"
            if not {"-p", "--project"}.intersection(own_words):
                files = _write_pyright_settings(site, line.tool)
                words = ("--project", files[0].path, *words)
        script = _ALL_INTO_FILE if reader.is_text else _INTO_FILE
        return sandbox_requests.make_request(
            site.environment,
            site.tree,
            ("/bin/sh", "-c", script, report.PATH, *self._start(site), *words),
            environ={**environ, **reader.environ},
            limits=site.tool_limits(),
            files=files,
            collect=(report.PATH,),
            folder=site.project.root,
        )

    def _start(self, site: Site) -> tuple[str, ...]:
        program, *subcommand = self.command_line.tool.split()
        if self.is_ours:
            return f"{SANDBOX_GATE}/bin/{program}", *subcommand
        if program == "mypy":
            return _start_mypy(site)
        if program in sandbox_requests.NODE_SCRIPTS:
            return _start_pyright(site, program)
        return f"{site.locate_tool(program)}/bin/{program}", *subcommand

    def read_result(self, site: Site, result: SandboxResult) -> LintRun:
        content, reader = result.files.get(report.PATH), self.reader
        text = sanitise.strip_terminal_codes((content or b"").decode("utf-8", "replace"))
        remarks = None if content is None else reader.read(text)
        if remarks is not None:
            remarks = [
                dataclasses.replace(remark, path=site.path_of(remark.path)) for remark in remarks
            ]
        # Warnings count if the tool failed without reporting an error.
        wrong = [remark for remark in remarks or () if remark.severity == "error"]
        if not wrong and result.exit_code == 1:
            wrong = [remark for remark in remarks or () if remark.severity == "warning"]
        items = list_items(wrong)
        output = f"{text}\n{result.output}" if reader.is_text else result.output
        reason = self._explain_failure(result, remarks, wrong, check.find_error_line(output))
        status = Status.FAILED if items or reason else Status.PASSED
        if remarks is None and (result.exit_code in reader.looked or _is_missing(result)):
            status = Status.UNVERIFIED  # the tool has not read the code
        lines = (render_remarks(remarks or ()) or "no findings", reason)
        output = check.shorten_output("\n".join(filter(None, lines)))
        run = check.make_result(self, site, result, status, reason)
        return replace(run, items=items, output=output)

    def _explain_failure(
        self,
        result: SandboxResult,
        remarks: list[ToolRemark] | None,
        wrong: list[ToolRemark],
        words: str,
    ) -> str:
        """Return why a report does not count; "": it counts."""
        if remarks is None and result.refused:
            return f"the report was rejected: {result.refused[0]}"
        code = result.exit_code
        is_silent = code != 0 and remarks is not None and not wrong
        if code not in self.reader.looked or is_silent:
            cause = f"{wrong[0].path}: {wrong[0].message}" if wrong else words
            return f"{self.name} could not check the code (exit code {code}): {cause}"
        return "" if remarks is not None else f"{self.name} wrote no readable report: {words}"


def _is_missing(result: SandboxResult) -> bool:
    """Whether the program is missing, or the sandbox rejected its report."""
    return result.exit_code == _NO_PROGRAM or bool(result.refused)


class ShellCheck(_Command):
    """Any other command; it passes with exit code 0, and fails with any other."""

    kind = CommandRun

    def command(self, site: Site) -> tuple[str, ...]:
        return (*site.command_prefix, "bash", "-c", self.command_line.line)

    def make_request(self, site: Site) -> SandboxRequest:
        order = sandbox_requests.make_request(
            site.environment,
            site.tree,
            ("/bin/bash", "-c", self.command_line.line),
            environ=check.get_variables(site),
            limits=site.tool_limits(),
            folder=site.project.root,
        )
        # The command gets the same tools as the model's shell.
        order = sandbox_requests.share_tools(order, site.environment, site.config.env)
        return sandbox_services.add_services(order, site.environment.services)

    def read_result(self, site: Site, result: SandboxResult) -> CommandRun:
        code = result.exit_code
        reason = f"exit code {code}: {check.get_last_lines(result)}" if code else ""
        status = Status.FAILED if reason else Status.PASSED
        return check.make_result(self, site, result, status, reason)


def make_check(command: CheckCommand) -> ToolCheck | ShellCheck:
    return ToolCheck(command, READERS[command.tool]) if command.tool else ShellCheck(command)


def _get_harmless(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables without those by which a change could replace a tool."""
    harmful = "PYTHON", "LD_", "NODE_", "PATH"
    return {name: value for name, value in environ.items() if not name.startswith(harmful)}


def _drop_options(words: Sequence[str], names: Collection[str]) -> tuple[str, ...]:
    """Leave out options with these names, and their values."""
    left, kept = iter(words), list[str]()
    for word in left:
        name, equals, _ = word.partition("=")
        if name not in names:
            kept.append(word)
        elif not equals:
            next(left, None)
    return tuple(kept)


def _start_mypy(site: Site) -> tuple[str, ...]:
    folder = site.locate_tool("mypy")
    if folder == SANDBOX_ENVIRONMENT:
        return sandbox_requests.PYTHON, "-I", "-m", "mypy"
    # Packages that the repository's hook installs with mypy, mostly stubs, count as installed.
    path = "" if folder == SANDBOX_GATE else site.environment.get_packages(folder)
    plugins = _WITH_PLUGINS.format(site.environment.get_packages(SANDBOX_ENVIRONMENT))
    start = ("/usr/bin/env", f"PYTHONPATH={path}", f"{folder}/bin/python", "-I", "-c", plugins)
    return *start, "--python-executable", sandbox_requests.PYTHON


def _start_pyright(site: Site, program: str) -> tuple[str, ...]:
    node, script = sandbox_requests.locate_script(site.environment, program)
    heap = f"--max-old-space-size={int(site.tool_limits().memory_bytes * _HEAP) // 1024**2}"
    return node, heap, script


def _write_pyright_settings(site: Site, program: str) -> tuple[SandboxFile, ...]:
    """Return settings that extend the repository's, and replace the folder of packages in these.

    Their Python version overrides ours, which we write before theirs: of a key that an object
    has twice, the last counts.
    """
    settings = site.text(posixpath.join(site.project.root, "pyrightconfig.json"))
    if settings is None:
        table: object = {}
        with contextlib.suppress(documents.DocumentError):
            text = site.text(posixpath.join(site.project.root, "pyproject.toml")) or ""
            tools = documents.table(documents.parse_toml(text), "tool")
            table = tools.get(program, tools.get("pyright"))
        settings = json.dumps(documents.as_map(table), default=str)
    below = {"pythonVersion": ".".join(site.environment.interpreter.version.split(".")[:2])}
    settings = _JSON_START.sub(lambda start: f"{start[0]}{json.dumps(below)[1:-1]},", settings)
    above = {
        "extends": "mergewright-pyright-own.json",
        "venvPath": posixpath.dirname(SANDBOX_ENVIRONMENT),
        "venv": posixpath.basename(SANDBOX_ENVIRONMENT),
        "baselineFile": f"{SANDBOX_OUT}/no-baseline",
    }
    texts = {"mergewright-pyright.json": json.dumps(above), above["extends"]: settings}
    root = posixpath.join(SANDBOX_TREE, site.project.root)
    return tuple(
        SandboxFile(path=posixpath.join(root, name), content=text.encode())
        for name, text in texts.items()
    )
