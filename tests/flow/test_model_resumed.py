"""Runs of models that are held up: by kills in every turn, by a cap, by a provider that fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import judge
from tests.chaos.campaign import ASKED, Campaign
from tests.chaos.ground import Ground, laid_out
from tests.chaos.tickets import Kind, Ticket, Tickets
from tests.flow import model_scripts as model
from tests.flow.model_scripts import PLANNED, TESTED, Scripts, calls, edit, read, submit
from tests.folders import data_folder
from tests.scripted import Said, Seen, serving
from tests.scripted.script import Answer

pytestmark = pytest.mark.deep
#: Each has a repository of its own.
KINDS = {
    name: Kind(name, "The total is wrong", model.TICKET.partition("\n\n")[2], model.PROJECT, False)
    for name in ("killed", "failed")
}
CARRIED = [
    PLANNED,
    TESTED,
    calls(read("shop/prices.py"), edit("shop/prices.py", "result = 0", "result = 7")),
    calls(edit("shop/prices.py", "prices[1:]", "prices"), submit("All is green.")),
    calls(edit("shop/prices.py", "result = 7", "result = 0"), submit("Now it counts all.")),
]
REMARK = {"text": "A shorter name would do.", "path": "shop/prices.py", "line": 3}
REVIEWED = [
    calls(read("shop/prices.py"), read("tests/test_total.py")),
    calls(("submit_review", {"approve": True, "remarks": [REMARK]})),
]


class Provider:
    """Says to each ticket what is in its script, and lets something happen when it is asked."""

    def __init__(self) -> None:
        self._script: Callable[[Seen], Answer] = Scripts()
        self._first: Callable[[], None] | None = None
        self.asked: list[Seen] = []
        """Since the script began."""

    def begin(self, script: Callable[[Seen], Answer]) -> None:
        """Take the script of the next ticket."""
        self._script, self.asked = script, []

    def at_next_request(self, first: Callable[[], None]) -> None:
        """Do this once, before the next answer."""
        self._first = first

    def __call__(self, seen: Seen) -> Answer:
        self.asked.append(seen)
        first, self._first = self._first, None
        if first is not None:
            first()
        said = self._script(seen)
        if isinstance(said, Said) and said.input_tokens is None:
            # The same for all tickets, whose numbers are not of one length.
            return replace(said, input_tokens=700)
        return said


@pytest.fixture(scope="module")
def folder(store: Path) -> Iterator[Path]:
    with data_folder("kills") as made:
        yield made


@pytest.fixture(scope="module")
def provider() -> Provider:
    return Provider()


@pytest.fixture(scope="module")
def ground(store: Path, folder: Path, provider: Provider) -> Iterator[Ground]:
    (store / "environments").mkdir(mode=0o755, exist_ok=True)
    with serving(provider) as server:
        environ = {**server.environ(), "MERGEWRIGHT_MODEL_PRICES": "openai-chat:scripted=0.1/0.2"}
        with laid_out(folder, store / "environments", **environ) as made:
            yield made


@pytest.fixture(scope="module")
def campaign(ground: Ground, folder: Path) -> Campaign:
    tickets = Tickets(ground, folder / "repositories", kinds=KINDS)
    return Campaign(ground, tickets, 1, print)


def run_of(ground: Ground, ticket: Ticket) -> tuple[str, dict]:
    ((run_id, outcome),) = ground.rows(
        "SELECT run_id, outcome FROM runs WHERE repository_id = ? AND number = ?",
        ticket.repository.id,
        ticket.issue.number,
    )
    return str(run_id), json.loads(str(outcome))


def last_patch(ground: Ground, ticket: Ticket) -> str:
    run_id, _ = run_of(ground, ticket)
    lines = (ground.home / "runs" / run_id / "ledger.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return [event["diff"] for event in events if event["event"] == "change.drafted"][-1]


def test_kill_each_turn_asks_for_no_recorded_reply_again_and_gives_the_same_patch(
    ground, campaign, provider
):
    provider.begin(Scripts(agent=[CARRIED], review=[REVIEWED]))
    campaign.undisturbed(("killed",))
    turns = campaign.turns("killed")
    assert {turn.split()[0] for turn in turns} == {"plan", "edit", "review"}
    assert len(provider.asked) == len(turns)

    provider.begin(Scripts(agent=[CARRIED], review=[REVIEWED]))
    campaign.at_every_turn("killed", provider.at_next_request)
    assert campaign.missed == []
    assert campaign.kills.total() == 4 * len(turns)
    assert campaign.kills[ASKED] == len(turns)
    # Who was killed while it waited asks again, in the same words; nobody else does.
    said = [seen.body for seen in provider.asked]
    assert len(said) == 2 * len(turns)
    assert said[::2] == said[1::2]
    assert len({json.dumps(body) for body in said}) == len(turns)
    plain, killed = campaign.tickets.all
    # Their repositories differ in when they were made, and so do digests of changes to them.
    assert last_patch(ground, killed) == last_patch(ground, plain)
    verdict = judge.judge(ground, campaign.tickets.all, campaign.expected)
    assert verdict.well, "\n".join((verdict.line(), *verdict.words))
