"""A small simulated GitHub: a repository, people of every role, an App, and clients."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from agent.demo.simulator import git_store, pull_actions, serving
from agent.demo.simulator.records import App, Installation, Repository, User
from agent.demo.simulator.world import World

FILES = {"README.md": "# Shop\n", "shop/models.py": "class Customer:\n    name = 1\n    age = 2\n"}
SECRET = "a hook secret"
EVENTS = (
    "issues",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "check_run",
)


@dataclass
class Place:
    """A running simulator and what stands in it."""

    world: World
    url: str
    repository: Repository
    app: App
    installation: Installation
    client: httpx.Client

    @property
    def api(self) -> str:
        return f"{self.url}/api/v3"

    @property
    def repo(self) -> str:
        return f"/repos/{self.repository.full_name}"

    def person(self, login: str) -> str:
        return self.world.token_for(login)

    def bot(self, **permissions: str) -> str:
        return self.world.issue_token(self.installation, permissions or None).value

    def ask(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"token {token}"} if token else {}
        return self.client.request(method, self.api + path, headers=headers, **more)

    def done(self, method: str, path: str, token: str | None = None, **more: Any) -> Any:
        answer = self.ask(method, path, token, **more)
        assert answer.status_code < 300, (method, path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def issue(self, **more: Any) -> int:
        made = self.done(
            "POST", f"{self.repo}/issues", self.person("ada"), json={"title": "A title", **more}
        )
        return int(made["number"])

    def tip(self, branch: str = "main") -> str:
        found = self.done("GET", f"{self.repo}/git/ref/heads/{branch}", self.person("ada"))
        return str(found["object"]["sha"])

    def pull(self, branch: str, **more: Any) -> Any:
        """Open a pull request from a new branch with one change."""
        content = "class Customer:\n    name = 3\n"
        sha = commit(
            self.world, self.repository, self.tip(), "shop/models.py", content, self.app.bot
        )
        name = f"refs/heads/{branch}"
        pull_actions.move_reference(self.repository, self.app.bot, name, git_store.ZERO, sha)
        sent = {"title": "A pull request", "head": branch, "base": "main", **more}
        return self.done("POST", f"{self.repo}/pulls", self.bot(), json=sent)

    def git_url(self, token: str | None) -> str:
        user = f"x-access-token:{token}@" if token else ""
        return f"{self.url.replace('://', '://' + user)}/{self.repository.full_name}.git"


@contextmanager
def place(folder: Path, hook_url: str = "") -> Iterator[Place]:
    """Serve acme/shop, which is private: ada admin, will write, rea read, max nothing."""
    source = folder / "source"
    for path, content in FILES.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        (source / path).write_text(content)
    world = World(folder / "git")
    world.add_user("acme", "Organization")
    repository = world.add_repository("acme/shop", source, private=True)
    for login, role in (
        ("ada", "admin"),
        ("will", "write"),
        ("rea", "read"),
        ("max", "none"),
    ):
        world.add_user(login)
        world.grant(repository, login, role)
    app = world.add_app("mergewright", "ada", events=EVENTS, hook_url=hook_url, hook_secret=SECRET)
    installation = world.install(app, "acme", [repository])
    world.hooks.log.clear()
    with serving.running(world) as url, httpx.Client(timeout=15) as client:
        yield Place(world, url, repository, app, installation, client)


def commit(
    world: World, repository: Repository, parent: str, path: str, content: str, author: User
) -> str:
    """Make a commit on no branch: the parent's files with one of them anew."""
    with world.lock:
        git_dir, extra = repository.git_dir, {"GIT_INDEX_FILE": f"{repository.git_dir}/index"}
        written = git_store.run(git_dir, "hash-object", "-w", "--stdin", given=content.encode())
        git_store.run(git_dir, "read-tree", parent, extra=extra)
        entry = f"100644,{written.decode().strip()},{path}"
        git_store.run(git_dir, "update-index", "--add", "--cacheinfo", entry, extra=extra)
        tree = git_store.run(git_dir, "write-tree", extra=extra).decode().strip()
        return pull_actions.write_commit(repository, author, tree, (parent,), "A change\n")


@dataclass(frozen=True)
class Received:
    """One delivery, as the receiver got it."""

    headers: dict[str, str]
    body: bytes


@contextmanager
def receiver() -> Iterator[tuple[str, list[Received]]]:
    """Take deliveries; gives the address and what came, in order."""
    came: list[Received] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append(Received(dict(self.headers), body))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", came
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def git(folder: Path, *arguments: str, fails: bool = False) -> str:
    """Run real git as a client; give what it prints, of the errors where it has to fail."""
    who = {"NAME": "Ada", "EMAIL": "ada@example.com"}
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            **{
                f"GIT_{role}_{key}": value
                for role in ("AUTHOR", "COMMITTER")
                for key, value in who.items()
            },
        },
        check=False,
    )
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else done.stdout
