"""`make chaos`: kill the worker again and again, and show that nothing is lost or done twice.

Exit codes: 0 `lost=0 double=0` and nothing else wrong; 1 something is; 2 it could not be tried.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from tests.chaos import judge
from tests.chaos.campaign import Campaign
from tests.chaos.fleet import LEASE_SECONDS, FleetCampaign
from tests.chaos.ground import Ground, Stuck, laid_out
from tests.chaos.judge import Verdict
from tests.chaos.tickets import KINDS, MIX, Tickets
from tests.postgresql import Server, serving

_SHOWN = 40
_LOOKS = 3


def main() -> int:
    arguments = _arguments()
    os.umask(0o022)
    folder = Path(tempfile.mkdtemp(prefix="mergewright-chaos-", dir="/tmp"))
    folder.chmod(0o711)  # sandboxes run as another user, who must be able to pass
    begun = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - begun:5.0f} s] {line}", file=sys.stderr, flush=True)

    kept = False
    try:
        database = serving() if arguments.database == "postgresql" else nullcontext()
        with database as server, _lay_out(folder, server, arguments) as ground:
            tickets = Tickets(ground, folder / "repositories", arguments.mix.split(","))
            campaign = (FleetCampaign if server else Campaign)(ground, tickets, arguments.seed, say)
            campaign.undisturbed(tuple(KINDS))
            _kill(campaign, arguments)
            verdict = judge.judge(ground, tickets.all, campaign.expected)
            _tell(campaign, verdict)
            print(f"seconds: {time.monotonic() - begun:.0f}", flush=True)
    except Stuck as problem:
        kept = True
        print(f"lost=? double=?: {problem}", flush=True)
        return 1
    else:
        kept = not verdict.well
        return 0 if verdict.well and not campaign.missed else 1
    finally:
        if kept:
            say(f"everything is in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _lay_out(
    folder: Path, server: Server | None, arguments: argparse.Namespace
) -> Iterator[Ground]:
    if server is None:
        with laid_out(folder, has_new_disks=arguments.new_disks) as ground:
            yield ground
        return
    with laid_out(
        folder,
        server=server,
        workers=arguments.workers,
        has_new_disks=arguments.new_disks,
        MERGEWRIGHT_LEASE_SECONDS=str(LEASE_SECONDS),
        # What PostgreSQL was not there for is asked for again.
        MERGEWRIGHT_RECONCILE_MINUTES="0.05",
    ) as ground:
        yield ground


def _kill(campaign: Campaign, arguments: argparse.Namespace) -> None:
    """Run all kills: at points of steps, at writes, then at random.

    At most half of them are at points, and a quarter at writes: where there are more of these,
    chance decides which.
    """
    undisturbed = len(campaign.tickets.all)
    kinds = tuple(campaign.expected)
    if isinstance(campaign, FleetCampaign):
        campaign.at_every_look(kinds[0], _LOOKS)
    # On a new disk a point costs the minute that an environment takes; a deep test has these.
    elif not arguments.new_disks:
        every = [(kind, point) for kind in kinds for point in campaign.list_points(kind)]
        for kind, points in groupby(campaign.choose(every, arguments.kills // 2), itemgetter(0)):
            campaign.at_points(kind, [point for _, point in points])
        writes = [(kind, name) for kind in kinds for name in campaign.writes[kind]]
        for kind, names in groupby(campaign.choose(writes, arguments.kills // 4), itemgetter(0)):
            campaign.at_writes(kind, [name for _, name in names])
    opened = len(campaign.tickets.all) - undisturbed
    tickets = arguments.kills // 10 if arguments.tickets is None else arguments.tickets
    campaign.at_random(max(0, arguments.kills - campaign.kills.total()), max(0, tickets - opened))


def _tell(campaign: Campaign, verdict: Verdict) -> None:
    print(verdict.line())
    for words in verdict.words[:_SHOWN]:
        print(f"  {words}")
    if (more := len(verdict.words) - _SHOWN) > 0:
        print(f"  and {more} more")
    for words in campaign.missed:
        print(f"  no worker came to this point: {words}")
    points = ", ".join(f"{count} {point}" for point, count in sorted(campaign.kills.items()))
    print(f"kills: {campaign.kills.total()} ({points})")
    tickets = campaign.tickets.all[len(campaign.expected) :]
    ends = Counter(
        f"{ticket.kind.name} ({campaign.expected[ticket.kind.name]['run'][0].split()[1]})"
        for ticket in tickets
    )
    counts = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    repositories = len({ticket.repository.id for ticket in campaign.tickets.all})
    print(f"tickets: {len(tickets)} in {repositories} repositories: {counts}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--tickets", type=int, help="default: a tenth of the kills")
    parser.add_argument("--mix", default=",".join(MIX), help="kinds of tickets, again and again")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", default="sqlite", choices=["sqlite", "postgresql"])
    parser.add_argument("--workers", type=int, default=3, help="of a fleet, with postgresql")
    parser.add_argument(
        "--new-disks", action="store_true", help="each worker starts with an empty data folder"
    )
    arguments = parser.parse_args()
    if unknown := {*arguments.mix.split(",")} - {*KINDS}:
        parser.error(f"--mix: no kind of {', '.join(KINDS)}: {', '.join(sorted(unknown))}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
