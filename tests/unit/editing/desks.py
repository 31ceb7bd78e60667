"""A small repository, a job on it, and conversations about it with a fake model."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from agent.editing import prompting
from agent.editing.forms import Submit
from agent.editing.loop import Conversation
from agent.editing.run_context import RunContext
from agent.editing.tools import ToolExecutor
from agent.models.change import Change
from agent.models.chat import ChatModel, UserTurn
from agent.models.checks import CheckReport
from agent.models.environment import Prepared
from agent.models.step import Step
from agent.steps import Steps
from agent.telemetry.run_events import RunEvents
from agent.telemetry.run_log import RunLog
from agent.text.redaction import Redactor
from tests.fakes import FakeCodeHost, FakeSessions
from tests.run_contexts import make_run_context
from tests.unit.stages import code_host_runs

FILES = {
    "shop/prices.py": "def total(prices):\n    return sum(prices[1:])\n",
    "tests/__init__.py": "",
}
BEFORE = CheckReport(side="base", commit="c", results=())


class Watcher:
    """Keeps the names of the steps, and how those that are over ended."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.over: list[tuple[str, bool]] = []

    def started(self, step: str) -> None:
        self.names.append(step)

    def ended(self, step: str, seconds: float, *, ok: bool) -> None:
        self.over.append((step, ok))


class Records:
    """Keeps what steps left behind, as the durable engine does."""

    def __init__(self, kept: dict[str, str] | None = None) -> None:
        self.kept = dict(kept or {})

    def __call__(self, name: str, attempt: Callable[[], str]) -> str:
        if name not in self.kept:
            self.kept[name] = attempt()
        return self.kept[name]


def repository(
    folder: Path, home: Path, more: dict[str, str] | None = None, **facts: object
) -> Prepared:
    files = {**FILES, **(more or {})}
    return code_host_runs.prepared(folder / "app", home, files, on_forge=False, **facts)


def run_context(
    prepared: Prepared,
    home: Path,
    model: ChatModel,
    *,
    records: Records | None = None,
    redactor: Redactor | None = None,
    **facts: object,
) -> RunContext:
    """Begin a job; one with the same records goes on where the other one ended."""
    run = prepared.run
    folder = home / "runs" / run.run_id
    folder.mkdir(parents=True, exist_ok=True)
    events = RunEvents(folder / "events.jsonl")
    desk, _ = code_host_runs.services(home, FakeCodeHost(code_host_runs.TICKET))
    desk.facts.contract = prepared.contract
    files = {path: words.encode() for path, words in {"a.py": "x = 1\n", **FILES}.items()}
    facts |= {"models": model, "sessions": FakeSessions(files, ignored=("*.log",))}
    desk = replace(desk, events=events, redactor=redactor or Redactor(), **facts)
    log, records = RunLog(folder / "run.log"), records or Records()
    step = Steps(events, log, [Watcher()], desk.facts, desk.budget, records)
    return make_run_context(code_host_runs.TICKET, prepared, BEFORE, step, desk)


def set_baseline(made: RunContext, report: CheckReport) -> None:
    made.preparation.ready = replace(made.preparation.finish(), baseline=report)


def conversation(made: RunContext, **facts: object) -> Conversation:
    """Begin a conversation that ends with the form `submit`."""
    return Conversation(
        name=Step.EDIT.named(1),
        role="editor",
        prompt=prompting.make_prompt("agent", made.base.contract),
        run_context=made,
        tools=ToolExecutor(made, {"submit": Submit}),
        change=Change(base_commit=made.prepared.checkout.commit, files=()),
        messages=(UserTurn(text="Mend it."),),
        **facts,
    )


def bash(command="cat shop/prices.py", **facts):
    return ("bash", {"command": command, **facts})


def write(path="shop/new.py", text="x = 1\n"):
    return ("write", {"path": path, "text": text})


def edit(path="shop/prices.py", old="prices[1:]", new="prices"):
    return ("edit", {"path": path, "old": old, "new": new})


def submit(summary="Done.", **facts):
    return ("submit", {"summary": summary, **facts})


def plan(**facts):
    given = {"title": "Count all", "category": "bug", "steps": ["Sum all"], "files": []}
    return ("plan", {**given, **facts})
