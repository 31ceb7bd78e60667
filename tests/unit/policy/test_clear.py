"""`policy.clear_change`: the one way from Change to ClearedChange."""

import re
from pathlib import Path

import pytest

import agent
from agent.errors import PolicyRefused
from agent.models.change import Change, ChangedFile, Severity
from agent.models.record import replace
from agent.models.ticket import Ticket
from agent.policy import levels, ruff_contract
from agent.stages import checkout, policy
from tests import fakes
from tests.unit.policy import cases
from tests.unit.stages import code_host_runs

TICKET = Ticket(ticket_id="1", title="t", body="b", digest="d")
MODELS = "import datetime\n\n\nclass Order:\n    pass\n"


def judge(after, base=None, **keys):
    made, tree = cases.change(after, base or {"app/models.py": MODELS})
    change_context = cases.make_context(made, cases.config(**keys), cases.project("3.9"), tree)
    return policy.apply_rules(change_context)


def test_a_refusal_names_every_finding_of_every_rule_with_its_place_and_the_way_out():
    with pytest.raises(PolicyRefused) as refused:
        judge(
            {
                ".github/workflows/x.yml": "a\n",
                "app/a.py": "x = 1\nimport\n",
                "conftest.py": "x = 1\n",
            },
            scope={"max_files": 2},
        )
    error = refused.value
    blocking = [finding for finding in error.findings if finding.severity is Severity.BLOCK]
    assert {(one.rule, one.path, one.line) for one in blocking} == {
        ("paths", ".github/workflows/x.yml", None),
        ("python-syntax", "app/a.py", 2),
        ("size", "", None),
    }
    lines = error.message.splitlines()[1:]
    for finding in blocking:
        assert any(finding.rule in line and finding.path in line for line in lines)
        assert finding.fix in error.message
    others = {finding.rule for finding in error.findings if finding not in blocking}
    assert others == {"gate-files", "other-files"}


def test_nothing_else_in_the_code_makes_a_cleared_change():
    folder = Path(agent.__file__).parent
    makes = re.compile(r"(?<!class )\bClearedChange(?:\.\w+)?\(")
    makers = {path for path in folder.rglob("*.py") if makes.search(path.read_text("utf-8"))}
    assert makers == {folder / "stages/policy.py"}


def test_clear_holds_a_change_against_the_files_and_the_configuration_of_the_base(tmp_path, home):
    config = "version: 1\nscope: {protect: [net/**]}\n"
    files = {".github/mergewright.yml": config, "net.py": "import requests\n"}
    prepared = code_host_runs.prepared(tmp_path / "app", home, files, on_forge=False)
    desk, said = code_host_runs.services(home, fakes.FakeCodeHost(TICKET))
    # The user's own files and our copy may change in the meantime: the base commit counts.
    (tmp_path / "app/.github/mergewright.yml").write_text("version: 1\n")
    contract = checkout.read_contract(prepared.run, prepared.checkout, desk)
    prepared = replace(prepared, contract=contract)
    commit = prepared.checkout.commit
    file = ChangedFile(path="net/a.py", before=None, after=b"import httpx\n")
    with pytest.raises(PolicyRefused, match=r"paths: net/a.py "):
        policy.clear_change(Change(base_commit=commit, files=(file,)), TICKET, prepared, desk)
    good = replace(file, path="b.py")
    change = Change(base_commit=commit, files=(good,))
    cleared = policy.clear_change(change, TICKET, prepared, desk)
    assert cleared.findings == ()
    assert "all rules passed" in said[-1]


def test_a_repository_says_what_a_rule_weighs():
    code = {"app/api.py": "from shop.models import Order\n\nOrder.objects.all()\n"}
    django = {"managers": {"Order": "active"}}
    for weight in ("review", "info"):
        [finding] = judge(code, django=django, rules={"django-manager": weight}).findings
        assert finding.severity.value == weight
    assert judge(code, django=django, rules={"django-manager": "off"}).findings == ()
    with pytest.raises(PolicyRefused, match="django-manager"):
        judge(code, django=django, rules={"django-manager": "block"})


_BRANCH_BASE: dict[str, str | bytes] = {
    ".github/workflows/ci.yml": "on: push\n",
    "app/models.py": MODELS,
}


def on_top(human_changes, after):
    """Hold a change against the rules on a branch that people have committed to."""
    # As git tells it, with the modes of before; the work tree does not.
    before, tree = cases.change(human_changes, _BRANCH_BASE, was_executable=())
    made, _ = cases.change(after, _BRANCH_BASE)
    change_context = cases.make_context(made, cases.config(), cases.project("3.9"), tree)
    return policy.apply_rules(change_context, before)


def test_what_people_have_committed_only_remarks_as_long_as_it_stays_as_it_is():
    theirs = {".github/workflows/ci.yml": "on: pull_request\n"}
    with pytest.raises(PolicyRefused):
        on_top({}, theirs)
    cleared = on_top(theirs, {**theirs, "app/models.py": MODELS + "\n\nclass Item:\n    pass\n"})
    assert {finding.severity for finding in cleared.findings} == {Severity.REVIEW}


@pytest.mark.parametrize(
    ("path", "theirs", "after"),
    [
        (".github/workflows/ci.yml", "on: pull_request\n", "on: pull_request_target\n"),
        (".github/workflows/ci.yml", "on: pull_request\n", "on: push\n"),
    ],
)
def test_what_people_have_committed_opens_no_file_to_more_of_the_same(path, theirs, after):
    changed = {} if after == _BRANCH_BASE[path] else {path: after}
    with pytest.raises(PolicyRefused) as refused:
        on_top({path: theirs}, changed)
    assert path in {finding.path for finding in refused.value.findings}


def test_the_size_of_a_branch_with_commits_of_people_is_for_review():
    large = {"docs/notes.txt": "a\n" * 5_002}
    with pytest.raises(PolicyRefused, match="size"):
        judge(dict(large), _BRANCH_BASE)
    cleared = on_top(large, {**large, "README.md": "A page.\n"})
    assert {(finding.rule, finding.severity) for finding in cleared.findings} == {
        ("size", Severity.REVIEW)
    }


def test_what_tools_find_in_lines_of_people_only_remarks():
    theirs = {"app/a.py": "import requests\n"}
    human_changes, _ = cases.change(dict(theirs), _BRANCH_BASE)
    after = "import aiohttp\nimport requests\n"
    made, _ = cases.change({"app/a.py": after}, _BRANCH_BASE)
    rule = ruff_contract.RULES[0]
    found = tuple(rule.make_finding("app/a.py", "brings it in", "Do not.", line) for line in (1, 2))
    held = levels.soften_human_findings(found, made, human_changes)
    assert [finding.severity for finding in held] == [Severity.BLOCK, Severity.REVIEW]


def test_no_repository_switches_off_what_has_a_floor_of_its_own():
    secret = f"TOKEN = 'ghp_{'q7Zk2Lw9Xc4Vb6Nm8Pt1Rs3Yd5Fg0HjKaQeW'}'\n"
    with pytest.raises(PolicyRefused, match="secrets"):
        judge({"a.py": secret}, rules={"secrets": "off"})


def test_a_rule_that_has_gone_is_accepted_with_a_warning():
    [warning] = levels.find_ineffective_values(cases.config(rules={"look-alikes": "off"}))
    assert warning.startswith("rules.look-alikes: no longer a rule")


def test_an_index_that_any_line_names_is_for_the_reviewer():
    line = "RUN pip install --index-url https://a.example/simple x\n"
    found = judge({"Dockerfile": line, "README.md": line}).findings
    assert [one.path for one in found if one.rule == "dependency-source"] == ["Dockerfile"]


def test_syntax_newer_than_this_service_is_a_note_where_the_environment_may_read_it():
    made, tree = cases.change({"app/a.py": "x = 1\nnew syntax\n"})
    given = cases.config(), cases.project(), tree
    context = cases.make_context(made, *given, python_version="3.99.0")
    (finding,) = (one for one in policy.apply_rules(context).findings if one.path == "app/a.py")
    assert (finding.rule, finding.severity) == ("unreadable-python", Severity.INFO)
