"""Whole runs of an issue whose models fail: what passes is outlasted, what stays is told there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.flow import github_stories
from tests.flow import model_scripts as model
from tests.flow.github_stories import Story
from tests.flow.model_scripts import Scripts, bash, calls
from tests.scripted import Fault, Said, Script, Seen, serving
from tests.scripted.faults import KEY, fault

#: Longer than anybody waits.
STALL = Fault(stall_seconds=60)
TITLE, _, BODY = model.TICKET.removeprefix("# ").partition("\n\n")


@pytest.fixture(scope="module")
def one_repository(stage, tmp_path_factory):
    """The repository that the stories of this module share."""
    folder = tmp_path_factory.mktemp("faults")
    return github_stories.tell(stage, folder, title=TITLE, body=BODY, files=model.PROJECT)


@dataclass
class Carried:
    """A run of an issue by `run --issue`, that is over."""

    told: Story
    name: str
    """Of the model."""
    done: subprocess.CompletedProcess[str]
    requests: Sequence[Seen]

    @property
    def facts(self) -> dict[str, Any]:
        assert self.done.stdout, self.done.stderr
        return json.loads(self.done.stdout)

    @property
    def comment(self) -> str:
        (comment,) = self.told.comments()
        return comment.body

    @property
    def folder(self) -> Path:
        (run,) = self.told.runs()
        return self.told.stage.home / "runs" / run.run.run_id

    def assert_told(self, reason: str, facts_of_it: str) -> None:
        """Hold the end of a run that came to nothing against what people are told of it."""
        facts = self.facts
        assert self.done.returncode == 1, self.done.stderr
        assert facts["reason"] == reason, facts["sentence"]
        spoken = " ".join(self.comment.replace("\\", "").split())
        for said in (facts["sentence"], spoken):
            assert re.search(facts_of_it, said, re.DOTALL), said
        self.told.assert_nothing_pushed()


@pytest.fixture
def carry(stage, one_repository, tmp_path):
    """Carry an issue of its own with a scripted model; no key gets out of it, however it ends."""

    def run(
        script: Script, wire: str = "chat", told: Story | None = None, **settings: str
    ) -> Carried:
        """Run it.

        Args:
            settings: Further variables; empty: not set.
        """
        told = told or github_stories.tell(
            stage, tmp_path, title=TITLE, body=BODY, beside=one_repository
        )
        with serving(script) as server:
            environ = {**stage.service.environ, **server.environ(wire)}
            name = environ.pop("MERGEWRIGHT_MODEL")
            environ |= {"MERGEWRIGHT_MODEL_EDITOR": name}
            environ |= {"MERGEWRIGHT_MODEL_SILENCE_SECONDS": "4", **settings}
            done = subprocess.run(
                [
                    *(sys.executable, "-m", "agent", "run", "--json"),
                    *("--repo", told.name, "--issue", str(told.issue.number)),
                ],
                env={name: value for name, value in environ.items() if value},
                cwd=Path(__file__).parents[2],
                capture_output=True, text=True, timeout=300, check=False,
            )  # fmt: skip
        carried = Carried(told, name, done, server.requests)
        written = [*carried.folder.rglob("*"), *stage.home.glob("*.sqlite*")] if told.runs() else []
        texts = [path.read_bytes() for path in written if path.is_file()]
        said = [done.stdout, done.stderr, *(one.body for one in told.comments())]
        assert not [text for text in texts if KEY.encode() in text]
        assert not [text for text in said if KEY in text]
        return carried

    return run


class Failing:
    """A script that fails in these ways before each reply, in order."""

    def __init__(self, said: Scripts, *faults: Sequence[Fault]) -> None:
        self.said, self.faults = said, iter(faults)
        self.about: tuple[tuple[str, str], ...] = ()
        self.left: list[Fault] = []

    def __call__(self, seen: Seen) -> Said | Fault:
        if seen.messages != self.about:
            self.about, self.left = seen.messages, list(next(self.faults, ()))
        return self.left.pop(0) if self.left else self.said(seen)


@pytest.mark.deep
def test_one_run_outlasts_every_fault_that_passes(carry):
    *work, submitted = model.CARRIED
    script = Failing(
        Scripts(agent=[[*work, calls(bash("git diff")), submitted]]),
        [fault("chat", "limited"), fault("chat", "broken")],
        [fault("chat", "limited", after=1), STALL],
        [Fault(empty=True)],
        [fault("chat", "overloaded", late=True)],
        [Fault(body='{"choices": [{"mess')],
    )
    carried = carry(script)
    assert carried.facts["reason"] == "ready", carried.facts["sentence"]
    assert len(carried.requests) == 5 + 7
    events = (carried.folder / "ledger.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["event"] for line in events]
    assert kinds.count("model.asked") == kinds.count("model.answered") == 5
    (pull,) = carried.told.pulls()
    assert model.TEST in pull.body


#: Wire, what every request meets, requests, reason, and what else is told.
LASTING: dict[str, tuple[str, Fault | Said, int, str, str]] = {
    "limited for long": (
        *("chat", fault("chat", "limited", after=3000), 1, "unavailable"), r"429, .*UTC",
    ),
    "request": (
        *("anthropic", fault("anthropic", "request"), 1, "model_request_rejected"),
        r"400: .*\[secret removed\]",
    ),
    "refusal": (
        *("chat", Said("I will not do this.", finish="refused"), 1, "model_refused"), "will not",
    ),
}  # fmt: skip


@pytest.mark.deep
@pytest.mark.parametrize(
    ("wire", "answer", "requests", "reason", "said"), LASTING.values(), ids=LASTING
)
def test_what_does_not_pass_is_told_on_the_issue(carry, wire, answer, requests, reason, said):
    carried = carry(lambda seen: answer, wire)
    carried.assert_told(reason, f"editor: {re.escape(carried.name)}.*{said}"
                        if reason != "model_refused" else said)  # fmt: skip
    assert len(carried.requests) == requests


@pytest.mark.deep
def test_without_its_key_the_issue_is_told_what_is_missing_and_recipes_go_on(carry, story):
    no_key = {"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}
    carried = carry([], "responses", **no_key)
    carried.assert_told("model_unusable", "OPENAI_API_KEY")
    by_recipe = carry([], "responses", story(), **no_key)
    assert by_recipe.facts["reason"] == "ready", by_recipe.facts["sentence"]
    assert (carried.requests, by_recipe.requests) == ([], [])
