"""Put the parts together: the only module that knows every adapter."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

import structlog

from agent import settings as given
from agent.adapters.local_forge import LocalForge
from agent.adapters.package_index import SimpleIndex
from agent.adapters.sandboxes import ChosenSandbox
from agent.domain import Run
from agent.errors import ModelUnusable, SettingsInvalid
from agent.ports import Gatekeeper, Sandbox
from agent.redaction import Redactor
from agent.sandbox.opening import OpenSessions
from agent.services import Services
from agent.settings import Settings

if TYPE_CHECKING:
    from agent.adapters.chat_model.provided import ProvidedModels
    from agent.adapters.chat_model.routes import Routes
    from agent.adapters.github.access import Access
    from agent.adapters.sql_inbox import Inbox
    from agent.adapters.sql_store import SqlStore
    from agent.reconcile import Reconciler

_log = structlog.get_logger()


def sandbox(settings: Settings) -> Sandbox:
    """Make what opens rooms, of the kind that the settings ask for."""
    return ChosenSandbox(settings)


def local(settings: Settings, say: Callable[[str], None]) -> Services:
    """Compose the services of a run on this machine, without a server."""
    make_home(settings)
    return Services(
        settings=settings,
        forge=LocalForge(settings.home / "runs"),
        sandbox=sandbox(settings),
        index=SimpleIndex(settings),
        say=say,
        redactor=redactor(settings),
        models=models(settings),
        sessions=OpenSessions(settings),
    )


def replayed(settings: Settings, run: Run, say: Callable[[str], None]) -> Services:
    """Compose the services of a run that is done again: without models, and without GitHub itself.

    Args:
        settings: For a run of an issue they lead to a simulated GitHub.
    """
    services = replace(local(settings, say), forge=LocalForge(settings.home / "replays"))
    if run.snapshot is None:
        return services
    from agent.adapters.github.forge import GithubForge
    from agent.adapters.github.pulls import GithubPulls

    way = way_to_github(settings)
    return replace(services, forge=GithubForge(way, settings), pulls=GithubPulls(way, settings))


def redactor(settings: Settings) -> Redactor:
    """Make what knows the secrets of the operator, and keeps them out of every text."""
    found = Redactor()
    for read in (given.github_token, given.github_private_key, given.webhook_secret):
        # A file that cannot be read is told by whoever needs it.
        with suppress(SettingsInvalid):
            if (secret := read(settings)) is not None:
                found.learn(secret.get_secret_value())
    for key in given.model_keys().values():
        found.learn(key)
    return found


def models(settings: Settings) -> ProvidedModels | None:
    """Make what asks models; None: no model is set.

    Raises:
        ModelUnusable: One has no such provider, or nothing bounds what it costs.
    """
    # A run without a model loads nothing of all this.
    from agent.adapters.chat_model.routes import routes

    chosen = routes(settings)
    return provided(chosen, settings) if chosen.names else None


def provided(chosen: Routes, settings: Settings) -> ProvidedModels:
    """Make what asks the models of these chains, whatever chains are set.

    Raises:
        ModelUnusable: One of those that are set has no such provider, or nothing bounds its cost.
    """
    from agent.adapters.chat_model import prices, routes

    known = prices.load(settings)
    if problems := routes.find_problems(settings, known):
        raise ModelUnusable("\n".join(problems))
    from agent.adapters.chat_model.provided import ProvidedModels

    return ProvidedModels(
        chosen,
        known,
        stream=settings.model_stream == "on",
        silence_seconds=settings.model_silence_seconds,
        redacted=redactor(settings),
    )


def way_to_github(settings: Settings, stopping: Event | None = None) -> Access:
    """Make the way to GitHub that everything of one process shares; asks nothing yet.

    What is written outside of runs, as the intake does, is on record in the process's log.

    Args:
        stopping: Once set, waits for GitHub end at once.

    Raises:
        SettingsInvalid: There is neither App nor token, or both, or the key is none.
    """
    # Only runs on GitHub need its client; the others start without.
    from agent.adapters.github import access

    return access.connect(settings, record=_note, stopping=stopping)


def _note(kind: str, facts: Mapping[str, object]) -> None:
    _log.info(kind, **facts)


def on_github(
    settings: Settings, way: Access
) -> Callable[[Callable[[str], None], Callable[[str, Mapping[str, object]], None]], Services]:
    """Give what composes the services of each run of an issue.

    It takes what is told every line of progress, and what is told kind and facts of every write
    that goes out.

    Args:
        way: Of the process; what it has learned of us and of the repositories is not asked anew.
    """
    # Loaded now, so that the first run does not wait for it.
    from agent.adapters.github.forge import GithubForge
    from agent.adapters.github.pulls import GithubPulls

    make_home(settings)
    secrets = redactor(settings)
    secrets("What looks like a secret is loaded by the first text, which is this one.")
    # Shared by all runs: connections to providers are kept from one to the next.
    asked, sessions = models(settings), OpenSessions(settings)
    if asked is not None:
        # What providers need takes seconds to load; the first run does not wait for all of it.
        threading.Thread(target=asked.ready, name="load models", daemon=True).start()

    def compose(
        say: Callable[[str], None], record: Callable[[str, Mapping[str, object]], None]
    ) -> Services:
        own = way.recording(record)
        return Services(
            settings=settings,
            forge=GithubForge(own, settings),
            pulls=GithubPulls(own, settings),
            sandbox=sandbox(settings),
            index=SimpleIndex(settings),
            say=say,
            redactor=secrets.another(),
            models=asked,
            sessions=sessions,
        )

    return compose


def gatekeeper(settings: Settings, way: Access) -> Gatekeeper:
    """Make what the intake asks GitHub with."""
    from agent.adapters.github.gatekeeper import GithubGatekeeper

    return GithubGatekeeper(way, settings)


def reconciler(
    settings: Settings, way: Access, inbox: Inbox, store: SqlStore, found: Callable[[], None]
) -> Reconciler | None:
    """Make what finds out what GitHub could not tell us; None: there is nowhere to look.

    Args:
        found: Called when there is something new in the inbox.
    """
    # A run on this machine has no use for a database, which takes half a second to load.
    from agent.adapters.github.conversations import GithubConversations
    from agent.adapters.github.deliveries import AppDeliveries
    from agent.adapters.github.labelled import GithubLabelledIssues
    from agent.polling import Polling
    from agent.reconcile import Redeliveries

    seconds = settings.reconcile_minutes * 60.0
    if way.app_id is not None:
        return Redeliveries(AppDeliveries(way), inbox, seconds=seconds)
    if not settings.repositories:
        _log.warning("no repository is looked through", setting=given.variable("repositories"))
        return None
    issues, words = GithubLabelledIssues(way, settings), GithubConversations(way)
    gate, where = gatekeeper(settings, way), settings.repositories
    return Polling(issues, words, gate, inbox, store, where, seconds=seconds, found=found)


def make_home(settings: Settings) -> None:
    """Have the data folder.

    Raises:
        SettingsInvalid: It cannot be made there.
    """
    # Rooms run as another user: what is laid out for them must be readable, whatever the shell's
    # umask was.
    os.umask(0o022)
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o711)
    except OSError as problem:
        raise SettingsInvalid(
            f"MERGEWRIGHT_HOME: {settings.home} cannot be made ({problem.strerror}). Name a folder"
            " that you may write to."
        ) from problem
