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
from agent.environments.package_index import SimpleIndex
from agent.errors import ModelUnusable, SettingsInvalid
from agent.models.intake import Gatekeeper
from agent.models.run import Run
from agent.models.sandbox import Sandbox
from agent.runs.local_forge import LocalForge
from agent.sandbox.opening import OpenSessions
from agent.sandbox.sandboxes import ChosenSandbox
from agent.services import Services
from agent.settings import Settings
from agent.text.redaction import Redactor

if TYPE_CHECKING:
    from agent.github.access import Access
    from agent.llm.provided import ProvidedModels
    from agent.llm.routes import Routes

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
    from agent.github.forge import GithubForge
    from agent.github.pulls import GithubPulls

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
    from agent.llm.routes import routes

    chosen = routes(settings)
    return provided(chosen, settings) if chosen.names else None


def provided(chosen: Routes, settings: Settings) -> ProvidedModels:
    """Make what asks the models of these chains, whatever chains are set.

    Raises:
        ModelUnusable: One of those that are set has no such provider, or nothing bounds its cost.
    """
    from agent.llm import prices, routes

    known = prices.load(settings)
    if problems := routes.find_problems(settings, known):
        raise ModelUnusable("\n".join(problems))
    from agent.llm.provided import ProvidedModels

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
    from agent.github import access

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
    from agent.github.forge import GithubForge
    from agent.github.pulls import GithubPulls

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
    from agent.github.gatekeeper import GithubGatekeeper

    return GithubGatekeeper(way, settings)


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
