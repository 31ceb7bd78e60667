"""Run a check in a fresh sandbox, show lines of it meanwhile, and judge the result."""

import time
from collections.abc import Callable
from functools import cache
from typing import cast

from agent.checks import joining
from agent.checks.check import (
    LEAST_SECONDS,
    MINUTES_LIMIT,
    Check,
    RunT,
    Site,
    explain_limit,
    make_result,
)
from agent.checks.runners import AnySuite
from agent.checks.sealed import Secret
from agent.models.checks import CheckItem, LintRun, Status, TestRun, split_place
from agent.models.record import replace
from agent.models.sandbox import Flag, Sandbox
from agent.setup import sandbox_services
from agent.text import sanitise

#: Shows one line to people who watch the run; called from several threads.
Say = Callable[[str], None]

#: A check that ends earlier is in the log at once anyway.
QUIET_SECONDS = 5.0
EVERY_SECONDS = 1.0
LONGEST = 300
_TAIL_BYTES = 8 * 1024


def run_check(
    check: Check[RunT], site: Site, sandbox: Sandbox, say: Say, cancelled: Flag | None = None
) -> RunT:
    """Run a check; once more where it came to a limit other than time.

    Memory, disk and processes of a machine are shared with others; minutes were given to it alone.
    Without its services it proves nothing, whatever its tests say. The commands of the tests run
    one after another, each in a sandbox of its own.
    """
    if isinstance(check, AnySuite) and site.project.more_tests:
        runs = _run_each(check, site, sandbox, say, cancelled)
        return cast(RunT, joining.join_runs(runs, is_part=bool(check.part.only)))
    for is_last in (False, True):
        secret = Secret()
        order = check.make_request(site, secret)
        live = LiveOutput(check.name, say, ours=secret.names)
        result = sandbox.run(order, cancelled, live)
        if is_last or result.limit in (None, "time"):
            break
    limit = result.limit or ""
    ended = explain_limit(check.name, limit, order.limits) if limit else ""
    if words := sandbox_services.not_started(order, result):
        problem = f"the check did not start: {words}"
        found = make_result(check, site, result, Status.UNVERIFIED, problem)
    elif knock := sandbox_services.read_knock(order, result):
        problem = f"the tests connect to {knock.name}, which `services` does not name"
        found = make_result(check, site, result, Status.UNVERIFIED, problem)
        if isinstance(found, TestRun):
            found = replace(found, knock=knock)
    elif result.gone:
        stopped = f"{' and '.join(result.gone)} stopped during the check"
        problem = "; ".join(filter(None, (ended, stopped)))
        found = make_result(check, site, result, Status.UNVERIFIED, problem)
    else:
        found = check.judge(site, secret, result)
        if ended:
            found = replace(found, status=Status.FAILED, reason=ended)
    if limit == "time" and time.monotonic() >= site.until:
        limit = MINUTES_LIMIT
    return _add_lines(replace(found, limit=limit), site)


def _run_each(
    suite: AnySuite, site: Site, sandbox: Sandbox, say: Say, cancelled: Flag | None
) -> list[TestRun]:
    """Run the tests command by command, until what was asked for is known."""
    runs: list[TestRun] = []
    until = time.monotonic() + site.test_limits().seconds
    wanted = {*suite.part.only.ids} if suite.part.only and not suite.part.only.files else None
    for part, place in suite.split(site):
        left = max(until - time.monotonic(), LEAST_SECONDS)
        run = run_check(part, place.limit_seconds(left), sandbox, say, cancelled)
        runs.append(run)
        if wanted is not None:
            # A test that one command skips may run in another.
            done = (item.item_id for item in run.items if item.outcome != "skipped")
            wanted.difference_update(done)
        red = {item.item_id for item in run.items if item.outcome in ("failed", "error")}
        if wanted == set() or (site.may_fail is not None and red - site.may_fail):
            break
    return runs


def _add_lines(found: RunT, site: Site) -> RunT:
    """Add the source lines of findings and failing tests."""
    if not isinstance(found, TestRun | LintRun):
        return found
    read = cache(lambda path: (site.text(path) or "").splitlines())

    def add_line(item: CheckItem) -> CheckItem:
        path, number = split_place(item.place)
        if item.outcome not in ("finding", "failed", "error") or number is None:
            return item
        line = "".join(read(path)[number - 1 : number]).strip()
        return replace(item, source=line)

    return replace(found, items=tuple(map(add_line, found.items)))


class LiveOutput:
    """Shows the last line that a sandbox has printed, at most once a second.

    The caller also ends the sandbox at its limits, so that little is read of a flood. All of the
    output is in the check's result.
    """

    def __init__(
        self,
        name: str,
        say: Say,
        now: Callable[[], float] = time.monotonic,
        *,
        ours: tuple[str, ...] = (),
    ) -> None:
        """Begin to listen.

        Args:
            ours: Names of sentinels; lines with one of them are not the project's.
        """
        self._name, self._say, self._now, self._ours = name, say, now, ours
        self._next = now() + QUIET_SECONDS
        self._tail, self._last, self._has_key = b"", "", False

    def __call__(self, piece: bytes) -> None:
        text = self._tail + piece
        # A line of a key is not recognized as a secret by itself: from here on nothing is shown.
        self._has_key = self._has_key or b"PRIVATE KEY" in text
        self._tail = text[-_TAIL_BYTES:]
        if self._has_key or self._now() < self._next:
            return
        for raw in self._tail.split(b"\n")[-2:0:-1]:
            line = sanitise.strip_terminal_codes(raw[: 4 * LONGEST].decode("utf-8", "replace"))
            line = line.strip()
            if line and not any(name in line for name in self._ours):
                if line != self._last:
                    cut = line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
                    self._say(f"{self._name} | {cut}")
                    self._last, self._next = line, self._now() + EVERY_SECONDS
                return
