"""Branches, commits, their files and what checks say of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from markupsafe import Markup

from agent.demo.simulator import git_history, git_store, markup
from agent.demo.simulator.records import CheckRun, Repository, Status

MOST_LINES = 2_000
"""Lines of one file's patch on a page."""

_GOOD = frozenset({"success", "neutral", "skipped"})
_RUNNING = frozenset({"queued", "in_progress", "pending", "waiting", "requested"})


@dataclass(frozen=True)
class AnnotationView:
    """A remark of a check on a line."""

    level: str
    path: str
    line: int
    title: str | None
    message: str


@dataclass(frozen=True)
class CheckView:
    """A check run or a commit status."""

    number: int
    name: str
    state: str
    title: str | None
    by: str
    seconds: float | None
    link: str
    html: Markup
    annotations: tuple[AnnotationView, ...] = ()


@dataclass(frozen=True)
class CommitView:
    """A commit in a list."""

    sha: str
    subject: str
    rest: str
    author: str
    at: float
    verified: bool


@dataclass(frozen=True)
class FileView:
    """One file of a comparison."""

    anchor: str
    name: str
    status: str
    additions: int
    deletions: int
    lines: tuple[markup.DiffLine, ...]
    cut: int


@dataclass(frozen=True)
class BranchView:
    """A branch and its newest commit."""

    name: str
    default: bool
    protected: bool
    commit: CommitView
    ahead: int


def checks(
    repo: Repository, sha: str, app_names: dict[int, str]
) -> tuple[tuple[CheckView, ...], str]:
    """Show what checks say of a commit, and the sum of it: good, bad, pending or empty."""
    runs = [
        _check_run(repo, each, app_names)
        for each in repo.check_runs.values()
        if each.head_sha == sha
    ]
    latest = {each.context: each for each in repo.statuses if each.sha == sha}
    found = (*runs, *(_status(each) for each in latest.values()))
    states = {each.state for each in found}
    if not states:
        return found, ""
    if states & _RUNNING:
        return found, "pending"
    return found, "good" if states <= _GOOD else "bad"


def commits(repo: Repository, base: str, head: str) -> tuple[CommitView, ...]:
    """List the commits that head has and base has not, oldest first."""
    return tuple(
        commit(repo, sha) for sha in reversed(git_history.history(repo.git_dir, head, base))
    )


def commit(repo: Repository, sha: str) -> CommitView:
    """Show one commit."""
    read = git_store.read_commit(repo.git_dir, sha)
    first, _, rest = read.message.partition("\n")
    author = read.author
    return CommitView(sha, first, rest.strip("\n"), author.name, author.when, read.verified)


def files(repo: Repository, old: str, new: str) -> tuple[FileView, ...]:
    """Show the files that differ between two commits."""
    shown = []
    for number, each in enumerate(git_history.changes(repo.git_dir, old, new), 1):
        lines = markup.diff_lines(each.patch or "")
        shown.append(
            FileView(
                anchor=f"file-{number}",
                name=f"{each.previous} → {each.path}" if each.previous else each.path,
                status=each.status,
                additions=each.additions,
                deletions=each.deletions,
                lines=lines[:MOST_LINES],
                cut=max(0, len(lines) - MOST_LINES),
            )
        )
    return tuple(shown)


def branches(repo: Repository) -> tuple[BranchView, ...]:
    """List the branches, the default branch first."""
    heads = branch_heads(repo)
    default = heads.get(repo.default_branch)
    shown = []
    for name, sha in heads.items():
        ahead = git_history.ahead_behind(repo.git_dir, default, sha)[0] if default else 0
        protected = any(rule.covers(name) for rule in repo.rules)
        shown.append(
            BranchView(name, name == repo.default_branch, protected, commit(repo, sha), ahead)
        )
    return tuple(sorted(shown, key=lambda each: (not each.default, -each.commit.at, each.name)))


def branch_heads(repo: Repository) -> dict[str, str]:
    """Map branch names to the commits they point to."""
    listed = git_store.text(
        repo.git_dir, "for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/"
    )
    pairs = (line.split(" ", 1) for line in listed.splitlines())
    return {name.removeprefix("refs/heads/"): sha for sha, name in pairs}


def _check_run(repo: Repository, one: CheckRun, app_names: dict[int, str]) -> CheckView:
    texts = "\n\n".join(filter(None, (one.summary, one.text)))
    return CheckView(
        number=one.id,
        name=one.name,
        state=one.conclusion or one.status,
        title=one.title,
        by=app_names.get(one.app_id, ""),
        seconds=one.completed - one.started if one.completed else None,
        link=_web_address(one.details_url),
        html=markup.markdown(texts, repo.full_name),
        annotations=tuple(
            AnnotationView(each.level, each.path, each.start_line, each.title, each.message)
            for each in one.annotations
        ),
    )


def _status(one: Status) -> CheckView:
    return CheckView(
        number=one.id,
        name=one.context,
        state=one.state,
        title=one.description,
        by=one.creator.login,
        seconds=None,
        link=_web_address(one.target_url),
        html=Markup(),
    )


def _web_address(address: str | None) -> str:
    """Let only web addresses become links: escaping does not disarm `javascript:`."""
    return address if address and re.match(r"https?://", address, re.IGNORECASE) else ""
