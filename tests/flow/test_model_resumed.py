"""Runs of models that are held up: by kills in every turn, by a cap, by a provider that fails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos import judge
from tests.chaos.campaign import ASKED, Campaign
from tests.chaos.ground import Ground, laid_out
from tests.chaos.tickets import Kind, Ticket, Tickets
from tests.deep import deep
from tests.flow import model_scripts as model
from tests.flow.model_scripts import Scripts, calls, edit, finish, read
from tests.folders import data_folder
from tests.scripted import Fault, Said, Seen, serving
from tests.scripted.script import Answer

#: Each has a repository of its own.
KINDS = {
    name: Kind(name, "The total is wrong", model.TICKET.partition("\n\n")[2], model.PROJECT, False)
    for name in ("killed", "capped", "failed")
}
EDITED = [
    calls(read("shop/prices.py"), edit("shop/prices.py", "result = 0", "result = 7")),
    calls(edit("shop/prices.py", "prices[1:]", "prices"), finish("All is green.")),
]
MENDED = [calls(edit("shop/prices.py", "result = 7", "result = 0"), finish("Now it counts all."))]
REMARK = {"text": "A shorter name would do.", "path": "shop/prices.py", "line": 3}
REVIEWED = [
    calls(read("shop/prices.py"), read("tests/test_total.py")),
    calls(("submit_review", {"approve": True, "remarks": [REMARK]})),
]
#: Tokens of a reply after which the next request, with all that was said before, could be too many
#: for what `Server.environ` allows, and not for twice as many.
MUCH = 3_000_000


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
    prices = folder / "prices.toml"
    prices.write_text('["openai-chat:scripted"]\ninput = 0.1\noutput = 0.2\n')
    with serving(provider) as server:
        environ = {**server.environ(), "MERGEWRIGHT_MODEL_PRICES": str(prices)}
        with laid_out(folder, store / "environments", **environ) as made:
            yield made


@pytest.fixture(scope="module")
def campaign(ground: Ground, folder: Path) -> Campaign:
    tickets = Tickets(ground, folder / "repositories", repositories=1, kinds=KINDS)
    return Campaign(ground, tickets, 1, print)


def run_of(ground: Ground, ticket: Ticket) -> tuple[str, dict]:
    ((run_id, outcome),) = ground.rows(
        "SELECT run_id, outcome FROM runs WHERE repository_id = ? AND number = ?",
        ticket.repository.id,
        ticket.issue.number,
    )
    return str(run_id), json.loads(str(outcome))


def last_change(ground: Ground, ticket: Ticket) -> str:
    run_id, _ = run_of(ground, ticket)
    lines = (ground.home / "runs" / run_id / "ledger.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return [event["change_digest"] for event in events if event["event"] == "model.called"][-1]


def test_kill_each_turn_asks_for_no_recorded_reply_again_and_gives_the_same_patch(
    ground, campaign, provider
):
    provider.begin(Scripts(edit=[EDITED], repair=[MENDED], review=[REVIEWED]))
    campaign.undisturbed(("killed",))
    turns = campaign.turns("killed")
    assert {turn.split()[0] for turn in turns} == {"plan", "tests", "edit", "repair", "review"}
    assert len(provider.asked) == len(turns)

    provider.begin(Scripts(edit=[EDITED], repair=[MENDED], review=[REVIEWED]))
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
    assert last_change(ground, killed) == last_change(ground, plain)
    verdict = judge.judge(ground, campaign.tickets.all, campaign.expected)
    assert verdict.well, "\n".join((verdict.line(), *verdict.words))


@pytest.mark.parametrize(
    ("wire", "stream"),
    [
        ("anthropic", "streamed"),
        *(deep("anthropic", "whole"), deep("responses", "streamed"), deep("responses", "whole")),
    ],
)
def test_kill_each_turn_does_so_on_the_other_wires(store, wire, stream):
    # In the two turns of the change; what was said before it is kept, and is not asked for again.
    (store / "environments").mkdir(mode=0o755, exist_ok=True)
    short = {"plan": [[calls(model.plan())]], "edit": [model.MENDED], "review": [REVIEWED[1:]]}
    provider = Provider()
    with serving(provider) as server, data_folder("kills") as folder:
        more = {"MERGEWRIGHT_MODEL_STREAM": "on" if stream == "streamed" else "off"}
        environ = {**server.environ(wire), **more}
        with laid_out(folder, store / "environments", **environ) as ground:
            tickets = Tickets(ground, folder / "repositories", repositories=1, kinds=KINDS)
            campaign = Campaign(ground, tickets, 1, print)
            provider.begin(Scripts(**short))
            campaign.undisturbed(("killed",))
            asked = len(provider.asked)
            assert len(campaign.turns("killed", "edit")) == len(model.MENDED) == 2

            provider.begin(Scripts(**short))
            campaign.at_every_turn("killed", provider.at_next_request, "edit")
            assert campaign.missed == []
            assert campaign.kills.total() == 4 * 2
            assert {(seen.wire, seen.stream) for seen in provider.asked} == {
                (wire, stream == "streamed")
            }
            # Asked twice is only who was killed while it waited, in the same words.
            times = Counter(json.dumps(seen.body) for seen in provider.asked)
            assert sorted(times.values()) == [1] * (asked - 2) + [2] * 2
            plain, killed = campaign.tickets.all
            assert last_change(ground, killed) == last_change(ground, plain)
            verdict = judge.judge(ground, campaign.tickets.all, campaign.expected)
            assert verdict.well, "\n".join((verdict.line(), *verdict.words))


def test_at_the_cap_the_best_change_is_kept_and_who_allows_more_pays_for_nothing_twice(
    ground, campaign, provider
):
    first = replace(model.MENDED[0], input_tokens=MUCH)
    provider.begin(Scripts(edit=[[first, *model.MENDED[1:]]], review=[REVIEWED]))
    ticket = campaign.one("capped")
    run_id, outcome = run_of(ground, ticket)
    assert outcome["reason"] == "budget_spent", outcome["sentence"]
    assert "What was done so far is kept: `mergewright runs retry`" in outcome["sentence"]
    assert (outcome["stopped_at"], outcome["branch"]) == ("edit 1 2 reply", None)
    patch = Path(outcome["patch_path"]).read_text()
    assert "-    for price in prices[1:]:\n+    for price in prices:\n" in patch
    assert "+++ b/tests/test_total.py\n" in patch
    paid = len(provider.asked)

    again = [sys.executable, "-m", "agent", "runs", "retry", run_id]
    subprocess.run(again, env=ground.environ, check=True, timeout=120, capture_output=True)
    campaign.finish(ticket)
    _, outcome = run_of(ground, ticket)
    assert outcome["reason"] == "ready", outcome["sentence"]
    assert len(provider.asked) == paid + 1 + len(REVIEWED)
    assert provider.asked[paid].turn == 2
    assert len({json.dumps(seen.body) for seen in provider.asked}) == len(provider.asked)


def test_a_provider_that_fails_in_mid_run_is_waited_for_with_the_work_kept(
    ground, campaign, provider
):
    script = Scripts(edit=[model.MENDED], review=[REVIEWED])
    failures = iter([Fault(status=401, code="invalid_api_key")])

    def failing(seen: Seen) -> Answer:
        said = script(seen)
        if "Your part: the change." in seen.system and seen.turn == 2:
            return next(failures, said)
        return said

    provider.begin(failing)
    ticket = campaign.one("failed")
    run_id, outcome = run_of(ground, ticket)
    assert outcome["reason"] == "ready", outcome["sentence"]
    ((spent,),) = ground.rows("SELECT SUM(usd) FROM spendings WHERE run_id = ?", run_id)
    assert spent == pytest.approx(outcome["cost_usd"], abs=1e-6)
    assert outcome["cost_usd"] > 0
    said = [json.dumps(seen.body) for seen in provider.asked]
    (twice,) = [place for place, body in enumerate(said) if body in said[:place]]
    assert said[twice - 1] == said[twice]
    assert len(set(said)) == len(said) - 1
