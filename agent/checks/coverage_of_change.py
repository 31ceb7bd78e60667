"""Say how much of what a change adds or edits is run by tests, where the repository asks for it.

The suite runs once more on head, under coverage.py, so that the run whose verdict counts is never
measured. The figure proves nothing; one that is too low is for the reviewer.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby

from agent.checks import check, sealed, suite
from agent.checks.check import Site, Suite
from agent.checks.sealed import Secret
from agent.environments import sandbox_requests, sandbox_services
from agent.models.checks import CheckItem, CheckResult, Status
from agent.models.sandbox import SANDBOX_GATE, SandboxRequest, SandboxResult
from agent.text.sanitise import list_some

RULE = "coverage-of-change"
_SHOWN = 8
_DATA = "/tmp/mergewright-coverage"  # noqa: S108 - in the sandbox, whose /tmp is its own
#: Ours where the repository has none, behind all that its environment has.
_FROM_GATE = (
    "import sys; sys.path.append({!r}); from coverage.cmdline import main; sys.exit(main())"
)


@dataclass(frozen=True)
class CoverageOfChange:
    """The new lines of one change."""

    lines: Mapping[str, tuple[int, ...]]
    """By path; those that hold no statement do not count."""
    suite: Suite
    wanted: int
    """Percent."""
    name: str = "coverage of the change"

    def explain_absence(self, site: Site) -> str:
        is_off = site.config.rules.get(RULE) == "off"
        return f"the rule {RULE} is off" if is_off else self.suite.explain_absence(site)

    def command(self, site: Site) -> tuple[str, ...]:
        return self._wrap_command(site, ("-m", "coverage"))

    def _wrap_command(self, site: Site, tool: tuple[str, ...], *options: str) -> tuple[str, ...]:
        words = self.suite.command(site)
        # The folder that is gone to first may bear the name too.
        at = words.index("python", len(site.command_prefix)) + 1
        return (*words[:at], *tool, "run", *options, *words[at:])

    def make_request(self, site: Site, secret: Secret) -> SandboxRequest:
        tool = ("-m", "coverage")
        if not site.has_package("coverage"):
            tool = ("-c", _FROM_GATE.format(site.packages_of(SANDBOX_GATE)))
        files = ",".join(f"*/{path}" for path in self.lines)
        # The repository's own settings may leave out whatever they like.
        run = self._wrap_command(site, tool, "--rcfile=/dev/null", f"--include={files}")
        if "pytest" in run:
            # In one process, and measured by nobody else.
            run += ("-n", "0") if site.has_package("pytest-xdist") else ()
            run += ("--no-cov",) if site.has_package("pytest-cov") else ()
        report = (*site.command_prefix, "python", *tool, "json", "--rcfile=/dev/null", "-o")
        services = site.environment.services
        order = sandbox_requests.make_request(
            site.environment,
            site.tree,
            ("/bin/sh", "-c", f"{shlex.join(run)}; {shlex.join((*report, secret.report))}"),
            environ={
                **sandbox_services.variables(services), **site.config.env, "COVERAGE_FILE": _DATA,
            },
            limits=site.test_limits(),
            collect=(secret.report,),
        )  # fmt: skip
        return sandbox_services.add_services(order, services)

    def judge(self, site: Site, secret: Secret, result: SandboxResult) -> CheckResult:
        missed, every = self._read_report(site, result.files.get(secret.report, b""))
        reason = check.explain_limit(result, site.test_limits(), "the tests were")
        if not reason and missed is None:
            reason = suite.get_last_lines(result)
        items: tuple[CheckItem, ...] = ()
        run = every - sum(map(len, (missed or {}).values()))
        if reason or missed is None:
            items = (_make_item(f"it is not known which lines the tests run: {reason}"),)
        elif run * 100 < self.wanted * every:
            share = (
                f"the tests run {run * 100 // every} % of the change, and"
                f" tests.coverage_of_change is {self.wanted}"
            )
            items = tuple(
                _make_item(f"no test runs {_format_lines(lines)}; {share}", f"{path}:{lines[0]}")
                for path, lines in missed.items()
                if lines
            )
        figures = "not known" if reason else f"{run} of {every} lines run"
        status = Status.FAILED if items else Status.PASSED
        output = suite.shorten_output("\n".join(item.text for item in items) or figures)
        found = check.make_result(self, site, result, status, items=items, output=output)
        return found.model_copy(update={"counts": figures})

    def _read_report(self, site: Site, content: bytes) -> tuple[dict[str, list[int]] | None, int]:
        """Return the lines of the change that no test runs, by path, and how many may run."""
        missed, every = {}, 0
        try:
            facts = {site.path_of(path): one for path, one in json.loads(content)["files"].items()}
            for path, lines in self.lines.items():
                # What is not even imported is missed as a whole.
                run, not_run = (
                    {*map(int, facts[path][key])} if path in facts else {*lines}
                    for key in ("executed_lines", "missing_lines")
                )
                every += len((run | not_run).intersection(lines))
                missed[path] = sorted(not_run.intersection(lines))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None, 0
        return missed, every


def _make_item(message: str, place: str = "") -> CheckItem:
    text = sealed.clean_text(message)
    start = f"{place.rpartition(':')[0]}: " if place else ""
    item_id = sealed.clean_id(f"{start}{RULE}: {text}")
    return CheckItem(item_id=item_id, outcome="finding", text=text, place=sealed.clean_text(place))


def _format_lines(lines: list[int]) -> str:
    """Write lines as `lines 3-5, 9`."""
    groups = groupby(enumerate(lines), lambda pair: pair[1] - pair[0])
    runs = [[line for _, line in some] for _, some in groups]
    parts = [f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    return f"line{'s' * (len(lines) > 1)} {list_some(parts, _SHOWN)}"
