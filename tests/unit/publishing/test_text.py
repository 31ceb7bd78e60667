"""The texts: facts only, inert whatever foreign words they carry, never longer than allowed."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt

from agent import cleaning
from agent.domain import (
    CheckItem,
    Checkout,
    CheckReport,
    CheckResult,
    Comparison,
    Contract,
    EarlierAttempt,
    Environment,
    Finding,
    ModelUse,
    ModelWork,
    Outcome,
    Prepared,
    Reason,
    Repeated,
    Rerun,
    ReviewNotes,
    RoomService,
    Run,
    RunState,
    Severity,
    Status,
    Ticket,
    Verdict,
)
from agent.errors import TicketUnclear
from agent.publishing import migrations, text
from agent.redaction import REMOVED, Redactor
from repo_config.detect import DjangoProject, Project
from repo_config.schema import RepoConfig
from tests.unit.stages import forge_runs

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
                    framework="django",
                    python_version="3.11",
                    django=None,
                    test_runner="pytest",
                    test_script=None,
                    type_tools=(),
                    lint_tools=(),
                ),
                source=None,
            ),
            environment=Environment(
                key="k" * 64,
                path="/e",
                gate_path="/g",
                scripts_path="/s",
                python="3.11.2",
                interpreter_mounts=(),
                interpreter="/usr/bin/python3",
                sources=("pyproject.toml",),
                packages=("django==5.2",),
            ),
        ),
        "ticket": Ticket(ticket_id="42", title="A nickname", body="", digest="d" * 64),
        "title": "Add nickname to Customer",
        "notes": ("Added nickname.",),
        "diff": "+ nickname",
        "comparisons": (
            Comparison(
                name="tests",
                base=Status.PASSED,
                head=Status.PASSED,
                verdict=Status.PASSED,
                counts_tests=True,
                base_count=4,
                head_count=6,
                added=("a", "b"),
            ),
        ),
        "findings": (),
        "after": CheckReport(side="head", commit="a" * 40, change_digest=None, results=()),
        "review": ReviewNotes(ran=False, sentence="Not run: no model is configured."),
        "verdict": Verdict(publish=True, reason=Reason.READY, sentence="Nothing fails."),
        "branch": "mergewright/42-add",
        "commit": "b" * 40,
        "log_path": "/runs/r1/run.log",
    }
    return text.Evidence(**{**facts, **changes})


def red(items: int = 1) -> Comparison:
    return Comparison(
        name="tests",
        base=Status.PASSED,
        head=Status.FAILED,
        verdict=Status.FAILED,
        counts_tests=True,
        base_count=4,
        head_count=4,
        head_failures=items,
        new_failures=tuple(
            CheckItem(item_id=f"test_{n}{EVIL}", outcome="failed", text=EVIL, place="t.py:1")
            for n in range(items)
        ),
    )


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


@pytest.mark.parametrize(
    "live",
    [
        "@org",
        "`a` @org",
        "fixes #1",
        "gh-7",
        "<img src=x>",
        "![i](x)",
        "[a](//b)",
        "http://e",
        "</details>",
    ],
)
def test_the_judge_of_these_tests_sees_what_acts(live):
    assert acting(f"Some words, {live} and more") != []


def test_facts_come_first():
    words = text.pull_request(evidence())
    lines = [line for line in words.split("\n") if line]
    assert lines[:2] == ["# Add nickname to Customer", "**Decision: open.** Nothing fails."]
    assert "| tests | 4 passed | 6 passed, 2 new | 0 | passed |" in words
    parts = ("## Checks", "## Changes", "- Added nickname.", "## Reproduce", "What it was held to")
    order = [words.index(part) for part in parts]
    assert order == sorted(order)


def test_a_text_says_nothing_of_what_is_not_there():
    words = text.pull_request(evidence())
    for absent in ("None", "Cost", "USD", "model", "HTTP client", "## Findings", "Understood as"):
        assert absent not in words, absent
    assert "No findings.\n" in words
    assert " s together" not in words
    found = Finding(rule="r", severity=Severity.REVIEW, path="a.py", line=3, message="M.", fix="F.")
    words = text.pull_request(evidence(findings=(found,)))
    assert "## Findings\n\n- review `r` at `a.py:3`: M. F.\n" in words
    assert "No findings" not in words


def held_to(words: str) -> list[str]:
    """The lines below the fold that tells what the change was held to."""
    _, _, below = words.partition("<details><summary>What it was held to</summary>\n\n")
    return [line for line in below.partition("</details>")[0].split("\n") if line]


def test_what_a_change_was_held_to_is_folded_and_in_plain_words():
    assert held_to(text.pull_request(evidence())) == [
        f"- The request: the ticket `42` (sha256 `{'d' * 16}`)",
        "- The code: commit `aaaaaaaaaaaa` of `main`",
        "- Python 3.11.2, the code written for 3.11",
        "- Django",
        "- Rules: no configuration file, all values detected",
        f"- Installed for the checks: 1 package from `pyproject.toml` (environment `{'k' * 16}`)",
    ]


def test_checks_that_are_named_and_not_run_are_told_and_inert():
    made = evidence()
    contract = made.prepared.contract
    why = {"flake8": "tox.ini names it, and @owner closes #1"}
    project = contract.project.model_copy(update={"not_run": why})
    contract = contract.model_copy(update={"project": project})
    prepared = made.prepared.model_copy(update={"contract": contract})
    words = text.pull_request(made.model_copy(update={"prepared": prepared}))
    (line,) = [one for one in held_to(words) if one.startswith("- Not run: ")]
    assert line.startswith("- Not run: flake8: tox.ini names it, and ")
    assert "@owner" not in line
    assert "#1" not in line


def test_the_http_client_is_told_only_of_a_change_that_has_to_do_with_it():
    made = evidence()
    django = DjangoProject(
        settings_module="shop.settings", manage="manage.py", python_path=(), configured_by=""
    )
    contract = Contract(
        config=RepoConfig(http_client="httpx"),
        project=made.prepared.contract.project.model_copy(update={"django": django}),
        source=".github/mergewright.yml",
    )
    made = made.model_copy(
        update={"prepared": made.prepared.model_copy(update={"contract": contract})}
    )
    lines = held_to(text.pull_request(made))
    assert "- Django, settings `shop.settings`" in lines
    assert "- Rules: `.github/mergewright.yml`" in lines
    assert "HTTP" not in "".join(lines)
    made = made.model_copy(update={"diff": " x = 1\n+import httpx\n"})
    assert "- HTTP client: httpx" in held_to(text.pull_request(made))


def test_what_was_read_as_background_is_not_among_what_was_done():
    background = "Read as background, nothing is done for it: “They asked”."
    words = text.pull_request(evidence(notes=("Added nickname.", background, "Made a test.")))
    assert f"- Added nickname.\n- Made a test.\n\n{background}\n" in words


def test_of_many_notes_the_later_ones_are_folded():
    words = text.pull_request(evidence(notes=tuple(f"Note {n}." for n in range(30))))
    before, _, folded = words.partition("<details><summary>More of what was done</summary>\n")
    assert "- Note 9.\n" in before
    assert "- Note 10.\n" not in before
    assert folded.index("- Note 10.") < folded.index("- Note 29.") < folded.index("</details>")
    assert "More of" not in text.pull_request(evidence(notes=("Note.",) * 12))


def test_other_pull_requests_with_a_migration_of_the_same_app_are_named_in_one_line():
    rivals = (
        migrations.Rival(number=12, apps=("blog", "shop")),
        migrations.Rival(number=9, apps=("shop",)),
        migrations.Rival(number=14, apps=("shop",)),
    )
    words = text.pull_request(of_an_issue(adds=("shop/migrations",), rivals=rivals))
    assert (
        "\nLook out when merging: #12 also adds a migration to `blog`; #12, #9 and #14 also add a"
        " migration to `shop`. What is merged later needs its own made anew, or a merge migration"
        " (`python manage.py makemigrations --merge`).\n"
    ) in words
    assert words.index("#12 also") < words.index("- Added nickname.") < words.index("Asked for")
    assert "<!-- mergewright:migrations=shop/migrations -->\n\n**Decision: " in words


@pytest.mark.parametrize(
    ("numbers", "said"),
    [((13,), "Replaces #13, made"), ((13, 15), "Replaces #13 and #15, made")],
)
def test_a_pull_request_names_those_of_the_same_issue_that_it_replaces(numbers, said):
    words = text.pull_request(of_an_issue(digest="e" * 64, replaced=numbers))
    assert said in words
    assert f"<!-- mergewright:change={'e' * 64} issue=42 -->\n" in words
    assert "Replaces" not in text.pull_request(of_an_issue(digest="e" * 64))


USE = ModelUse(
    role="editor", model="fake:one", calls=1, input_tokens=1, cached_tokens=0, output_tokens=1,
    usd=None, seconds=0.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("said", "left", "uses", "told"),
    [
        (("maria", "bob"), 0, (USE,), "its 2 remarks were read."),
        (("maria",), 3, (USE,), "its remark was read, 3 more were not."),
        (("maria", "bob"), 1, (USE,), "its 2 remarks were read, 1 more was not."),
        ((), 0, (USE,), "nobody with write permission said anything in it."),
        (("maria",), 2, (), "what people said in it was not followed: a recipe made this change."),
    ],
)
def test_an_earlier_attempt_that_was_closed_is_named(said, left, uses, told):
    attempt = EarlierAttempt(pull=7, url="u", remarks=EVIL, said=said, left=left)
    given = evidence(work=ModelWork(uses=uses))
    for of_issue in (False, True):
        prepared = given.prepared
        if of_issue:
            prepared = prepared.model_copy(update={"run": forge_runs.run()})
        ticket = given.ticket.model_copy(update={"earlier": attempt})
        update = {"ticket": ticket, "prepared": prepared}
        whole = text.pull_request(given.model_copy(update=update))
        found = [line for line in whole.split("\n") if line.startswith("Earlier attempt")]
        assert found == ([f"Earlier attempt: #7, closed; {told}"] if of_issue else [])


def test_the_only_failing_test_is_named_once():
    failing = red().new_failures[0].model_copy(update={"item_id": "tests/t.py::test_x", "text": ""})
    check = red().model_copy(update={"new_failures": (failing,)})
    sentence = "Tests: 1 test fails with the change and not without it: tests/t.py::test_x."
    verdict = Verdict(publish=False, reason=Reason.NEW_FAILURES, sentence=sentence)
    words = text.withheld(of_an_issue(comparisons=(check,), verdict=verdict))
    assert len(re.findall(r"test\\?_x", words)) == 1
    assert "At `t.py:1`\n" in words
    assert "What to do next: see whether the test or the issue is to change." in words


def test_who_approved_the_text_is_said_as_it_was():
    assert "which `grace` approved by setting the label" in text.pull_request(of_an_issue())
    made = of_an_issue()
    run = made.prepared.run
    snapshot = run.snapshot.model_copy(update={"by_label": False})
    prepared = made.prepared.model_copy(
        update={"run": run.model_copy(update={"snapshot": snapshot})}
    )
    words = text.pull_request(made.model_copy(update={"prepared": prepared}))
    assert "as it stood at 2026-11-20 12:00 UTC, which the operator of the service ap" in words
    assert "label" not in words


def test_a_red_text_names_check_tests_and_log():
    verdict = Verdict(publish=False, reason=Reason.NEW_FAILURES, sentence="One fails.")
    words = text.withheld(evidence(comparisons=(red(12),), verdict=verdict))
    assert words.startswith("# Not done: Add nickname to Customer")
    assert "`test_0" in words.replace("``` ", "`").replace("```` ", "`")
    assert "and 2 more, all in the log" in words
    assert "/runs/r1/run.log" in words
    assert "What to do next: See whether the test or the ticket is to change" in words
    assert "label" not in words


def of_an_issue(**changes) -> text.Evidence:
    """Evidence of a run of an issue."""
    made = evidence(log_path="https://m.example/runs/r1/log")
    prepared = made.prepared.model_copy(update={"run": forge_runs.run()})
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


def test_a_long_log_gives_way_and_says_so():
    result = CheckResult(name="tests", status=Status.PASSED, output="x" * 200_000)
    report = CheckReport(side="head", commit="a", change_digest=None, results=(result,))
    words = text.pull_request(evidence(after=report))
    assert len(words) <= cleaning.TEXT_LIMIT
    assert "characters left out; whole text: /runs/r1/run.log" in words
    outside_fences(words)


def test_a_text_of_an_issue_closes_it_and_has_no_title_of_its_own():
    words = text.pull_request(of_an_issue())
    run = forge_runs.run()
    mark = f"<!-- mergewright:run={run.run_id} approval={run.snapshot.approval} -->"
    assert words.startswith(f"{mark}\n\n**Decision: open.** ")
    assert "\n\nCloses #42\n\n" in words
    assert "# Add nickname" not in words
    assert words.count("Closes #") == 1
    assert "as it stood at 2026-11-20 12:00 UTC, which `grace` approved by setting" in words
    assert "<https://m.example/runs/r1/log>" in words
    assert "<summary>Diff</summary>" not in words


def test_the_servers_that_ran_beside_the_checks_are_named():
    prepared = evidence().prepared
    server = RoomService(name="postgres", version="15.18", program="/p", user="u", database="d")
    environment = prepared.environment.model_copy(update={"services": (server,)})
    words = text.pull_request(
        evidence(prepared=prepared.model_copy(update={"environment": environment}))
    )
    assert "\n- PostgreSQL 15.18, empty for each check\n" in words
    assert "git switch --detach mergewright/42-add\n# PostgreSQL 15.18 has to run\n" in words
    assert "has to run" not in text.pull_request(evidence())


def test_a_reader_on_the_forge_can_reproduce_with_the_variables_of_the_configuration():
    made = of_an_issue(
        after=CheckReport(
            side="head",
            commit="a",
            change_digest=None,
            results=(
                CheckResult(name="tests", status=Status.PASSED, command=("pytest", "-k", "a b")),
            ),
        )
    )
    contract = made.prepared.contract.model_copy(
        update={
            "config": RepoConfig(env={"DJANGO_SETTINGS_MODULE": "shop.test", "GREETING": "a b"})
        }
    )
    made = made.model_copy(
        update={"prepared": made.prepared.model_copy(update={"contract": contract})}
    )
    assert (
        f"```sh\ngit fetch origin mergewright/42-add\ngit switch --detach {made.commit}\n"
        "export DJANGO_SETTINGS_MODULE=shop.test\nexport GREETING='a b'\npytest -k 'a b'\n```"
    ) in text.pull_request(made)


def test_a_template_is_filled_and_only_what_is_proved_is_ticked():
    template = "## Description\n\n## Tests\n\n- [ ] I added tests\n- [ ] All tests pass\n- [ ] lint is clean\n"
    words = text.pull_request(of_an_issue(template=template))
    assert words.index("## Description") < words.index("Nothing fails.") < words.index("## Tests")
    assert words.index("## Tests") < words.index("| tests |") < words.index("- [x] I added tests")
    assert "- [x] All tests pass" in words
    assert "- [ ] lint is clean" in words
    assert words.index("- [ ] lint") < words.index("What it was held to")
    failing = evidence().comparisons[0].model_copy(update={"base_failures": 1, "head_failures": 1})
    words = text.pull_request(of_an_issue(template=template, comparisons=(failing,)))
    assert "- [ ] All tests pass" in words


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
    assert words.endswith("_2 values that look like a secret: removed from this text._\n")
    assert "a" * 12 in words


@pytest.mark.parametrize("size", [100_000, 3_000_000])
def test_UI4_whatever_is_too_long_is_cut_said_and_closed(size):
    item = CheckItem(item_id="t" * 400, outcome="failed", text="x\n" * 10_000, place="t.py:1")
    many = red(30).model_copy(update={"new_failures": (item,) * 30})
    made = of_an_issue(
        diff="+x\n" * size,
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
        assert len(words) <= cleaning.TEXT_LIMIT
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
    assert words.index("| tests |") < words.index("### tests") < words.index("and 2 more")
    assert "<details>" not in outside_fences(words)
    huge = (red(1).model_copy(update={"reason": "r" * 2_000, "new_failures": ()}),) * 60
    words = text.checks_summary(huge, made.verdict)
    assert len(words) <= 65_000
    assert "Cut here" in words


def test_the_title_of_a_check_tells_what_ran_and_how_it_was():
    passed = red(0).model_copy(update={"verdict": Status.PASSED})
    absent = passed.model_copy(
        update={"name": "types", "base": Status.ABSENT, "head": Status.ABSENT, "head_failures": 0}
    )
    clean = passed.model_copy(update={"head_failures": 0, "base_failures": 0})
    known = passed.model_copy(update={"head_failures": 2, "base_failures": 2})
    assert text.checks_title((clean, absent)) == "The project's own checks passed: tests"
    assert text.checks_title((known,)) == "Nothing new fails, 2 as on the base commit: tests"
    for nothing in ((), (absent,)):
        assert text.checks_title(nothing) == "No check ran"
        assert text.compared(nothing) == ()


def test_flaky_tests_are_named_with_their_runs_and_not_called_known_failures():
    run = Repeated(
        item_id="t.py::t[@team]",
        base=(Rerun(outcome="failed"), Rerun(outcome="passed")),
        head=(Rerun(outcome="passed"),),
    )
    flaky = {"verdict": Status.PASSED, "head_failures": 3, "flaky": (run,)}
    check = red(0).model_copy(update=flaky)
    words = text.checks_summary((check,), evidence().verdict)
    assert (
        "tests: not held against the change, since base code does the same at times:\n"
        "- `t.py::t[@team]` failed in 1 of 2 runs with the change and in 1 of 3 runs on base\n"
    ) in words
    title = "Nothing new fails but 1 flaky test, 2 as on the base commit: tests"
    assert text.checks_title((check,)) == title
    only = check.model_copy(update={"head_failures": 1})
    assert text.checks_title((only,)) == "Nothing new fails but 1 flaky test: tests"


# --- a run that stopped -----------------------------------------------------------------------


def ended(reason, sentence):
    return Outcome(run_id="r", state=RunState.NEEDS_HUMAN, reason=reason, sentence=sentence)


def comment(reason, sentence):
    return text.stopped(
        ended(reason, sentence), None, "https://m.example/log", run=forge_runs.run()
    )


def test_open_questions_are_a_list_with_what_was_understood_and_what_to_do():
    unclear = TicketUnclear(
        ("Which type has `nickname`?", "May it be empty?"),
        understood="Understood so far: model `Customer`.",
        answer="This line settles it:\n  Add a `CharField` to `Customer`.",
    )
    assert comment(Reason.UNCLEAR, unclear.message) == (
        "**The issue leaves something open.**\n\n"
        "Understood so far: model `Customer`.\n\n"
        "The ticket leaves open:\n\n"
        "- Which type has `nickname`?\n- May it be empty?\n\n"
        "This line settles it:\n\n> Add a \\`CharField\\` to \\`Customer\\`.\n\n"
        "What to do next: answer in a comment here; what somebody with write permission writes"
        " counts, and the run goes on. Or edit the text of the issue, then write `/mergewright"
        " retry` in a comment, or take the label off and set it again.\n\n"
        "Nothing was pushed. The whole log of the run: <https://m.example/log>\n"
    )


def test_a_line_to_copy_is_quoted_so_that_a_page_wraps_it_and_reads_as_it_is_written():
    line = "Add a `CharField` named `nick_name` to `shop.Customer` with default='*', blank. Show"
    unclear = TicketUnclear(("Which?",), answer=f"This line settles it:\n  {line} it in the admin.")
    words = comment(Reason.UNCLEAR, unclear.message)
    tokens = MarkdownIt("commonmark").parse(words)
    at = next(n for n, token in enumerate(tokens) if token.type == "blockquote_open")
    shown = "".join(part.content for part in tokens[at + 2].children)
    assert shown == f"{line} it in the admin."


@pytest.mark.parametrize(
    ("sentence", "stopped_at", "said"),
    [
        (
            "The label mergewright was taken off issue 1, so the run was stopped.",
            "baseline",
            "**Stopped: the label mergewright was taken off issue 1.**\n\nWhat to do",
        ),
        ("Issue 1 was closed; nothing was done.", "announce", "**Stopped: issue 1 was closed.**"),
        ("The branch is somebody's. See there.", "publish", "**Stopped: the branch is somebody"),
    ],
)
def test_an_issue_that_is_no_more_what_it_was_is_told_in_the_first_line(sentence, stopped_at, said):
    outcome = ended(Reason.SUPERSEDED, sentence).model_copy(update={"stopped_at": stopped_at})
    words = text.stopped(outcome, None, "https://m.example/log", run=forge_runs.run())
    assert words.startswith(said)
    assert ("Nothing was pushed." in words) is (stopped_at != "publish")


@pytest.mark.parametrize("reason", [one for one in Reason if one is not Reason.READY])
def test_every_reason_makes_a_calm_comment(reason):
    words = comment(reason, f"It is so. {EVIL}\nsecond line {EVIL}\n- item {EVIL}")
    assert words.startswith("**")
    assert "\n#" not in words
    assert (reason is Reason.DRY_RUN) is ("What to do next" not in words)
    assert acting(words) == []


def test_a_branch_that_was_pushed_before_the_end_is_named():
    left = ended(Reason.ACCESS_LOST, "No pull request could be opened.").model_copy(
        update={"branch": "mergewright/42-x", "commit": "c" * 40}
    )
    for run in (forge_runs.run(), None):
        words = text.stopped(left, None, "https://m.example/log", run=run)
        assert f"The branch `mergewright/42-x` is there, at commit `{'c' * 40}`. The" in words
        assert "no branch" not in words
        assert "Nothing was pushed" not in words


@pytest.mark.parametrize("reason", [Reason.UNAVAILABLE, Reason.SUPERSEDED, Reason.INTERNAL])
def test_where_an_earlier_attempt_may_have_pushed_no_branch_is_denied(reason):
    words = comment(reason, "It is so.")
    assert "branch" not in words
    assert "pushed" not in words


def test_what_a_program_printed_stays_code():
    words = comment(Reason.ENVIRONMENT, "uv failed:\n  error: no `x`\n  - because")
    assert "uv failed:\n\n```text\n  error: no `x`\n  - because\n```\n" in words


def test_no_path_of_the_machine_is_told_on_the_forge():
    words = text.stopped(
        ended(Reason.UNCLEAR, "x"), None, "/var/lib/m/run.log", run=forge_runs.run()
    )
    assert "/var/lib" not in words
    assert f"`mergewright runs log {forge_runs.run().run_id}`" in words


def test_a_run_that_stopped_says_reason_and_log():
    outcome = Outcome(
        run_id="r", state=RunState.NEEDS_HUMAN, reason=Reason.UNCLEAR, sentence=f"Which? {EVIL}"
    )
    words = text.stopped(outcome, None, "/runs/r/run.log")
    assert words.startswith("# Not done\n")
    assert "`unclear`" in words
    assert "@org" not in outside_fences(words)
    assert "/runs/r/run.log" in words
    assert "What to do next: Edit the ticket so that it answers this" in words


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
