"""The branch of a commit: its name, and how it is created or deleted."""

import re
from pathlib import Path

from agent.errors import RepositoryUnfit
from agent.git import base, mirror, process, remote
from agent.git.process import GitFailed, GitPlace
from agent.git.source import UserRepository

MOST_NAMES = 99
"""Maximum number of branches whose names differ only in a number at the end."""
# ASCII only: names with look-alike letters would look equal to people, but differ for git.
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+#=-]{0,199}")


def require_name(branch: str) -> None:
    """Raise RepositoryUnfit for a name that git rejects, or that people could misread."""
    shown = branch.encode("unicode_escape", "replace").decode()[:100]
    problem = f"`{shown}` is not accepted as a branch name"
    fix = "Set pull_request.branch_prefix to letters, digits and dashes, ending with a slash"
    if not _BRANCH.fullmatch(branch):
        raise RepositoryUnfit(
            f"{problem}: use at most 200 ASCII letters, digits and . _ / + # = -, starting with a"
            f" letter or digit. {fix}"
        )
    try:
        process.run_git(GitPlace(Path("/nonexistent")), "check-ref-format", "--branch", branch)
    except GitFailed as refusal:
        raise RepositoryUnfit(f"{problem}: {refusal.message}. {fix}") from refusal


def list_candidate_names(branch: str) -> list[str]:
    """List the wanted name, and further ones in case it is taken."""
    return [branch, *(f"{branch}-{number}" for number in range(2, MOST_NAMES + 1))]


# --- on the code host --------------------------------------------------------------------------


def remove_branch(url: str, token: str, mirrors: Path, branch: str, commit: str) -> bool:
    """Delete a branch on the code host if it is still at our commit; return whether it was."""
    with remote.open_mirror(url, token, mirrors) as repository:
        with mirror.renew_mirror(repository.locked.place, repository.locked.scratch):
            pass  # git pushes only from a repository, even an empty one
        try:
            repository.push_branch("", branch, expected=commit)
        except remote.LeaseLost:
            return False
        return True


def find_head(url: str, token: str, mirrors: Path, branch: str) -> str | None:
    """Return the commit of a branch on the code host; None: there is no such branch."""
    with remote.open_mirror(url, token, mirrors) as repository:
        return repository.find_head(branch)


# --- in the user's repository ----------------------------------------------------------------


def send_objects(here: GitPlace, there: GitPlace, start: str, commit: str) -> None:
    """Copy the commit's objects as loose ones; git checks each, and that none is missing."""
    excluded = [f"^{start}"] if base.peel_object(there, start) else []
    wanted = "\n".join([commit, *excluded, ""]).encode()
    pack = process.run_git(here, "pack-objects", "--revs", "--stdout", "--quiet", stdin=wanted)
    process.run_git(there, "unpack-objects", "-q", "--strict", stdin=pack)


def create_branch(user: UserRepository, commit: str, branch: str) -> str:
    """Create the branch, or one with the next free name, in the user's repository."""
    refs = base.list_refs(user.place, "refs/heads")
    for name in list_candidate_names(branch):
        ref = f"refs/heads/{name}"
        if refs.get(ref) == commit:
            return name
        if not any(f"{present}/".startswith(f"{ref}/") for present in refs):
            # Zeros: git refuses if the branch exists. No reflog, since that needs an identity.
            args = ("-c", "core.logAllRefUpdates=false", "update-ref", ref, commit)
            process.run_git(user.place, *args, "0" * len(commit))
            return name
    raise RepositoryUnfit(
        f"{user.root} has {MOST_NAMES} branches named like {branch}. Delete those not needed: "
        f"git branch -D {branch}"
    )
