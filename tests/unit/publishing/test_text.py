"""The texts: facts only, inert whatever foreign words they carry, never longer than allowed."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from agent.errors import TicketUnclear
from agent.models.change import Finding, Severity
from agent.models.checks import (
    BlockedTest,
    CheckItem,
    CheckReport,
    CheckResult,
    Comparison,
    RepeatedTest,
    Rerun,
    Status,
)
from agent.models.environment import Checkout, Contract, Environment, Prepared, SandboxService
from agent.models.model_use import ModelUse, ModelWork
from agent.models.outcome import Outcome, Verdict
from agent.models.review import ReviewNotes
from agent.models.run import Reason, Run, RunState
from agent.models.ticket import EarlierAttempt, Ticket
from agent.publishing import migrations, text
from agent.text import sanitise
from agent.text.redaction import REMOVED, Redactor
from repo_config.detect import Project
from repo_config.schema import RepoConfig
from tests.unit.stages import code_host_runs

EVIL = (
    "</details> @org/team fixes #1 `@org` GH-7 ``` <img src=x> ![i](https://e.example/?d=1) | **x**"
    " https://e.example www.e.example \x1b[31m\u202e"
)


def evidence(**changes) -> text.Evidence:
    facts = {
        "prepared": Prepared(
            run=Run(run_id="r1", repository="/r", ticket="/t.md", started=0),
            checkout=Checkout(
                repository="/r", mirror="/m", commit="a" * 40, base_branch="main", nearest_tag=None
            ),
            contract=Contract(
                config=RepoConfig(),
                project=Project(
                    framework="django", python_version="3.11", django=None, test_runner="pytest",
                    test_script=None, type_tools=(), lint_tools=(),
                ),
                source=None,
            ),
            environment=Environment(
                key="k" * 64, path="/e", gate_path="/g", scripts_path="/s", python="3.11.2",
                interpreter_mounts=(), interpreter="/usr/bin/python3",
                sources=("pyproject.toml",), packages=("django==5.2",),
            ),
        ),
        "ticket": Ticket(ticket_id="42", title="A nickname", body="", digest="d" * 64),
        "title": "Add nickname to Customer",
        "notes": ("Added nickname.",),
        "diff": "+ nickname",
        "comparisons": (code_host_runs.TESTS,),
        "findings": (),
        "after": CheckReport(side="head", commit="a" * 40, change_digest=None, results=()),
        "review": ReviewNotes(ran=False, sentence="Not run: no model is configured."),
        "verdict": Verdict(publish=True, reason=Reason.READY, sentence="Nothing fails."),
        "branch": "mergewright/42-add",
        "commit": "b" * 40,
        "log_path": "/runs/r1/run.log",
    }  # fmt: skip
    return text.Evidence(**{**facts, **changes})


def red(items: int = 1) -> Comparison:
    failing = tuple(
        CheckItem(item_id=f"test_{n}{EVIL}", outcome="failed", text=EVIL, place="t.py:1")
        for n in range(items)
    )
    return Comparison(
        name="tests", base=Status.PASSED, head=Status.FAILED, verdict=Status.FAILED,
        counts_tests=True, base_count=4, head_count=4, head_failures=items, new_failures=failing,
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
    r"</?details>|<details><summary>[A-Za-z ]+</summary>"
    r"|<!-- mergewright:run=[\w-]+ approval=[0-9a-f]{20} -->"
    r"|<!-- mergewright:migrations=[\w/,%.-]+ -->"
    r"|<!-- mergewright:change=[0-9a-f]{64} issue=\d+ -->"
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
                ("https://forge.example/shop/app/issues/42", "https://m.example/")
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


@pytest.mark.parametrize("live", ["`a` @org", "![i](x)", "</details>"])
def test_the_judge_of_these_tests_sees_what_acts(live):
    assert acting(f"Some words, {live} and more") != []


USE = ModelUse(
    role="editor", model="fake:one", calls=1, input_tokens=1, cached_tokens=0, output_tokens=1,
    usd=None, seconds=0.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("said", "left", "uses", "told"),
    [
        (("maria",), 3, (USE,), "its remark was read, 3 more were not"),
        (("maria",), 2, (), "recipe"),
    ],
)
def test_an_earlier_attempt_that_was_closed_is_named(said, left, uses, told):
    attempt = EarlierAttempt(
        pull=7, url="u", remarks=EVIL, comment_headings=said, comments_left=left
    )
    made = of_an_issue(work=ModelWork(uses=uses))
    ticket = made.ticket.model_copy(update={"earlier": attempt})
    whole = text.pull_request(made.model_copy(update={"ticket": ticket}))
    (found,) = [line for line in whole.split("\n") if line.startswith("Earlier attempt")]
    assert "#7" in found
    assert told in found


def of_an_issue(**changes) -> text.Evidence:
    """Evidence of a run of an issue."""
    made = evidence(log_path="https://m.example/runs/r1/log")
    prepared = made.prepared.model_copy(update={"run": code_host_runs.run()})
    return made.model_copy(update={"prepared": prepared, **changes})


@pytest.mark.parametrize("render", [text.pull_request, text.withheld])
@pytest.mark.parametrize("of_issue", [False, True], ids=["local", "issue"])
def test_foreign_words_are_inert(render, of_issue):
    finding = Finding(
        rule="size", severity=Severity.REVIEW, path=EVIL, line=1, message=EVIL, fix=EVIL
    )
    evil = {
        "ticket": Ticket(ticket_id="42", title=EVIL, body="", digest="d", removed=(EVIL,)),
        "title": EVIL,
        "notes": (EVIL,),
        "adds": (f"{EVIL}/migrations",),
        "rivals": (migrations.Rival(number=7, apps=(EVIL,)),),
        "digest": "e" * 64,
        "replaced": (8,),
        "diff": EVIL,
        "comparisons": (red().model_copy(update={"name": EVIL, "reason": EVIL}),),
        "findings": (finding,),
        "verdict": Verdict(publish=True, reason=Reason.READY, sentence=EVIL),
        "review": ReviewNotes(ran=False, sentence=EVIL),
        "template": f"# Description {EVIL}\n\n## Notes\n{EVIL}\n",
        "after": CheckReport(
            side="head",
            commit="a",
            change_digest=None,
            results=(CheckResult(name="tests", status=Status.FAILED, output=EVIL),),
        ),
    }
    words = render(of_an_issue(**evil) if of_issue else evidence(**evil))
    # What we say ourselves.
    for ours in (
        "Closes #42",
        "#7 also",
        "Replaces #8",
        "text of #42",
        "[#42](https://forge.example/shop/app/issues/42)",
    ):
        words = words.replace(ours, "")
    assert "\x1b" not in words
    outside_fences(words)
    assert acting(words) == []
    assert "\u202e" not in words


#: The one text of a pull request that is held word for word.
PULL_REQUEST = """\
<!-- mergewright:run=20261120-120000-a1b2c3d4 approval=%(approval)s -->
<!-- mergewright:change=%(e)s issue=42 -->
<!-- mergewright:migrations=shop/migrations -->

**Decision: open.** Nothing fails. The checks ran on commit `bbbbbbbbbbbb`, not on what is pushed after it.

What to do next: a person reviews it, and merges or closes it.

Replaces #13 and #15, made by an earlier run of this issue for another text or an older state of the code: close those if this is the right one.

Look out when merging: #12 also adds a migration to `blog`; #12 and #9 also add a migration to `shop`. What is merged later needs its own made anew, or a merge migration (`python manage.py makemigrations --merge`).

## Checks

| Check | Base | With the change | New failures | Verdict |
|---|---|---|---|---|
| tests | 4 passed | 6 passed, 2 new | 0 | passed |

## Findings

- review `r` at `a.py:3`: M. F.

## Changes

- Added nickname.

Asked for in [#42](https://forge.example/shop/app/issues/42): A nickname

Closes #42

## Reproduce

```sh
git fetch origin mergewright/42-add
git switch --detach bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
# PostgreSQL 15.18 has to run
export DJANGO_SETTINGS_MODULE=shop.test
export GREETING='a b'
pytest -k 'a b'
```

<details><summary>What it was held to</summary>

- The request: the text of #42 as it stood at 2026-11-20 12:00 UTC, which `grace` approved by setting the label (sha256 `dddddddddddddddd`)
- The code: commit `aaaaaaaaaaaa` of `main`
- Python 3.11.2, the code written for 3.11
- PostgreSQL 15.18, empty for each check

- Django
- Rules: no configuration file, all values detected

- Installed for the checks: 1 package from `pyproject.toml` (environment `kkkkkkkkkkkkkkkk`)

</details>

<details><summary>Log of the checks</summary>

```
[head] tests: passed in 0.0 s
$ pytest -k a b
```

</details>

Cost: $0.00: no model was asked. The whole log of the run: <https://m.example/runs/r1/log>
"""


def test_the_text_of_a_pull_request_is_this():
    made = of_an_issue()
    server = SandboxService(name="postgres", version="15.18", program="/p", user="u", database="d")
    environment = made.prepared.environment.model_copy(update={"services": (server,)})
    config = RepoConfig(env={"DJANGO_SETTINGS_MODULE": "shop.test", "GREETING": "a b"})
    contract = made.prepared.contract.model_copy(update={"config": config})
    update = {"environment": environment, "contract": contract}
    result = CheckResult(name="tests", status=Status.PASSED, command=("pytest", "-k", "a b"))
    found = Finding(rule="r", severity=Severity.REVIEW, path="a.py", line=3, message="M.", fix="F.")
    words = text.pull_request(
        of_an_issue(
            prepared=made.prepared.model_copy(update=update),
            findings=(found,),
            adds=("shop/migrations",),
            rivals=(
                migrations.Rival(number=12, apps=("blog", "shop")),
                migrations.Rival(number=9, apps=("shop",)),
            ),
            digest="e" * 64,
            replaced=(13, 15),
            after=CheckReport(side="head", commit="a", change_digest=None, results=(result,)),
        )
    )
    approval = code_host_runs.SNAPSHOT.approval_key
    assert words == PULL_REQUEST % {"approval": approval, "e": "e" * 64}


def test_sentences_of_the_ticket_that_are_not_done_are_told_inert():
    words = text.pull_request(of_an_issue(not_done=("Mail @acme <b>now</b>",)))
    assert "\nNot done by this change: “Mail " in words
    assert "@acme" not in words
    assert "<b>" not in words


def test_a_text_on_this_machine_has_a_title_and_says_nothing_of_what_is_not_there():
    words = text.pull_request(evidence())
    assert words.startswith("# Add nickname to Customer\n")
    for absent in ("None", "Closes", "USD", "HTTP client", "## Findings", "has to run"):
        assert absent not in words, absent


def test_secrets_are_taken_out_and_the_text_says_so():
    secret = "Zk3mQ9wLx7Tn2Rb8Vc5Yd1Hf"
    result = CheckResult(name="tests", status=Status.PASSED, output=f"env: {secret}")
    made = evidence(
        notes=(f"Said {secret[::-1]}.",),
        after=CheckReport(side="head", commit="a", change_digest=None, results=(result,)),
    )
    words = text.pull_request(made, Redactor([secret]))
    assert secret not in words
    assert secret[::-1] not in words
    assert words.replace("\\", "").count(REMOVED) == 2
    assert "2 values that look like a secret" in words[-80:]
    assert "a" * 12 in words


def test_UI4_whatever_is_too_long_is_cut_said_and_closed():
    item = CheckItem(item_id="t" * 400, outcome="failed", text="x\n" * 10_000, place="t.py:1")
    many = red(30).model_copy(update={"new_failures": (item,) * 30})
    made = of_an_issue(
        diff="+x\n" * 100_000,
        comparisons=(many,) * 3,
        notes=("n" * 300,) * 300,
        findings=(
            Finding(
                rule="r", severity=Severity.REVIEW, path="p", line=1, message="m" * 900, fix=""
            ),
        )
        * 40,
    )
    for words in (text.withheld(made), text.pull_request(made)):
        assert len(words) <= sanitise.TEXT_LIMIT
        plain = outside_fences(words)
        assert plain.count("<details>") == plain.count("</details>")
    assert "Cut here: the text had" in text.withheld(made)
    assert "https://m.example/runs/r1/log" in text.withheld(made)[-300:]


def test_a_title_is_one_inert_line_cut_with_an_ellipsis():
    assert text.title("Add x") == "Add x"
    title = text.title(f"Fix #12 for @org\nnow {'🎉 שלום ' * 60}")
    assert 250 <= len(title) <= 256
    assert title.endswith("…")
    assert "#12" not in title
    assert "@org" not in title
    assert "\n" not in title


def test_the_summary_of_a_check_begins_with_the_sentence_and_the_table():
    made = evidence(comparisons=(red(12),))
    words = text.checks_summary(made.comparisons, made.verdict)
    assert words.startswith("Nothing fails.\n\n| Check | Base |")
    assert words.index("| tests |") < words.index("and 2 more")
    assert "<details>" not in outside_fences(words)
    huge = (red(1).model_copy(update={"reason": "r" * 2_000, "new_failures": ()}),) * 60
    assert len(text.checks_summary(huge, made.verdict)) <= 65_000


def test_flaky_tests_are_named_with_their_runs_and_not_called_known_failures():
    run = RepeatedTest(
        item_id="t.py::t[@team]",
        base=(Rerun(outcome="failed"), Rerun(outcome="passed")),
        head=(Rerun(outcome="passed"),),
    )
    flaky = {"verdict": Status.PASSED, "head_failures": 3, "known": 2, "flaky": (run,)}
    check = red(0).model_copy(update=flaky)
    words = text.checks_summary((check,), evidence().verdict)
    assert "`t.py::t[@team]` failed in 1 of 2 runs with the change and in 1 of 3" in words
    title = text.checks_title((check,))
    assert "1 flaky test" in title
    assert "2 as on the base" in title


# --- a run that stopped -----------------------------------------------------------------------


def test_both_versions_of_a_test_are_shown_inert():
    held = BlockedTest(
        item_id="t.py::test_a[</details>@ada]",
        outcome="failed",
        text="AssertionError: assert 1 == 2",
        before="def test_a():\n    assert total() == 2",
        after="def test_a():\n    assert total() == 1  # ``` @ada",
    )
    check = red(0).model_copy(update={"verdict": Status.PASSED, "rewritten": (held,)})
    words = text.pull_request(evidence(comparisons=(check,)))
    for said in ("assert 1 == 2", "assert total() == 2", "assert total() == 1"):
        assert said in words
    assert acting(words) == acting(text.pull_request(evidence(comparisons=(red(0),))))


def ended(reason, sentence):
    return Outcome(run_id="r", state=RunState.NEEDS_HUMAN, reason=reason, sentence=sentence)


def comment(reason, sentence):
    return text.stopped(
        ended(reason, sentence), None, "https://m.example/log", run=code_host_runs.run()
    )


def test_open_questions_are_a_list_and_the_form_is_there_to_be_copied():
    unclear = TicketUnclear(
        ("Which type has `nickname`?", "May it be empty?"),
        "This form, filled in, answers it:\n  Model: `shop.Customer`\n  Field type: …",
    )
    words = comment(Reason.UNCLEAR, unclear.message)
    assert "\n\n- Which type has `nickname`?\n- May it be empty?\n\n" in words
    for named in ("/mergewright retry", "<https://m.example/log>", "Nothing was pushed"):
        assert named in words.replace("\n", " ")
    (block,) = (one for one in MarkdownIt("commonmark").parse(words) if one.type == "fence")
    assert block.content == "Model: `shop.Customer`\nField type: …\n"


@pytest.mark.parametrize("stopped_at", ["announce", "publish"])
def test_an_issue_that_is_no_more_what_it_was_is_told_in_the_first_line(stopped_at):
    sentence = "Issue 1 was closed; nothing was done."
    outcome = ended(Reason.SUPERSEDED, sentence).model_copy(update={"stopped_at": stopped_at})
    words = text.stopped(outcome, None, "https://m.example/log", run=code_host_runs.run())
    assert words.startswith("**Stopped: issue 1 was closed.**")
    assert ("Nothing was pushed." in words) is (stopped_at != "publish")


def test_every_reason_makes_a_calm_comment():
    for reason in set(Reason) - {Reason.READY}:
        words = comment(reason, f"It is so. {EVIL}\nsecond line {EVIL}\n- item {EVIL}")
        assert words.startswith("**"), reason
        assert "\n#" not in words, reason
        assert (reason is Reason.DRY_RUN) is ("What to do next" not in words)
        assert acting(words) == [], reason


def test_a_branch_that_was_pushed_before_the_end_is_named():
    left = ended(Reason.ACCESS_LOST, "No pull request could be opened.").model_copy(
        update={"branch": "mergewright/42-x", "commit": "c" * 40}
    )
    words = text.stopped(left, None, "https://m.example/log", run=code_host_runs.run())
    assert "`mergewright/42-x`" in words
    assert f"`{'c' * 40}`" in words
    assert "Nothing was pushed" not in words


def test_where_an_earlier_attempt_may_have_pushed_no_branch_is_denied():
    for reason in (Reason.UNAVAILABLE, Reason.SUPERSEDED, Reason.INTERNAL):
        words = comment(reason, "It is so.")
        assert "branch" not in words
        assert "pushed" not in words


def test_no_path_of_the_machine_is_told_on_the_forge():
    words = text.stopped(
        ended(Reason.UNCLEAR, "x"), None, "/var/lib/m/run.log", run=code_host_runs.run()
    )
    assert "/var/lib" not in words
    assert f"`mergewright runs log {code_host_runs.run().run_id}`" in words


def test_tests_that_were_skipped_are_not_called_passed():
    comparison = (
        evidence()
        .comparisons[0]
        .model_copy(
            update={"base_count": 9, "head_count": 10, "base_skipped": 2, "head_skipped": 3}
        )
    )
    words = text.pull_request(evidence(comparisons=(comparison,)))
    assert "7 passed, 2 skipped | 7 passed, 3 skipped" in words
