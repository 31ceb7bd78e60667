"""Run a repository's tests twice in rooms, for `mergewright readiness --run`.

The environment is built and the suite is run as for a run of a ticket, on the commit that is
checked out. What the two runs tell is judged by `agent.contract.measured`.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path

from rich.console import Console

from agent import settings, wiring, worktree
from agent.checks import check, measuring
from agent.checks.check import Site
from agent.cli.progress import Progress
from agent.domain import CheckResult, Prepared, Run
from agent.stages import checkout, environment


def twice(repo: Path, *, quiet: bool) -> tuple[CheckResult, CheckResult]:
    """Run the tests of the commit that is checked out two times, one after the other.

    Raises:
        AgentError: The environment cannot be built, or there is no room on this machine.
    """
    started = int(time.time())
    run = Run(
        run_id=f"readiness-{started}-{secrets.token_hex(3)}",
        repository=str(repo.resolve()),
        ticket="",
        base=None,
        started=started,
    )
    with Progress(Console(stderr=True, quiet=quiet)) as progress:
        svc = wiring.local(settings.load(), progress.said)
        folder = svc.base_folder(run)
        try:
            base = checkout.prepare(run, svc)
            contract = checkout.contract(run, base, svc)
            built = environment.build(run, base, contract, svc)
            prepared = Prepared(run=run, checkout=base, contract=contract, environment=built)
            site = Site(
                tree=folder,
                environment=svc.environment(prepared),
                config=contract.config,
                project=contract.project,
                limits=check.granted(svc.settings),
                at_once=svc.settings.checks_at_once,
            )
            first, second = (
                measuring.measure(site, svc.sandbox, svc.say, tests=True)[-1] for _ in range(2)
            )
        finally:
            worktree.remove(folder)
            if folder.parent.is_dir():
                folder.parent.rmdir()
    return first, second
