"""The text of a pull request belongs to people as well: what they wrote meanwhile stays."""

from __future__ import annotations

from types import SimpleNamespace

from agent.domain import ThreadEnd
from agent.publishing import threads
from agent.pulls import PullNow
from agent.stages import answer
from tests.integration import run_samples


def _pull(body: str) -> PullNow:
    return PullNow(
        number=7, url="u", state="open", draft=False, title="t", body=body, branch="b",
        head="a" * 40, base_branch="main",
    )  # fmt: skip


def test_what_people_wrote_into_the_text_meanwhile_stays():
    written: list[str] = []
    pulls = SimpleNamespace(rewrite=lambda run, number, body: written.append(body))
    end = ThreadEnd(thread_id="T", place="inline", about="Why?", end="reply", words="So.", upto=1)
    asked = SimpleNamespace(occasion=SimpleNamespace(pull=_pull("As it was.")))
    prepared, svc = SimpleNamespace(run=run_samples.run(1)), SimpleNamespace(pulls=pulls)
    section = threads.section((end,))
    now = _pull("As it was.\n\n- [x] Seen by the owner")
    body = answer._body(None, now, section, prepared, svc)
    assert answer._rewritten(asked, now, body, "c", None, prepared, svc) is None
    (body,) = written
    assert body.startswith("As it was.\n\n- [x] Seen by the owner\n\n<!-- mergewright:asked -->")
