"""Repositories, people, labels, issues and pull requests, each without its conversation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.demo.simulator.records import ROLES, Issue, Label, Repository
from agent.demo.simulator.views import commits
from agent.demo.simulator.world import World


@dataclass(frozen=True)
class LabelView:
    """A label as a pill."""

    name: str
    colour: str
    description: str | None


@dataclass(frozen=True)
class PersonView:
    """Someone in whose name a form can act."""

    login: str
    role: str


@dataclass(frozen=True)
class RepositoryView:
    """A repository in a list or at the head of its pages."""

    full_name: str
    description: str | None
    private: bool
    archived: bool
    default_branch: str
    issues: int
    pulls: int
    branches: int


@dataclass(frozen=True)
class SubjectView:
    """An issue or pull request, without its conversation."""

    number: int
    title: str
    state: str
    why: str | None
    author: str
    at: float
    comments: int
    locked: bool
    url: str
    forms: str
    labels: tuple[LabelView, ...]
    assignees: tuple[str, ...]
    base: str = ""
    head: str = ""
    reviewers: tuple[tuple[str, str], ...] = ()


def repository(one: Repository) -> RepositoryView:
    """Show a repository with what is open in it."""
    pulls = one.pulls()
    return RepositoryView(
        full_name=one.full_name,
        description=one.description,
        private=one.private,
        archived=one.archived,
        default_branch=one.default_branch,
        issues=sum(not each.pull and each.state == "open" for each in one.issues.values()),
        pulls=sum(each.state == "open" for each in pulls),
        branches=len(commits.branch_heads(one)),
    )


def people(world: World, one: Repository) -> tuple[PersonView, ...]:
    """List the people who can act in a repository's pages, the most powerful first."""
    found = [(world.role(one, each), each) for each in world.users.values() if each.kind == "User"]
    found.sort(key=lambda each: (-ROLES.index(each[0]), each[1].login.lower()))
    return tuple(PersonView(each.login, role) for role, each in found)


def label(one: Label) -> LabelView:
    """Show a label."""
    return LabelView(one.name, one.color, one.description)


def subject(repo: Repository, one: Issue) -> SubjectView:
    """Show an issue or pull request."""
    kind = "pull" if one.pull else "issues"
    return SubjectView(
        number=one.number,
        title=one.title,
        state=_state(one),
        why=one.state_reason if one.state == "closed" else None,
        author=one.author.login,
        at=one.created,
        comments=len(one.comments),
        locked=one.locked,
        url=f"/{repo.full_name}/{kind}/{one.number}",
        forms=f"/{repo.full_name}/issues/{one.number}",
        labels=tuple(map(label, one.labels)),
        assignees=tuple(each.login for each in one.assignees),
        base=one.pull.base_ref if one.pull else "",
        head=one.pull.head_ref if one.pull else "",
        reviewers=tuple(_reviewers(one)),
    )


def linked(repo: Repository, one: Issue) -> tuple[SubjectView, ...]:
    """List the pull requests whose text points to an issue."""
    pointing = re.compile(rf"(?<![\w/]){re.escape(f'#{one.number}')}\b")
    return tuple(subject(repo, each) for each in repo.pulls() if pointing.search(each.body or ""))


def _state(one: Issue) -> str:
    if one.pull and one.pull.merged:
        return "merged"
    if one.pull and one.pull.draft and one.state == "open":
        return "draft"
    return one.state


def _reviewers(one: Issue) -> Iterator[tuple[str, str]]:
    if not one.pull:
        return
    last = {each.author.login: each.state for each in one.pull.reviews if each.submitted}
    asked = {each.login for each in one.pull.requested}
    for login in sorted(asked | set(last), key=str.lower):
        state = "is asked" if login in asked else last[login].lower().replace("_", " ")
        yield login, state
