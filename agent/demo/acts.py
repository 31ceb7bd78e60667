"""What people do in a scenario, and at which moment; they do it through GitHub, as people do."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from agent.demo.simulator import actions, git_store
from agent.demo.simulator.hooks import HookFault, HookFaultKind

if TYPE_CHECKING:
    from agent.demo.play import Play

MAINTAINER = "maria"
REPORTER = "carl"
"""May write issues and comments, and nothing else."""
_GIT_SECONDS, _DRAIN_SECONDS = 30.0, 5.0

Moment = Callable[["Play"], bool]


@dataclass(frozen=True)
class Act:
    """One thing that somebody does."""

    when: Moment
    """Whether its moment has come; the acts before it are over by then."""
    do: Callable[[Play], str]
    """Does it, and says in a line what was done."""


# --- moments -----------------------------------------------------------------------------------


def waits(play: Play) -> bool:
    """Whether the run waits for a person, and nobody has answered that."""
    return play.waits()


def at_once(play: Play) -> bool:
    """Whatever the service is at."""
    return True


def opened(play: Play) -> bool:
    """Whether the pull request is there, and nothing is under way."""
    return play.pull() is not None and play.idle()


# --- acts --------------------------------------------------------------------------------------


def comment(
    words: str, when: Moment = waits, by: str = MAINTAINER, trouble: HookFaultKind | None = None
) -> Act:
    """Write under the issue; `{plan}` stands for the number of the plan that waits.

    Args:
        trouble: What becomes of the webhook that tells of it.
    """

    def do(play: Play) -> str:
        world, said = play.stage.world, words.format(plan=play.plan)
        with world.lock:
            if trouble:
                _spoil(play, trouble, "issue_comment.created")
            actions.comment(play.issue, world.user(by), said)
        return f"{by} comments: {said}{_TROUBLES[trouble] if trouble else ''}"

    return Act(when, do)


_TROUBLES: dict[HookFaultKind, str] = {
    "lose": " (GitHub loses the webhook)",
    "duplicate": " (GitHub delivers the webhook twice)",
    "reorder": " (GitHub delivers the webhook after a later one)",
}


def label(trouble: HookFaultKind | None = None) -> Act:
    """Set the label that starts the run; the webhook goes out at once."""

    def do(play: Play) -> str:
        with play.stage.world.lock:
            if trouble:
                _spoil(play, trouble, "issues.labeled")
            play.label()
        told = "; GitHub delivers the webhook" if trouble is None else _TROUBLES[trouble]
        return f"{MAINTAINER} sets the label mergewright{told}"

    return Act(at_once, do)


def say(words: str) -> Act:
    """Write in the conversation of the pull request."""

    def do(play: Play) -> str:
        world, pull = play.stage.world, play.the_pull()
        with world.lock:
            actions.comment(pull, world.user(MAINTAINER), words)
        return f"{MAINTAINER} comments on the pull request: {words}"

    return Act(opened, do)


def review(*remarks: tuple[str, str, str]) -> Act:
    """Review the pull request and ask for changes.

    Args:
        remarks: Path, words that its line has, and what is remarked there.
    """

    def do(play: Play) -> str:
        pull = play.the_pull()
        if pull.pull is None:
            raise AssertionError("a pull request has a branch")
        comments = [
            {"path": path, "line": _line(play, pull.pull.head_ref, path, has), "body": words}
            for path, has, words in remarks
        ]
        made = {"event": "REQUEST_CHANGES", "body": "", "comments": comments}
        _post(play, f"pulls/{pull.number}/reviews", made)
        listed = "".join(f"\n  {one['path']}:{one['line']}: {one['body']}" for one in comments)
        return f"{MAINTAINER} reviews the pull request:{listed}"

    return Act(opened, do)


def push_to_base(path: str, old: str, new: str, message: str) -> Act:
    """Commit a replacement to the branch that the pull request goes to."""

    def do(play: Play) -> str:
        pull = play.the_pull().pull
        if pull is None:
            raise AssertionError("a pull request has a branch")
        branch = pull.base_ref
        name = ("-c", f"user.name={MAINTAINER}", "-c", f"user.email={MAINTAINER}@example.org")
        host, token = play.stage.address.partition("://")[2], _token(play)
        url = f"http://x-access-token:{token}@{host}/{play.repository.full_name}.git"
        with tempfile.TemporaryDirectory(prefix="mergewright-push-") as tree:
            _git("clone", "-q", "-b", branch, str(play.repository.git_dir), tree)
            place = Path(tree) / path
            text = place.read_text()
            if old not in text:
                raise AssertionError(f"{path} has no {old!r}")
            place.write_text(text.replace(old, new, 1))
            _git("-C", tree, *name, "commit", "-q", "-a", "-m", message)
            _git("-C", tree, "push", "-q", url, f"HEAD:refs/heads/{branch}")
        return f"{MAINTAINER} pushes to {branch}: {message}"

    return Act(opened, do)


def status(context: str, state: str, words: str) -> Act:
    """Report what a check of the project's own says of the branch as it is."""

    def do(play: Play) -> str:
        pull = play.the_pull().pull
        if pull is None:
            raise AssertionError("a pull request has a branch")
        made = {"state": state, "context": context, "description": words}
        _post(play, f"statuses/{pull.head_sha}", made)
        return f"the project's check {context} at {pull.head_sha[:12]}: {state} ({words})"

    return Act(opened, do)


# --- how people get there ----------------------------------------------------------------------


def _token(play: Play) -> str:
    return play.stage.world.token_for(MAINTAINER)


def _spoil(play: Play, trouble: HookFaultKind, event: str) -> None:
    """Let the next webhook of an event go wrong, once those of others are out of the way."""
    hooks = play.stage.world.hooks
    hooks.drain(_DRAIN_SECONDS)
    hooks.faults.append(HookFault(trouble, event))


def _post(play: Play, path: str, made: dict[str, Any]) -> None:
    """Use the API as the maintainer does, below the repository."""
    url = f"{play.stage.address}/api/v3/repos/{play.repository.full_name}/{path}"
    headers = {"Authorization": f"Bearer {_token(play)}"}
    answer = httpx.post(url, json=made, headers=headers, timeout=10, trust_env=False)
    if not answer.is_success:
        raise AssertionError(f"{MAINTAINER} cannot do that: {answer.text}")


def _line(play: Play, branch: str, path: str, has: str) -> int:
    """Find the first line of a file that has some words; they count from 1."""
    text = git_store.text(play.repository.git_dir, "show", f"refs/heads/{branch}:{path}")
    return next(at for at, line in enumerate(text.splitlines(), 1) if has in line)


def _git(*args: str) -> None:
    subprocess.run(["git", *args], check=True, timeout=_GIT_SECONDS, capture_output=True)
