"""MO1 to MO5: a model that breaks every rule of calling, over the wires of providers.

The loop, its tools and its events are those of a run; the model is a process away, and what it has
been sent back is what a provider would take. Each conversation ends by itself, and says why.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent import settings as given
from agent import wiring
from agent.editing.forms import Form, Submit
from agent.editing.loop import ConversationOver
from agent.editing.run_context import RunContext
from agent.errors import AgentError, BudgetSpent
from agent.llm.spendings import CountedModels
from agent.models.model_use import SpendingLimits
from tests import scripted
from tests.attacks import hostile_models, planted
from tests.attacks.hostile_models import BROKEN, ELSEWHERE, ON_EVERY_WIRE
from tests.deep import deep
from tests.fakes import Ledger
from tests.flow.model_scripts import bash, calls, edit, submit, write
from tests.scripted import Said, Script, Server
from tests.scripted.server import KEY
from tests.unit.editing import desks

#: How a conversation may end that gets nowhere; a run that has such an end names it.
ENDS = (
    "the model answered 3 times without calling a tool; try another model",
    "the last turns brought nothing new",
    "No model answered as editor: {model}: ",
    "All models declined as editor: {model}: its answer has more than 500,000 characters",
    "{model} answered turn 1 of edit 1 with ",
)


@dataclass
class Talk:
    """A conversation that is over, and everything that came of it."""

    job: RunContext
    server: Server
    folder: Path
    form: Form | None
    problem: AgentError | None
    secret: str
    beside: tuple[Path, ...]
    """What stands beside the work tree."""
    before: Mapping[str, str]
    """How that was."""
    paths: tuple[str, ...]
    """Of the change."""

    @property
    def why(self) -> str:
        """How it ended, in words."""
        return str(self.problem)

    @property
    def told(self) -> list[str]:
        """What the model was told by tools, turn by turn."""
        return [text for seen in self.server.requests for kind, text in seen.messages
                if kind == "result"]  # fmt: skip

    def assert_contained(self) -> None:
        """Check what has to be true of it for all that a model may say."""
        runs = self.folder / "home" / "runs" / self.job.prepared.run.run_id
        for line in (runs / "events.jsonl").read_bytes().splitlines():
            assert json.loads(line)["step"]
        kept = [path.read_bytes() for path in runs.rglob("*") if path.is_file()]
        assert sum(map(len, kept)) < 3_000_000
        sent = [json.dumps(seen.body).encode() for seen in self.server.requests]
        assert max(map(len, sent)) < 1_000_000
        for text in (*kept, *sent):
            assert planted.leaked((KEY, self.secret), text) == set()
        assert self.server.refused == [], "no provider would have taken that"
        assert planted.state(*self.beside) == self.before
        assert not (self.job.desk.head_folder(self.job.prepared.run) / ".git").exists()


Talker = Callable[..., Talk]


@pytest.fixture
def talk(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Talker]:
    """Run a conversation about a change with a scripted model."""
    secret = "cnry" + "0f3a9c5b7d1e4826" * 2
    (tmp_path / "secret.txt").write_text(secret)
    (tmp_path / "home").symlink_to(home)
    with ExitStack() as stack:

        def have(script: Script, wire: str = "chat", **more: str) -> Talk:
            server = stack.enter_context(scripted.serving(script))
            environ = {**server.environ(wire), "MERGEWRIGHT_HOME": str(home), **more}
            for name, value in {**environ, "CANARY_TOKEN": secret}.items():
                monkeypatch.setenv(name, value)
            settings = given.load_settings()
            models = wiring.make_models(settings)
            assert models is not None
            stack.callback(models.close)
            prepared = desks.repository(tmp_path, home)
            (tmp_path / "app" / ".env").write_text(secret)
            beside = tmp_path / "app", tmp_path / "secret.txt"
            before = planted.state(*beside)
            counted = CountedModels(models, Ledger(), SpendingLimits("r1", 7, settings.model_usd))
            job = desks.run_context(prepared, home, counted, settings=settings)
            about = desks.conversation(job)
            problem, form = None, None
            try:
                with job.close_at_end():
                    form = about.ask()
            except AgentError as error:
                problem = error
            paths = about.change.paths
            return Talk(job, server, tmp_path, form, problem, secret, beside, before, paths)

        yield have


def assert_named(had: Talk, wire: str) -> None:
    """Check that it ended in one of the ends that there are."""
    model = f"{scripted.server.NAMES[wire]}:scripted"
    assert any(had.why.startswith(end.format(model=model)) for end in ENDS), had.why


#: Most different from each other.
PLAINLY = (
    "no JSON", "wrong types", "unknown tool", "a cut stream", "thousands of calls",
    "ten million characters in an argument",
)  # fmt: skip


@pytest.mark.parametrize(
    "name", [*PLAINLY, *(deep(name) for name in BROKEN if name not in PLAINLY)]
)
def test_MO1_a_reply_that_is_broken_comes_to_a_named_end(talk: Talker, name: str) -> None:
    had = talk(lambda seen: BROKEN[name])
    assert_named(had, "chat")
    assert len(had.server.requests) <= 3
    had.assert_contained()
    assert had.paths == ()


@pytest.mark.parametrize("wire", ["responses", deep("anthropic"), deep("gemini")])
def test_MO1_so_it_does_on_every_wire(talk: Talker, wire: str) -> None:
    """One after the other, so that each goes back in the words of that provider."""
    kinds = [BROKEN[name] for name in ON_EVERY_WIRE if isinstance(BROKEN[name], Said)]
    had = talk(lambda seen: kinds[min(seen.number - 1, len(kinds) - 1)], wire)
    assert_named(had, wire)
    had.assert_contained()
    assert isinstance(had.problem, ConversationOver)


def test_MO1_a_model_that_comes_to_its_senses_is_heard(talk: Talker) -> None:
    bad = [reply for reply in BROKEN.values() if isinstance(reply, Said) and len(reply.calls) < 3]
    bad = [reply for reply in bad if len(repr(reply)) < 200_000][:6]
    script = [
        *bad,
        calls(bash("cat shop/prices.py")),
        calls(write("shop/new.py", "x = 1\n"), submit()),
    ]
    had = talk(script)
    assert isinstance(had.form, Submit)
    assert had.paths == ("shop/new.py",)
    had.assert_contained()


def test_MO2_no_edit_leads_out_of_the_tree(talk: Talker) -> None:
    wanted = hostile_models.everywhere(ELSEWHERE)
    replies = [calls(*wanted[at : at + 40]) for at in range(0, len(wanted), 40)]
    had = talk([*replies, calls(submit())])
    assert isinstance(had.form, Submit)
    inside = {path for path in had.paths if not path.startswith(("C:", "file:", "git~1", "shop"))}
    assert inside == set()
    assert all(len(text) < 700 for text in had.told)
    had.assert_contained()


ENDLESS: dict[str, Script] = {
    "the same call": lambda seen: calls(edit("shop/prices.py", "x", "y")),
    "two in alternation": lambda seen: calls(
        edit("a.py", "z", "y") if seen.number % 2 else ("look", {})
    ),
    "a form that cannot be read": lambda seen: calls(("submit", {"summary": seen.number})),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_MO4_work_without_end_is_ended(talk: Talker, name: str) -> None:
    had = talk(ENDLESS[name])
    assert had.why == "the last turns brought nothing new"
    assert len(had.server.requests) <= 9
    had.assert_contained()


def test_MO4_or_its_budget_ends_it_with_the_work_kept(talk: Talker) -> None:
    def write_more(seen: scripted.Seen) -> Said:
        return calls(write(f"shop/new_{seen.number % 7}.py", f"x = {seen.number}\n"))

    had = talk(write_more, MERGEWRIGHT_MODEL_TOKENS="25000")
    assert isinstance(had.problem, BudgetSpent)
    assert "MERGEWRIGHT_MODEL_TOKENS" in had.why
    turns = len(had.server.requests)
    assert len(had.paths) == min(turns, 7)
