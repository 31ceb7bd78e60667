"""What people made of our change before they merged it, counted in lines by git.

Read from the pull request's own branch: what they committed beside our commits. Neither merges of
the base count, nor how the branch was merged in the end.
"""

from __future__ import annotations

import re
from pathlib import Path

from agent.errors import RepositoryUnfit
from agent.git import base, mirror, objects, process, remote
from agent.git.process import Place
from agent.models.outcome import HumanEdits
from agent.models.record import Record
from agent.models.sandbox import Flag

_NUMBERS = ("--numstat", "--no-renames", "--no-ext-diff", "--no-textconv")
_OBJECT_ID = re.compile(r"[0-9a-f]{40,64}")


class MergedPullRequest(Record):
    pull: int
    """Its number."""
    base: str
    """Of the base branch before, as the code host has it; empty: it does not say."""
    first: str
    """Our first commit in it, whose parent is the base commit of our run."""
    ours: str
    """Our last commit in it."""


def measure_edits(
    url: str,
    token: str,
    mirrors: Path,
    merged: MergedPullRequest,
    *,
    max_bytes: int,
    stopped: Flag | None = None,
) -> HumanEdits:
    """Fetch a pull request that was merged, and count what was committed beside our commits.

    The code host keeps the end of its branch as `refs/pull/N/head`. May run twice, also at once.
    """
    known = [one for one in (merged.base, merged.first, merged.ours) if one]
    if strange := [one for one in known if not _OBJECT_ID.fullmatch(one)]:
        raise RepositoryUnfit(f"{strange[0]!r} is no commit")
    with remote.hold_mirror(url, mirrors, stopped) as hold:
        mirror.make_mirror(hold)
        missing = [one for one in known if base.peel_object(hold.place, one) is None]
        head = remote.bring_pull(hold, url, token, merged.pull, missing, max_bytes=max_bytes)
        place, side = hold.place, merged.base
        if not side or objects.is_ancestor(place, side, head):  # pushed to the base by hand
            side = f"{merged.first}^1"
        fork = objects.find_fork(place, side, head)
        if fork is None:
            raise RepositoryUnfit("The pull request and its base branch have no commit in common")
        # A commit of ours that people have rebased is still ours.
        beside = ("--cherry-pick", "--right-only", f"{merged.ours}...{head}", f"^{side}")
        return HumanEdits(
            head=head,
            merged_lines=_count_lines(place, "diff-tree", "-r", *_NUMBERS, fork, head),
            distance=_count_lines(
                place, "log", "--no-merges", "--format=", *_NUMBERS, *beside, "--"
            ),
        )


def _count_lines(place: Place, *args: str) -> int:
    """Count lines added and removed; a file that is no text has none."""
    listed = process.run_git(place, *args).decode(errors="replace").splitlines()
    return sum(
        int(number)
        for line in filter(None, listed)
        for number in line.split("\t", 2)[:2]
        if number != "-"
    )
