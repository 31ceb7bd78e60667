"""What a decided run can show, and foreign words that would act."""

import re

from markdown_it import MarkdownIt

from agent.models.change import ClearedChange, Finding, Plan
from agent.models.checks import CheckItem, CheckReport, Status, TestComparison
from agent.models.environment import Checkout
from agent.models.outcome import Verdict
from agent.models.record import replace
from agent.models.review import ReviewNotes
from agent.models.run import Reason, Run
from agent.models.ticket import Ticket
from agent.publishing.evidence import Evidence
from tests.run_contexts import make_prepared
from tests.unit.stages import code_host_runs
from tests.unit.trees import make_environment

EVIL = (
    "</details> @org/team fixes #1 `@org` GH-7 ``` <img src=x> ![i](https://e.example/?d=1) | **x**"
    " https://e.example www.e.example \x1b[31m\u202e"
)


def plan(title: str, recipe: str = "") -> Plan:
    return Plan(recipe=recipe, title=title, parameters="", steps=())


def cleared(*findings: Finding, path: str = "shop/models.py") -> ClearedChange:
    return ClearedChange(change=code_host_runs.change_of(path), findings=findings)


def evidence(**changes) -> Evidence:
    facts = {
        "prepared": make_prepared(
            Run(run_id="r1", repository="/r", ticket="/t.md", started=0),
            Checkout(
                repository="/r", mirror="/m", commit="a" * 40, base_branch="main", nearest_tag=None
            ),
            make_environment(sources=("pyproject.toml",), packages=("django==5.2",)),
            {"env": {"GREETING": "a b"}},
            framework="django", python_version="3.11", test_runner="pytest",
        ),
        "ticket": Ticket(ticket_id="42", title="Customers need a nickname", body="", digest="d"),
        "plan": plan("Add nickname to Customer"),
        "cleared": cleared(),
        "done": ("Added nickname.",),
        "diff": "+ nickname",
        "compared": (code_host_runs.TESTS,),
        "after": CheckReport(side="head", commit="a" * 40, results=()),
        "notes": ReviewNotes(ran=False, sentence="Not run: no model is configured."),
        "verdict": Verdict(publish=True, reason=Reason.READY, sentence="Nothing fails."),
        "branch": "mergewright/42-add",
        "commit": "b" * 40,
        "log_path": "/runs/r1/run.log",
    }  # fmt: skip
    return Evidence(**{**facts, **changes})


def evidence_of_issue(**changes) -> Evidence:
    made = evidence(log_path="https://m.example/runs/r1/log")
    prepared = replace(made.prepared, run=code_host_runs.run())
    return replace(made, **{"prepared": prepared, **changes})


def red(items: int = 1) -> TestComparison:
    failing = tuple(
        CheckItem(item_id=f"test_{n}{EVIL}", outcome="failed", text=EVIL, place="t.py:1")
        for n in range(items)
    )
    return TestComparison(
        name="tests", base=Status.PASSED, head=Status.FAILED, verdict=Status.FAILED,
        base_count=4, head_count=4, head_failures=items, new_failures=failing,
    )  # fmt: skip


def outside_fences(words: str) -> str:
    kept, fence = [], None
    for line in words.split("\n"):
        ticks = line[: len(line) - len(line.lstrip("`"))]
        if fence is None and len(ticks) >= 3 and "`" not in line[len(ticks) :]:
            fence = ticks
        elif fence is not None and line.strip() == fence:
            fence = None
        elif fence is None:
            kept.append(line)
    assert fence is None, "a fence is never closed"
    return "\n".join(kept)


_OUR_HTML = re.compile(
    r"</?details>|<details><summary>[\w:, ']+</summary>"
    r"|<!-- mergewright:run=[\w-]+ approval=[0-9a-f]{20} -->"
)


def acting(words: str) -> list[str]:
    """What of a text would do something on GitHub, besides what we mean to do."""
    found = []
    for token in MarkdownIt("commonmark").enable("table").parse(words):
        if token.type == "html_block" and not _OUR_HTML.fullmatch(token.content.strip()):
            found.append(token.content)
        for part in token.children or ():
            if part.type in ("html_inline", "image"):
                found.append(part.content)
            elif part.type == "link_open" and not part.attrs["href"].startswith(
                "https://m.example/"
            ):
                found.append(part.attrs["href"])
        # Escapes are told apart by the parser: what acts is seen in the text as a reader sees it.
        shown = "\0".join(
            re.sub(r"^https://m\.example/\S+$", "", part.content)
            for part in token.children or ()
            if part.type == "text"
        )
        found += re.findall(r"(?<!\w)@\w+|#\d+|(?i:GH-\d+)|\w+://\w*|(?i:www\.\w+)", shown)
    return found
