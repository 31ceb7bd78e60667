"""A dashboard over a small store, and visitors of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from agent import settings
from agent.dashboard import sign_in_links
from agent.dashboard.app import create_app
from agent.dashboard.github_people import Person
from agent.errors import AccessLost
from agent.store.sql_run_store import SqlRunStore

ADDRESS = "http://dashboard"


class KnownPeople:
    """Stands in for GitHub: a code is a login."""

    def __init__(self) -> None:
        self.repositories: dict[str, dict[int, bool]] = {}
        self.problem: Exception | None = None
        self.asked = 0
        self.verifier = ""

    def authorize_url(self, state: str, verifier: str) -> str:
        self.verifier = verifier
        return f"https://github.example/login/oauth/authorize?state={state}"

    def exchange(self, code: str, verifier: str) -> Person:
        if code not in self.repositories or verifier != self.verifier:
            raise AccessLost("unknown")
        return Person(code, SecretStr("token"), self.repositories[code])

    def refresh(self, person: Person) -> Person:
        self.asked += 1
        if self.problem:
            raise self.problem
        return self.exchange(person.login, self.verifier)


class Browser:
    """One browser: keeps cookies, and fills forms in as the pages show them."""

    def __init__(self, app: FastAPI, people: KnownPeople, home: Path) -> None:
        self._app, self._people, self._home = app, people, home
        self.cookies = httpx.Cookies()

    def ask(self, method: str, path: str, **given: object) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url=ADDRESS, cookies=self.cookies, timeout=30
            ) as client:
                answer = await client.request(method, path, **given)
                self.cookies = client.cookies
                return answer

        return asyncio.run(send())

    def get(self, path: str, **given: object) -> httpx.Response:
        return self.ask("GET", path, **given)

    def post(self, path: str, **form: str) -> httpx.Response:
        return self.ask("POST", path, data=form, headers={"Origin": ADDRESS})

    def serve(self, app: FastAPI) -> Browser:
        """Look at another dashboard from now on."""
        app.state.dashboard.sessions.github = self._people
        self._app = app
        return self

    def sign_in_operator(self) -> Browser:
        code = sign_in_links.create_sign_in_link(self._home, ADDRESS).rpartition("=")[2]
        assert self.post("/sign-in/once", code=code).status_code == 303
        return self

    def sign_in(self, login: str, repositories: dict[int, bool]) -> Browser:
        self._people.repositories[login] = repositories
        sent = self.get("/sign-in/github?next=/queue").headers["location"]
        state = sent.rpartition("=")[2]
        back = self.get(f"/sign-in/github/back?code={login}&state={state}")
        assert (back.status_code, back.headers["location"]) == (303, "/queue")
        return self


@pytest.fixture
def people() -> KnownPeople:
    return KnownPeople()


@pytest.fixture
def app(tmp_path: Path, store: SqlRunStore, people: KnownPeople) -> Iterator[FastAPI]:
    loaded = settings.load_settings({"MERGEWRIGHT_HOME": str(tmp_path)})
    made = create_app(loaded, store, ADDRESS)
    made.state.dashboard.sessions.github = people
    yield made


@pytest.fixture
def stranger(app: FastAPI, people: KnownPeople, tmp_path: Path) -> Browser:
    return Browser(app, people, tmp_path)


@pytest.fixture
def operator(app: FastAPI, people: KnownPeople, tmp_path: Path) -> Browser:
    return Browser(app, people, tmp_path).sign_in_operator()
