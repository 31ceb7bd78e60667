"""Composition root: the only module that knows every adapter."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any

import structlog

from agent.desk import Compose, Desk, make_redactor
from agent.errors import ModelUnusable, SandboxMissing
from agent.models.chat import ChatModel
from agent.models.code_host import CodeHost
from agent.models.sandbox import Flag, Stoppable
from agent.runs.local_code_host import LocalCodeHost
from agent.runs.sessions import SessionFactory
from agent.sandbox import limit_probes, sandboxes
from agent.secret_values import model_keys
from agent.settings import Settings, require_home
from agent.setup.package_index import PackageIndex
from agent.stages import triage
from agent.telemetry import signature
from agent.telemetry.run_events import EventsClosed, RunEvents
from agent.text.redaction import Redactor

if TYPE_CHECKING:
    from agent.github.access import Access
    from agent.github.intake_api import GithubIntakeApi
    from agent.llm.provided import ProvidedModels
    from agent.llm.routes import Chains

_log = structlog.get_logger()


def make_local_desk(
    settings: Settings, say: Callable[[str], None], stopped: Flag | None = None
) -> Desk:
    """Compose a desk on this machine for a command that executes no run."""
    redactor = make_redactor(settings)
    return on_this_machine(settings)(say=say, redactor=redactor, stopped=stopped)


def on_this_machine(settings: Settings) -> Compose:
    require_machine(settings)
    asked = make_models(settings)
    return partial(_make_desk, settings, lambda events: LocalCodeHost(), asked)


def _make_desk(
    settings: Settings,
    reach: Callable[[RunEvents], CodeHost],
    asked: ChatModel | None,
    *,
    events: RunEvents | None = None,
    stopped: Flag | None = None,
    **of_run: Any,
) -> Desk:
    """Combine the clients of the process with the parts of one execution; see `Compose`."""
    events, stopped = events or RunEvents(), stopped or Event()
    # One for each run: the answers of a container engine to other runs must not be reused.
    sandbox = sandboxes.make_sandbox(settings)
    return Desk(
        settings=settings,
        code_host=reach(events),
        sandbox=Stoppable(sandbox, stopped),
        index=PackageIndex(),
        models=asked,
        sessions=SessionFactory(settings, sandbox),
        stopped=stopped,
        events=events,
        **of_run,
    )


def make_models(settings: Settings) -> ProvidedModels | None:
    """Make the client of the configured models; None: no model is configured."""
    # Imported here, so that a run without a model does not load it.
    from agent.llm.routes import list_chains

    chains = list_chains(settings)
    return make_provided_models(chains, settings) if any(chains.values()) else None


def make_provided_models(chains: Chains, settings: Settings) -> ProvidedModels:
    """Make the client of the models of these chains. Raises as `routes.require_prices`."""
    from agent.llm import routes

    catalogue = routes.load_catalogue(settings)
    routes.require_prices(chains, settings, catalogue)
    from agent.llm.provided import ProvidedModels

    def redact(text: str) -> str:
        # The keys are read again each time, since they may change while the process lives.
        return make_redactor(settings)(text)

    return ProvidedModels(
        chains,
        catalogue,
        stream=settings.model_stream == "on",
        silence_seconds=settings.model_silence_seconds,
        redacted=redact,
    )


def make_access(settings: Settings) -> Access:
    """Return the access to GitHub that a whole process shares; no request is sent yet.

    The process's log records writes outside of runs, such as the intake's. Raises SettingsInvalid
    if there is neither App nor token, or both, or the key cannot be used.
    """
    # Imported here, since only runs on GitHub need its client.
    from agent.github import access

    return access.connect_to_github(settings, record=lambda kind, facts: _log.info(kind, **facts))


def on_github(settings: Settings, access: Access) -> Compose:
    """Return the maker of desks for runs of issues.

    `access` is that of the whole process; it caches facts about our account and repositories.
    """
    # Loaded now, so that the first run does not wait for it.
    from agent.github.code_host import GithubCodeHost

    require_machine(settings)
    # A key that cannot sign is reported before a run begins.
    signature.load_key(settings)
    Redactor()("What looks like a secret is loaded by the first text, which is this one.")
    # Shared by all runs: connections to providers are kept from one to the next.
    asked = make_models(settings)

    def reach(events: RunEvents) -> CodeHost:
        def record(kind: str, facts: Mapping[str, object]) -> None:
            # A write that ends after the attempt has still happened, so this is no error.
            with suppress(EventsClosed):
                events.append("forge", kind, **facts)

        return GithubCodeHost(access.recording(record), settings)

    return partial(_make_desk, settings, reach, asked)


def make_intake_api(settings: Settings, access: Access) -> GithubIntakeApi:
    from agent.github.intake_api import GithubIntakeApi

    return GithubIntakeApi(access, settings)


# --- before anything is started ---------------------------------------------------------------


def require_machine(settings: Settings) -> None:
    """Create the data folder, and check for problems that would stop every run on this machine.

    Raises SettingsInvalid if the folder cannot be made, else as `limit_probes.require_machine`.
    """
    # Sandboxes run as another user: what is laid out for them must be readable, whatever the
    # shell's umask was.
    os.umask(0o022)
    require_home(settings.home)
    try:
        limit_probes.require_machine(sandboxes.make_sandbox(settings), settings.home)
    except SandboxMissing as problem:
        raise SandboxMissing(
            f"{problem.message} `mergewright doctor` tests every sandbox limit."
        ) from problem


def require_models(settings: Settings) -> None:
    """Raise ModelUnusable if a configured model cannot be used, with the reasons.

    Raises SettingsInvalid if the file of a provider's key cannot be read.
    """
    model_keys()
    if (models := make_models(settings)) is None:
        return
    missing = triage.explain_missing_models(models)
    models.close()
    if missing:
        raise ModelUnusable(f"A model cannot be used ({missing}). Fix that, or set another model.")
