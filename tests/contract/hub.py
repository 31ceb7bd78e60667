"""One simulated GitHub with people, an App and a repository, and a judged client to talk to it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt

from agent.demo.simulator import pull_actions
from agent.demo.simulator.git_store import ZERO
from agent.demo.simulator.records import App, Installation, Repository
from agent.demo.simulator.world import APP_EVENTS, World
from tests.contract.recording import JudgedClient
from tests.integration import simulator_samples

REPOSITORY = "octo/shop"
API = f"/repos/{REPOSITORY}"
PATH = "shop/prices.py"
"""The file that every branch changes."""
FILES = {
    "README.md": "# Shop\n",
    "shop/models.py": "class Product:\n    name = 'x'\n    price = 1\n",
    ".github/mergewright.yml": "version: 1\n",
}


@dataclass
class Hub:
    """What the scripted sessions share."""

    world: World
    repository: Repository
    app: App
    installation: Installation
    client: JudgedClient
    owner: str
    """Token of the owner; the other tokens are of people with less and less to say."""
    writer: str
    triager: str
    stranger: str
    acting: str
    """Token of the installation, with all of its permissions."""

    @property
    def app_token(self) -> str:
        """A fresh JWT of the App."""
        now = int(self.world.now())
        claims = {"iat": now - 60, "exp": now + 500, "iss": str(self.app.id)}
        return jwt.encode(claims, self.app.private_key, algorithm="RS256")

    def ask(self, method: str, path: str, token: str = "", **more: Any) -> Any:
        """Send a request as the owner, unless told otherwise; give the JSON of the answer."""
        answer = self.client.ask(method, path, token or self.owner, **more)
        return answer.json() if answer.content else None

    def issue(self, title: str = "Add a field", **more: Any) -> int:
        """Open an issue and give its number."""
        found = self.ask("POST", f"{API}/issues", json={"title": title, **more}, expect=201)
        return int(found["number"])

    def tip(self, branch: str = "main") -> str:
        """Give the newest commit of a branch."""
        return str(self.ask("GET", f"{API}/git/ref/heads/{branch}")["object"]["sha"])

    def branch(self, name: str) -> str:
        """Make a branch with one commit on PATH, and give the commit."""
        commit = simulator_samples.commit(
            self.world, self.repository, self.tip(), PATH, f"branch = {name!r}\n", self.app.bot
        )
        ref = f"refs/heads/{name}"
        pull_actions.move_reference(self.repository, self.app.bot, ref, ZERO, commit)
        return commit

    def pull(self, branch: str, **more: Any) -> int:
        """Open a pull request from a new branch and give its number."""
        self.branch(branch)
        wanted = {"title": f"Change of {branch}", "head": branch, "base": "main", **more}
        found = self.ask("POST", f"{API}/pulls", self.acting, json=wanted, expect=201)
        return int(found["number"])

    def settled_delivery(self) -> int:
        """Wait for a delivery that has been tried, and give its number."""
        until = time.monotonic() + 10
        while time.monotonic() < until:
            done = [one for one in self.world.hooks.log if one.state != "waiting"]
            if done:
                return done[0].id
            time.sleep(0.02)
        raise AssertionError("no hook was delivered")


def build(world: World, folder: Path, client: JudgedClient, hook_url: str) -> Hub:
    """Fill a world, and mint the installation's token through the API."""
    for path, content in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(content)
    for login in ("octo", "wanda", "tria", "strange"):
        world.add_user(login)
    repository = world.add_repository(REPOSITORY, folder)
    world.grant(repository, "wanda", "write")
    world.grant(repository, "tria", "triage")
    permissions = {
        "metadata": "read", "contents": "write", "issues": "write", "pull_requests": "write",
        "checks": "write", "statuses": "write", "actions": "read",
        "administration": "read",
    }  # fmt: skip
    app = world.add_app("mergewright", "octo", permissions, APP_EVENTS, hook_url, "secret")
    installation = world.install(app, "octo")
    hub = Hub(
        world, repository, app, installation, client,
        owner=world.token_for("octo"), writer=world.token_for("wanda"),
        triager=world.token_for("tria"), stranger=world.token_for("strange"), acting="",
    )  # fmt: skip
    path = f"/app/installations/{installation.id}/access_tokens"
    hub.acting = hub.ask("POST", path, hub.app_token, json={"permissions": {}}, expect=201)["token"]
    return hub
