"""The type check: mypy, the repository's own where it has one, else the gate's.

A module of ours with errors is checked in the same run; when mypy is silent about it, its
silence about the rest means nothing.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Literal

from agent.checks import check, linters, sealed, suite
from agent.checks.check import Site
from agent.checks.linters import Remark
from agent.checks.sealed import Event, Secret, Text
from agent.environments import sandbox_requests
from agent.models.checks import CheckItem, CheckResult, Status
from agent.models.sandbox import (
    SANDBOX_ENVIRONMENT,
    SANDBOX_GATE,
    SANDBOX_TOOLS,
    SandboxFile,
    SandboxRequest,
    SandboxResult,
)

#: Two errors of different codes, in case a configuration turns one off; strict in all else.
_PROBE = '''"""Checked on purpose: mypy must find errors in the second function only."""


def right(number: int) -> int:
    """Return what is promised."""
    return number


def wrong(number: int) -> int:
    """Return something else."""
    number.no_such_method()
    return "text"
'''
_WRONG_FROM = _PROBE.split("\n").index("def wrong(number: int) -> int:") + 1
#: mypy's words for "nothing found" and "something found".
_CHECKED = frozenset({0, 1})
_TEXT_LINE = re.compile(
    r"(?P<file>[^:\n]+):(?P<line>\d+):(?:\d+:)?(?:\d+:\d+:)? (?P<severity>error|note): "
    r"(?P<message>.*?)(?:  \[(?P<code>[\w-]+)\])?"
)


class Mypy(Event):
    event: Literal["mypy"]
    version: Text
    as_json: bool
    chosen: list[Text]
    """What was checked since neither arguments nor configuration name anything."""
    lines: list[str]
    left_out: int
    errors: Text
    code: int


class MypyTypes:
    """mypy on what the repository's configuration names."""

    name = "mypy"

    def explain_absence(self, site: Site) -> str:
        return check.explain_no_type_tool(site, self.name)

    def command(self, site: Site) -> tuple[str, ...]:
        return (*site.command_prefix, "mypy", *site.type_args(self.name))

    def make_request(self, site: Site, secret: Secret) -> SandboxRequest:
        is_pinned = "mypy" in dict(site.environment.tools)
        pinned = f"{SANDBOX_TOOLS}/mypy" if is_pinned else SANDBOX_GATE
        # What is installed beside it is nowhere else.
        is_extended = is_pinned and len(site.project.tool_pins.get("mypy", ())) > 1
        own = site.has_package("mypy") and not is_extended
        probe = SandboxFile(path=site.in_sandbox(f"{secret.module}.py"), content=_PROBE.encode())
        return check.request_script(
            site,
            secret,
            ("mergewright_mypy.py", *site.type_args(self.name)),
            python=sandbox_requests.PYTHON if own else f"{pinned}/bin/python",
            limits=site.tool_limits(),
            options={
                "python": "" if own else sandbox_requests.PYTHON,
                "stubs": site.packages_of(pinned) if is_extended else "",
                "plugins": [] if own else [site.packages_of(SANDBOX_ENVIRONMENT)],
            },
            files=(probe,),
        )

    def judge(self, site: Site, secret: Secret, result: SandboxResult) -> CheckResult:
        report = sealed.read_report(result, secret, (Mypy,))
        limit = check.explain_limit(result, site.tool_limits(), "the type check was")
        answer = report.first(Mypy)
        if answer is None:
            status = Status.FAILED if limit else Status.UNVERIFIED
            found = check.make_unverified(self, site, result, limit or report.problem)
            return found.model_copy(update={"status": status})
        # What keeps mypy from checking anything is among its errors, written like all else.
        lines = (*answer.lines, *answer.errors.splitlines())
        read = [(line, read_line(line, json_lines=answer.as_json)) for line in lines]
        remarks = [replace(one, path=site.path_of(one.path)) for _, one in read if one]
        # Plugins print what they like, but where nothing was checked, somebody says why.
        said = read if answer.code not in _CHECKED else read[len(answer.lines) :]
        others = "\n".join(line for line, one in said if one is None).strip()
        answer = answer.model_copy(update={"lines": list(lines), "errors": others})
        of_project = [one for one in remarks if not _is_probe(one, secret)]
        items = linters.list_items(filter(_is_error, of_project))
        status, reason = _judge_answer(answer, report.problem, remarks, items, secret)
        output = f"{linters.render_remarks(of_project)}\n{others}".strip() or "no issues found"
        found = check.make_result(
            self, site, result, status, reason,
            limit=limit, items=items, output=suite.shorten_output(output),
        )  # fmt: skip
        return found.model_copy(update={"command": (*found.command, *answer.chosen)})


def read_line(line: str, *, json_lines: bool) -> Remark | None:
    """Read one line of mypy's output; None: it says nothing about a place."""
    try:
        found: Any = json.loads(line) if json_lines else _TEXT_LINE.fullmatch(line)
        return Remark(
            path=str(found["file"]),
            code=str(found["code"] or ""),
            message=str(found["message"]),
            line=int(found["line"]),
            severity=str(found["severity"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        # Plugins print what they like; what mypy says itself is an object for each line.
        return None


def _judge_answer(
    answer: Mypy, problem: str, remarks: list[Remark], items: tuple[CheckItem, ...], secret: Secret
) -> tuple[Status, str]:
    if not problem and answer.code not in _CHECKED:
        first = f"{items[0].place}: {items[0].text}" if items else answer.errors or "no word of why"
        return Status.FAILED, f"mypy could not check the code: {first}"
    if problem := problem or next(_find_problems(answer, remarks, secret), ""):
        return Status.UNVERIFIED, problem
    return (Status.FAILED if items else Status.PASSED), ""


def _find_problems(answer: Mypy, remarks: list[Remark], secret: Secret) -> Iterator[str]:
    unread = sum(line.startswith('{"file":') for line in answer.lines) - len(remarks)
    if answer.as_json and unread > 0:
        yield f"{unread} lines of mypy's answer cannot be read"
    if answer.left_out:
        yield f"mypy printed {answer.left_out} lines more than are read"
    wrong = [remark for remark in remarks if _is_probe(remark, secret) and _is_error(remark)]
    if not any((remark.line or 0) >= _WRONG_FROM for remark in wrong):
        yield (
            "mypy reports nothing about a module with errors in it "
            "(does its configuration ignore errors?)"
        )
    if early := [remark for remark in wrong if (remark.line or 0) < _WRONG_FROM]:
        yield f"mypy reports an error where there is none: {early[0].message}"
    if answer.code != 1:
        yield f"mypy reported errors and still ended with {answer.code}"


def _is_error(remark: Remark) -> bool:
    return remark.severity == "error"


def _is_probe(remark: Remark, secret: Secret) -> bool:
    return posixpath.basename(remark.path) == f"{secret.module}.py"
