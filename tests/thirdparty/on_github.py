"""The same tickets as issues: simulated GitHub, label, webhook, intake, run, pull request.

One project takes its way through the service as an operator starts it, listener and worker each a
process (`serving_hub`). For the others all is in this process (`running`): what the listener does
is done with its own functions, the worker's two loops take their turns one after the other. What
came of it is asked for as a person would, over the API and by git. Nothing is judged here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from agent import deliveries, issue_run, wiring
from agent.adapters.sql_inbox import Inbox
from agent.adapters.sql_store import SqlStore
from agent.checks import reports
from agent.demo import play
from agent.demo.simulator import actions, serving
from agent.demo.simulator.records import Issue
from agent.demo.simulator.records import Repository as Hosted
from agent.demo.simulator.world import World
from agent.domain import CheckReport, Delivery, Outcome
from agent.intake import Request
from agent.settings import Settings
from tests.flow.stories import Repository
from tests.integration.simulator_samples import Received, receiver
from tests.thirdparty import bare, carried
from tests.thirdparty.bare import Outcomes
from tests.thirdparty.carried import ChangedFile, Package, Project
from tests.thirdparty.projects import Known
from webhooks import signatures
from webhooks.sources import github_events
from webhooks.sources.github_payloads import Ignored

OWNER, PERSON, REPORTER, LABEL = "collective", play.MAINTAINER, play.REPORTER, play.LABEL
_LONGEST_SECONDS = 900.0
_SECRET = "shared by GitHub and the listener"


@dataclass(frozen=True)
class Wanted:
    """A ticket that was carried out on this machine, to be carried out on GitHub."""

    name: str
    """Of the repository there."""
    repository: Repository
    title: str
    body: str


@dataclass(frozen=True)
class Opened:
    """What GitHub and git show afterwards."""

    issue: dict[str, Any]
    pulls: list[dict[str, Any]]
    files: dict[str, ChangedFile]
    """On its branch, fetched by git."""
    runs: int
    """How many the issue has had."""
    outcome: Outcome
    reports: dict[str, CheckReport]
    """By side."""
    log: str
    requests: int
    """To the API, from the label to the end."""


@dataclass(frozen=True)
class Both:
    """A ticket that was carried out on this machine, and then from an issue on GitHub."""

    known: Known
    outcomes: Outcomes
    """Of the bare run on base."""
    base: str
    """The commit that both started from."""
    text: str
    """What the run on this machine left."""
    files: dict[str, ChangedFile]
    opened: Opened


class Turns:
    """The service in this process, from what GitHub has sent to the end of a run."""

    def __init__(self, world: World, came: list[Received], settings: Settings, data: Path) -> None:
        """Take nothing up yet.

        Args:
            data: For inbox and runs; what is costly is kept in the settings' data folder.
        """
        self._world = world
        self._came = came
        self._read = 0
        self._settings = settings
        self.inbox, self.store = Inbox(data), SqlStore(data)
        way = wiring.way_to_github(settings)
        self._make = wiring.on_github(settings, way)
        gatekeeper = wiring.gatekeeper(settings, way)
        self._intake = deliveries.Intake(self.inbox, self.store, gatekeeper)

    def __call__(self) -> None:
        """Go on until there is nothing more to do."""
        while self._receive() or self._intake.turn() or self._carry():
            pass

    def close(self) -> None:
        """Let go of the files."""
        self.inbox.close()
        self.store.close()

    def _receive(self) -> bool:
        """Do as the listener does with what has come; return whether there was anything."""
        assert self._world.hooks.drain(), "deliveries were not sent"
        new = self._came[self._read :]
        self._read += len(new)
        deliveries = [one for came in new if (one := delivery(came, _SECRET)) is not None]
        self.inbox.append(deliveries)
        return bool(deliveries)

    def _carry(self) -> bool:
        """Carry the next run to its end, without an engine; return whether there was one."""
        claimed = self.store.claim(time.time(), most=1)
        if claimed is None:
            return False
        outcome, _ = issue_run.carry(claimed.run, self._settings, self._make)
        self.store.finish(claimed.run.run_id, outcome, time.time())
        return True


class Hub:
    """A simulated GitHub with our App, and a service that works for it."""

    def __init__(
        self, world: World, owner: str, store: SqlStore, home: Path, work: Callable[[], object]
    ) -> None:
        """Take what there is.

        Args:
            owner: Of the repositories; has the App.
            store: Where the service keeps its runs.
            home: The service's data folder.
            work: Lets the service work; it need not be done then.
        """
        self._world = world
        self._owner = owner
        self._store = store
        self._home = home
        self._folder = home.parent / f"github-of-{owner}"
        self._folder.mkdir()
        self._work = work
        self._one = threading.Lock()

    def carry(self, wanted: Wanted) -> Opened:
        """Open the issue, label it, and let the service do its work; one at a time."""
        with self._one, bare.TURNS:
            hosted, issue = self._open(wanted)
            since = self._world.requests.next_number()
            with self._world.lock:
                person, label = self._world.user(PERSON), hosted.labels[LABEL]
                actions.add_labels(issue, [label], person)
            self._work()
            outcome = self._ended(hosted, wanted.name)
            asked = self._world.requests.find("/api/*", since)
            return self._look(hosted, issue, outcome, len(asked))

    def _ended(self, hosted: Hosted, name: str) -> Outcome:
        end = time.monotonic() + _LONGEST_SECONDS
        while time.monotonic() < end:
            for stored in self._store.latest(10, hosted.full_name):
                if stored.outcome is not None:
                    return stored.outcome
            time.sleep(0.05)
        raise AssertionError(f"no run of the label on {name} came to an end")

    def _open(self, wanted: Wanted) -> tuple[Hosted, Issue]:
        """Push the default branch, without what runs on this machine left, and open the issue."""
        source = self._folder / f"{wanted.name}.source"
        only = ("--bare", "--single-branch", "--branch", "main")
        wanted.repository.git("clone", "-q", *only, str(wanted.repository.path), str(source))
        with self._world.lock:
            hosted = self._world.add_repository(f"{self._owner}/{wanted.name}", source)
            self._world.grant(hosted, PERSON, "write")
            self._world.add_label(hosted, LABEL)
            author = self._world.user(REPORTER)
            issue = actions.open_issue(hosted, author, wanted.title, wanted.body, [])
        return hosted, issue

    def _look(self, hosted: Hosted, issue: Issue, outcome: Outcome, requests: int) -> Opened:
        token = self._world.token_for(PERSON)
        below = f"{self._world.base_url}/api/v3/repos/{hosted.full_name}"

        def ask(path: str) -> Any:
            given = {"Authorization": f"token {token}"}
            return httpx.get(f"{below}/{path}", headers=given).raise_for_status().json()

        pulls = ask("pulls?state=all")
        folder = self._home / "runs" / outcome.run_id
        return Opened(
            issue=ask(f"issues/{issue.number}"),
            pulls=pulls,
            files=self._fetched(hosted, pulls[0]["head"]["ref"], token) if pulls else {},
            runs=len(self._store.latest(100, hosted.full_name)),
            outcome=outcome,
            reports={side: reports.load(folder, side) for side in ("base", "head")},
            log=(folder / "run.log").read_text(),
            requests=requests,
        )

    def _fetched(self, hosted: Hosted, branch: str, token: str) -> dict[str, ChangedFile]:
        checkout = self._folder / hosted.name
        url = self._world.base_url.replace("://", f"://{PERSON}:{token}@")
        Repository(self._folder).git(
            "clone", "-q", "--branch", branch, f"{url}/{hosted.full_name}.git", str(checkout)
        )
        return carried.changed_files(Repository(checkout))


def project(hub: Hub, local: Project) -> Both:
    """Carry the first of a project's tickets out again, from an issue."""
    one = local.branches[0]
    ticket = one.wish.ticket(one.label, admin=one.admin)
    opened = hub.carry(_wanted(local.known, local.repository, ticket))
    base = local.repository.git("rev-parse", "main").strip()
    return Both(local.known, local.outcomes, base, one.ended.text, one.files, opened)


def package(hub: Hub, local: Package) -> Both:
    """Carry a package's ticket out again, from an issue."""
    opened = hub.carry(_wanted(local.known, local.repository, carried.PRINTS))
    base = local.repository.git("rev-parse", "main").strip()
    return Both(local.known, local.outcomes, base, local.ended.text, local.files, opened)


def _wanted(known: Known, repository: Repository, ticket: str) -> Wanted:
    """Make an issue of a ticket file; what GitHub makes of a form has a title of its own."""
    heading, _, rest = ticket.partition("\n")
    if heading.startswith("# "):
        return Wanted(known.source.name, repository, heading.removeprefix("# "), rest.strip())
    return Wanted(known.source.name, repository, "One more field", ticket)


@contextmanager
def running(home: Path) -> Iterator[Hub]:
    """Serve GitHub while the block runs, with our App on all repositories of one account."""
    folder = home.parent / "github"
    folder.mkdir()
    with receiver() as (address, came):
        world = World(folder / "repositories")
        for login in (PERSON, REPORTER):
            world.add_user(login)
        world.add_user(OWNER, "Organization")
        app = world.add_app("mergewright", OWNER, hook_url=address, hook_secret=_SECRET)
        key = folder / "app.pem"
        key.touch(mode=0o600)
        key.write_text(app.private_key)
        with serving.running(world) as url:
            world.install(app, OWNER)
            settings = Settings(
                home=home,
                github_url=f"{url}/api/v3",
                github_app_id=app.id,
                github_private_key_file=key,
                onboarding="off",
            )
            turns = Turns(world, came, settings, folder)
            try:
                yield Hub(world, OWNER, turns.store, home, turns)
            finally:
                turns.close()


@contextmanager
def serving_hub(home: Path) -> Iterator[Hub]:
    """Serve GitHub while the block runs, and beside it the service as an operator starts it."""
    folder = home.parent / "service"
    folder.mkdir()
    with play.staging(home, folder) as stage:
        yield Hub(stage.world, play.OWNER, stage.store, home, lambda: None)


def delivery(came: Received, secret: str) -> Delivery | None:
    """Make of a request what the listener keeps of it; None: nothing for the intake."""
    given = {name.lower(): value for name, value in came.headers.items()}
    signature = signatures.given(given[signatures.HEADER.lower()])
    signatures.verify(secret.encode(), came.body, signature)
    event = given["x-github-event"]
    parsed = github_events.parse(event, came.body)
    if isinstance(parsed, Ignored) or not isinstance(parsed.about, Request):
        return None
    return Delivery(
        delivery_id=given["x-github-delivery"],
        event=event,
        action="labeled",
        content_key=parsed.about.content_key,
        received_at=time.time(),
        body=parsed.about.model_dump_json().encode(),
    )
