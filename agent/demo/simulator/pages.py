"""The pages a person looks at: repositories, issues, pull requests, hook deliveries.

Owns addresses and what each page consists of. No script runs here and nothing is fetched from
elsewhere. Left to others: the records that are shown (`views/`), forms (`forms.py`), how texts
become HTML (`markup.py`), templates and security headers (`rendering.py`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from agent.demo.simulator import forms, git_history, git_store
from agent.demo.simulator.records import Delivery, Issue, Label, Repository
from agent.demo.simulator.rendering import SECURITY_HEADERS, STYLE, Problem, Renderer
from agent.demo.simulator.views import commits, conversation, deliveries, subjects
from agent.demo.simulator.views.subjects import PersonView
from agent.demo.simulator.world import World

MOST_DELIVERIES = 100


def router(world: World) -> APIRouter:
    """Give the routes of all pages; they come after every other route of the application."""
    pages = _Pages(world)
    routes = APIRouter(include_in_schema=False)
    for path, page in pages.readable().items():
        routes.add_api_route(path, page, methods=["GET", "HEAD"], response_class=HTMLResponse)
    for path, deed in pages.writable().items():
        routes.add_api_route(path, deed, methods=["POST"])
    return routes


class _Pages:
    """One method per page; each reads the world under its lock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._renderer = Renderer(world.now)

    def readable(self) -> dict[str, Callable[..., Any]]:
        """Map addresses to pages, in the order in which they are tried."""
        found: dict[str, Callable[..., Any]] = {
            "/": self.front,
            "/_pages/style.css": self.style,
            "/_pages/deliveries/{number}": self.delivery,
            "/apps/{login}": self.account,
            "/{login}": self.account,
            "/{owner}/{name}": self.issues,
            "/{owner}/{name}/issues": self.issues,
            "/{owner}/{name}/pulls": self.pulls,
            "/{owner}/{name}/branches": self.branches,
            "/{owner}/{name}/tree/{branch:path}": self.tree,
            "/{owner}/{name}/issues/{number}": self.issue,
            "/{owner}/{name}/pull/{number}": self.pull,
            "/{owner}/{name}/commit/{sha}": self.commit,
            "/{owner}/{name}/runs/{number}": self.check_run,
            "/{owner}/{name}/{rest:path}": self.nothing,
        }
        return {path: self._guarded(page) for path, page in found.items()}

    def writable(self) -> dict[str, Callable[..., Any]]:
        """Map addresses to what a form does there."""
        return {
            "/_pages/deliveries/{number}": self.deliver_again,
            "/{owner}/{name}/issues": self.open_issue,
            "/{owner}/{name}/issues/{number}/{deed:path}": self.act,
        }

    def front(self, request: Request) -> Response:
        """List repositories and hook deliveries, all or those that failed."""
        sent = self._deliveries()
        failed = [one for one in sent if one.state in ("failed", "lost")]
        only_failed = request.query_params.get("deliveries") == "failed"
        listed = failed if only_failed else sent
        return self._renderer.page(
            "front.html",
            repositories=[subjects.repository(one) for one in self._world.repositories.values()],
            deliveries=[deliveries.delivery(one) for one in listed[:MOST_DELIVERIES]],
            deliveries_listed=len(listed),
            deliveries_total=len(sent),
            deliveries_failed=len(failed),
            only_failed=only_failed,
        )

    def style(self, request: Request) -> Response:
        """Give the one style sheet."""
        return Response(STYLE, media_type="text/css", headers=SECURITY_HEADERS)

    def delivery(self, request: Request) -> Response:
        """Show one delivery: what was sent and what came back."""
        found = self._delivery(request)
        shown = deliveries.delivery(found)
        return self._renderer.page(
            "delivery.html", delivery=shown, body=_readable(shown.body.decode("utf-8", "replace"))
        )

    def account(self, request: Request) -> Response:
        """Show a person, an organisation or an App, with their repositories."""
        login = request.path_params["login"].lower()
        found = self._world.users.get(login) or self._world.users.get(f"{login}[bot]")
        if found is None:
            raise Problem(404, "Nothing here", "There is no account and no page of this name.")
        owned = [one for one in self._world.repositories.values() if one.owner is found]
        shown = [subjects.repository(one) for one in owned]
        return self._renderer.page("account.html", account=found, repositories=shown)

    def nothing(self, request: Request) -> Response:
        """Say that there is no such page; programs get no page."""
        if request.path_params["owner"] in ("_simulator", "api"):
            return Response(status_code=404)
        self._repository(request)
        raise Problem(404, "Nothing here", "The simulator has no such page.")

    def issues(self, request: Request) -> Response:
        """List the issues of a repository, newest first."""
        return self._listing(self._repository(request), "issues", pulls=False)

    def pulls(self, request: Request) -> Response:
        """List the pull requests of a repository, newest first."""
        return self._listing(self._repository(request), "pulls", pulls=True)

    def branches(self, request: Request) -> Response:
        """List the branches of a repository."""
        repo = self._repository(request)
        return self._repository_page(repo, "branches", branches=commits.branches(repo))

    def tree(self, request: Request) -> Response:
        """Lead from a branch's address to what is known of its newest commit."""
        repo = self._repository(request)
        sha = git_store.resolve(repo.git_dir, request.path_params["branch"])
        if sha is None:
            raise Problem(404, "No such branch", f"{repo.full_name} has no branch of that name.")
        return _redirect(f"/{repo.full_name}/commit/{sha}")

    def issue(self, request: Request) -> Response:
        """Show an issue with its conversation and forms."""
        repo = self._repository(request)
        one = self._issue(repo, _number(request))
        if one.pull:
            return _redirect(f"/{repo.full_name}/pull/{one.number}")
        return self._subject_page(request, repo, one)

    def pull(self, request: Request) -> Response:
        """Show a pull request with conversation, checks, commits and files."""
        repo = self._repository(request)
        one = self._issue(repo, _number(request))
        if not one.pull:
            return _redirect(f"/{repo.full_name}/issues/{one.number}")
        return self._subject_page(request, repo, one)

    def commit(self, request: Request) -> Response:
        """Show a commit with its checks and files."""
        repo = self._repository(request)
        sha = git_store.resolve(repo.git_dir, request.path_params["sha"])
        if sha is None:
            raise Problem(404, "No such commit", f"{repo.full_name} does not have this commit.")
        parents = git_store.read_commit(repo.git_dir, sha).parents
        checks, verdict = commits.checks(repo, sha, self._app_names())
        return self._renderer.page(
            "commit.html",
            repository=subjects.repository(repo),
            commit=commits.commit(repo, sha),
            checks=checks,
            verdict=verdict,
            files=commits.files(repo, parents[0] if parents else git_store.EMPTY_TREE, sha),
        )

    def check_run(self, request: Request) -> Response:
        """Lead to a check run on the page of its pull request or commit."""
        repo = self._repository(request)
        run = repo.check_runs.get(_number(request))
        if run is None:
            raise Problem(404, "No such check run", f"{repo.full_name} has no such check run.")
        for one in repo.pulls():
            if one.pull and one.pull.head_sha == run.head_sha:
                return _redirect(f"/{repo.full_name}/pull/{one.number}", f"check-{run.id}")
        return _redirect(f"/{repo.full_name}/commit/{run.head_sha}", f"check-{run.id}")

    async def open_issue(self, request: Request) -> Response:
        """Open an issue and show it; a refusal is shown with what was typed."""
        try:
            form = await forms.read(request)
            with self._world.lock:
                repo = self._repository(request)
            refused, number = await forms.open_issue(self._world, request, repo, form)
            if refused:
                with self._world.lock:
                    page = self._listing(repo, "issues", pulls=False, notice=refused, form=form)
                page.status_code = 422
                return page
        except Problem as problem:
            return self._renderer.problem(problem)
        return _after(f"/{repo.full_name}/issues/{number}", form["as"])

    async def deliver_again(self, request: Request) -> Response:
        """Send a delivery once more, and show that attempt at the head of the list."""
        try:
            await forms.read(request)
            with self._world.lock:
                self._world.hooks.redeliver(self._delivery(request))
        except Problem as problem:
            return self._renderer.problem(problem)
        return RedirectResponse("/#deliveries", status_code=303, headers=SECURITY_HEADERS)

    async def act(self, request: Request) -> Response:
        """Carry out a form and show the page again; a refusal is shown with the typed text."""
        try:
            form = await forms.read(request)
            repo, one = await run_in_threadpool(self._subject, request)
            refused = await forms.carry_out(self._world, request, repo, one, form)
        except Problem as problem:
            return self._renderer.problem(problem)
        if refused:
            return await run_in_threadpool(self._refused, request, repo, one, refused, form)
        kind = "pull" if one.pull else "issues"
        return _after(f"/{repo.full_name}/{kind}/{one.number}", form["as"])

    def _guarded(self, page: Callable[[Request], Response]) -> Callable[[Request], Response]:
        """Hold the lock while a page is made, and tell a problem as a page."""

        def guarded(request: Request) -> Response:
            try:
                with self._world.lock:
                    return page(request)
            except Problem as problem:
                return self._renderer.problem(problem)

        return guarded

    def _listing(
        self,
        repo: Repository,
        tab: str,
        *,
        pulls: bool,
        notice: str = "",
        form: dict[str, str] | None = None,
    ) -> Response:
        found = [one for one in reversed(repo.issues.values()) if bool(one.pull) is pulls]
        shown = [subjects.subject(repo, one) for one in found]
        return self._repository_page(repo, tab, subjects=shown, notice=notice, form=form or {})

    def _repository_page(self, repo: Repository, tab: str, **shown: Any) -> Response:
        people = subjects.people(self._world, repo)
        wanted = shown.get("form", {}).get("as", "")
        return self._renderer.page(
            "repository.html",
            repository=subjects.repository(repo),
            tab=tab,
            clone_address=f"{self._world.base_url}/{repo.full_name}.git",
            people=people,
            chosen=_one_of(wanted, people),
            **shown,
        )

    def _refused(
        self, request: Request, repo: Repository, one: Issue, words: str, form: dict[str, str]
    ) -> Response:
        with self._world.lock:
            page = self._subject_page(request, repo, one, words, form)
        page.status_code = 422
        return page

    def _subject_page(
        self,
        request: Request,
        repo: Repository,
        one: Issue,
        notice: str = "",
        form: dict[str, str] | None = None,
    ) -> Response:
        people = subjects.people(self._world, repo)
        wanted = (form or request.query_params).get("as", "")
        subject = subjects.subject(repo, one)
        carried = {each.name for each in subject.labels}
        # Those of the project come first, then those that every new repository has, and last
        # those that a service sets beside a label of its own: "name: state".
        named = {each.name.lower() for each in repo.labels.values()}

        def rank(each: Label) -> tuple[bool, bool]:
            family, colon, _ = each.name.lower().partition(": ")
            return bool(colon) and family in named, each.default

        labels = sorted(repo.labels.values(), key=rank)
        known = [subjects.label(each) for each in labels]
        shown: dict[str, Any] = {
            "repository": subjects.repository(repo),
            "subject": subject,
            "entries": conversation.entries(repo, one),
            "people": people,
            "chosen": _one_of(wanted, people),
            "known_labels": [each for each in known if each.name not in carried],
            "notice": notice,
            "draft": (form or {}).get("body", ""),
        }
        if not one.pull:
            linked = subjects.linked(repo, one)
            return self._renderer.page("issue.html", linked=linked, **shown)
        base, head = one.pull.base_sha, one.pull.head_sha
        checks, verdict = commits.checks(repo, head, self._app_names())
        start = git_history.merge_base(repo.git_dir, base, head) or git_store.EMPTY_TREE
        return self._renderer.page(
            "pull.html",
            checks=checks,
            verdict=verdict,
            commits=commits.commits(repo, base, head),
            files=commits.files(repo, start, head),
            **shown,
        )

    def _subject(self, request: Request) -> tuple[Repository, Issue]:
        with self._world.lock:
            repo = self._repository(request)
            return repo, self._issue(repo, _number(request))

    def _repository(self, request: Request) -> Repository:
        full_name = f"{request.path_params['owner']}/{request.path_params['name']}"
        found = self._world.find_repository(full_name) or self._world.moved_repository(full_name)
        if found is None:
            raise Problem(404, "No such repository", f"There is no repository {full_name} here.")
        return found

    def _issue(self, repo: Repository, number: int) -> Issue:
        found = repo.issues.get(number)
        if found:
            return found
        words = f"{repo.full_name} has no issue or pull request {number}."
        if number in repo.moved:
            target, new = repo.moved[number]
            to = self._world.repositories.get(target)
            words = f"It was transferred to {to.full_name}#{new}." if to else "It was transferred."
        raise Problem(404, "No such issue", words)

    def _delivery(self, request: Request) -> Delivery:
        number = _number(request)
        for one in self._world.hooks.log:
            if one.id == number:
                return one
        raise Problem(404, "No such delivery", "It may belong to an earlier run.")

    def _deliveries(self) -> list[Delivery]:
        """Give the deliveries, newest first."""
        return sorted(self._world.hooks.log, key=lambda one: -one.id)

    def _app_names(self) -> dict[int, str]:
        return {app.id: app.slug for app in self._world.apps.values()}


def _number(request: Request) -> int:
    text = str(request.path_params["number"])
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise Problem(404, "Not a number", "The address ends with the number of what to show.")
    return int(text)


def _one_of(login: str, people: Sequence[PersonView]) -> str:
    """Give the login if it is one of theirs, else the first."""
    logins = [each.login for each in people]
    return login if login in logins else next(iter(logins), "")


def _after(path: str, login: str) -> Response:
    """Lead to what a form has changed; the next form there is that person's as well."""
    address = f"{quote(path)}?as={quote(login)}"
    return RedirectResponse(address, status_code=303, headers=SECURITY_HEADERS)


def _redirect(path: str, fragment: str = "") -> Response:
    address = quote(path) + (f"#{fragment}" if fragment else "")
    return RedirectResponse(address, status_code=302, headers=SECURITY_HEADERS)


def _readable(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body
