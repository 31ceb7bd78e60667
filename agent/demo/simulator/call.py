"""One request to the API as an operation sees it, and the answer it gives."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.demo.simulator import access, refusals
from agent.demo.simulator.access import Caller
from agent.demo.simulator.records import (
    Comment,
    Issue,
    Label,
    Pull,
    Repository,
    ReviewComment,
    Role,
    User,
)
from agent.demo.simulator.refusals import Refusal
from agent.demo.simulator.world import World

JSON = object
BODY_LIMIT = 65_536
TITLE_LIMIT = 256
_PAGE = 30
_PAGE_MAX = 100


class Body(BaseModel):
    """What a request may carry; GitHub takes no text for a number, and ignores unknown fields."""

    model_config = ConfigDict(strict=True, extra="ignore")


B = TypeVar("B", bound=Body)
T = TypeVar("T")


@dataclass
class Reply:
    """An answer with another status than the operation's usual one, or with headers."""

    body: JSON = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One request: who, what, and on which state. Operations run under the world's lock."""

    world: World
    caller: Caller
    method: str
    path: str
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes

    def body(self, model: type[B], bare: str | None = None) -> B:
        """Read the JSON body; an array on its own is the field `bare`, where one is named.

        Raises:
            Refusal: 400 for no JSON, 422 with the field for the wrong type.
        """
        read = parse(self.raw or b"{}")
        if bare and isinstance(read, list):
            read = {bare: read}
        if not isinstance(read, dict):
            raise Refusal(400, "Body should be a JSON object")
        try:
            return model.model_validate(read)
        except ValidationError as problem:
            raise Refusal(422, _invalid_request(problem)) from problem

    def sent(self) -> set[str]:
        """Give the names of the fields that the body has."""
        return set(json.loads(self.raw or b"{}"))

    def number(self, name: str) -> int:
        """Give a path parameter that is a number; anything else is not found."""
        text = self.params[name]
        if not (text.isascii() and text.isdigit() and len(text) < 19):
            raise refusals.not_found()
        return int(text)

    # repository and permission

    def repository(self) -> Repository:
        """Give the repository of the path; renamed ones redirect, hidden ones are not found."""
        full_name = f"{self.params['owner']}/{self.params['repo']}"
        found = self.world.find_repository(full_name)
        moved = None if found else self.world.moved_repository(full_name)
        if moved and access.visible(self.world, self.caller, moved):
            rest = self.path.split("/", 6)[6:]
            raise moved_permanently(self, "/".join(["/repositories", str(moved.id), *rest]))
        if found is None or not access.visible(self.world, self.caller, found):
            raise refusals.not_found()
        return found

    def reading(self, *areas: str, role: Role = "read") -> Repository:
        """Give the repository, if the caller may read an area of it."""
        repository = self.repository()
        access.require(self.world, self.caller, repository, areas, "read", role)
        return repository

    def writing(self, *areas: str, role: Role, hidden: bool = False) -> Repository:
        """Give the repository, if the caller may write to an area of it."""
        repository = self.repository()
        self.allow_write(repository, *areas, role=role, hidden=hidden)
        return repository

    def allow_write(
        self, repository: Repository, *areas: str, role: Role, hidden: bool = False
    ) -> None:
        """Let the caller pass if they may write to an area of a repository that is not archived."""
        if self.caller.token is None and not self.caller.app:
            raise refusals.needs_authentication()
        access.require(self.world, self.caller, repository, areas, "write", role, hidden=hidden)
        if repository.archived:
            raise refusals.archived()

    def has_role(self, repository: Repository, role: Role) -> bool:
        """Tell whether a person has a role; an App that came so far has its permission."""
        if self.caller.token and self.caller.token.installation:
            return True
        return access.at_least(self.world.role(repository, self.caller.user), role)

    # things of a repository

    def issue(self, repository: Repository, name: str = "issue_number") -> Issue:
        """Give the issue or pull request of the path; a transferred one redirects."""
        number = self.number(name)
        found = repository.issues.get(number)
        if found:
            return found
        if number in repository.moved:
            repository_id, new = repository.moved[number]
            target = self.world.repositories.get(repository_id)
            if target is None or not access.visible(self.world, self.caller, target):
                raise refusals.not_found()
            rest = self.path.split(f"/{number}", 1)[1]
            raise moved_permanently(self, f"/repositories/{target.id}/issues/{new}{rest}")
        raise refusals.not_found()

    def pull(self, repository: Repository) -> tuple[Issue, Pull]:
        """Give the pull request of the path."""
        found = repository.issues.get(self.number("pull_number"))
        if found is None or found.pull is None:
            raise refusals.not_found()
        return found, found.pull

    def comment(self, repository: Repository) -> tuple[Issue, Comment]:
        """Give the conversation comment of the path, with its issue."""
        number = self.number("comment_id")
        for issue in repository.issues.values():
            for comment in issue.comments:
                if comment.id == number:
                    return issue, comment
        raise refusals.not_found()

    def review_comment(self, repository: Repository) -> ReviewComment:
        """Give the comment on a line of the path."""
        number = self.number("comment_id")
        for issue in repository.pulls():
            for comment in issue.pull.review_comments() if issue.pull else []:
                if comment.id == number:
                    return comment
        raise refusals.not_found()

    def label(self, repository: Repository) -> Label:
        """Give the label of the path."""
        found = repository.labels.get(self.params["name"].lower())
        if found is None:
            raise refusals.not_found()
        return found

    def people(self, logins: Sequence[str], field_name: str) -> list[User]:
        """Give accounts by login, or refuse the field that names an unknown one."""
        known = [self.world.users.get(login.lower()) for login in logins]
        found = [user for user in known if user]
        if len(found) < len(logins):
            raise refusals.invalid("Issue", field_name, "invalid")
        return found

    # answers

    def page(
        self,
        items: Sequence[T],
        shape: Callable[[T], JSON],
        wrap: Callable[[list[JSON]], JSON] | None = None,
    ) -> Reply:
        """Give the page that was asked for, with the Link header to the others."""
        size = min(self._natural("per_page", _PAGE) or _PAGE, _PAGE_MAX)
        page = self._natural("page", 1) or 1
        last = max(1, math.ceil(len(items) / size))
        chosen = [shape(item) for item in items[(page - 1) * size : page * size]]
        links = []
        for rel, number, wanted in (
            ("prev", page - 1, page > 1),
            ("next", page + 1, page < last),
            ("last", last, page < last),
            ("first", 1, page > 1),
        ):
            if wanted:
                query = urlencode({**self.query, "page": number})
                links.append(f'<{self.world.base_url}{self.path}?{query}>; rel="{rel}"')
        return Reply(
            wrap(chosen) if wrap else chosen,
            headers={"Link": ", ".join(links)} if links else {},
        )

    def _natural(self, name: str, default: int) -> int:
        text = self.query.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else default

    def check_body(self, resource: str, text: str | None) -> None:
        """Refuse a text over the limit for bodies."""
        if text is not None and len(text) > BODY_LIMIT:
            raise refusals.too_long(resource, "body", BODY_LIMIT)


def parse(raw: bytes) -> JSON:
    """Read JSON; what is none, or holds text that is no Unicode, is refused."""
    try:
        read: JSON = json.loads(raw)
        json.dumps(read, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as problem:
        raise Refusal(400, "Problems parsing JSON") from problem
    return read


def moved_permanently(call: Call, path: str) -> Refusal:
    """Refuse with the way to where a thing is now; 301 to read, 307 to repeat a write there."""
    query = f"?{urlencode(call.query)}" if call.query else ""
    location = f"{call.world.base_url}/api/v3{path}{query}"
    reading = call.method == "GET"
    status, words = (301, "Moved Permanently") if reading else (307, "Temporary Redirect")
    refusal = Refusal(status, words, headers={"Location": location})
    refusal.extra = {"url": location}
    return refusal


def _invalid_request(problem: ValidationError) -> str:
    said = []
    for error in problem.errors():
        where = "/".join(str(part) for part in error["loc"])
        if error["type"] == "missing":
            said.append(f'"{where}" wasn\'t supplied.')
        else:
            given = json.dumps(error["input"], default=str)
            said.append(f"For 'properties/{where}', {given} is not valid: {error['msg']}.")
    return "Invalid request.\n\n" + "\n".join(said)
