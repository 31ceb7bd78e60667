"""What is kept of `make false-positives`: the projects, and what was said of each finding."""

from __future__ import annotations

import pytest

from agent.domain import Severity
from repo_config.rule_ids import RULE_IDS
from tests.false_positives import judged, whole_trees
from tests.false_positives.judged import Judgement
from tests.false_positives.projects import LEFT_OUT, PROJECTS, Project
from tests.thirdparty.sources import Source

KEPT = judged.FILE.read_text("utf-8")


def test_at_least_ten_projects_are_pinned_and_configured():
    assert len({project.name for project in PROJECTS}) == len(PROJECTS) >= 10
    for project in PROJECTS:
        assert len(project.source.sha256) == 64
        assert project.repo_config.http_client


def test_rules_are_left_out_by_their_names_and_with_the_reason():
    assert LEFT_OUT.keys() <= set(RULE_IDS)
    assert all(LEFT_OUT.values())


def test_every_judgement_is_made_and_says_why():
    known = {project.name for project in PROJECTS}
    for key, said in judged.read(KEPT).items():
        assert key.project in known
        assert key.rule in RULE_IDS
        assert said.verdict in {"right", "wrong"}, key
        assert len(said.why) > 10, key


def test_the_list_is_kept_as_it_is_written():
    assert judged.written(judged.read(KEPT)) == KEPT


def test_a_list_with_two_judgements_of_one_finding_is_refused():
    at = judged.key("a", "secrets", "x.py", "PASSWORD = 1")
    text = judged.written({at: Judgement("right", "a password")})
    row = text.splitlines()[-2]
    with pytest.raises(AssertionError, match="judged twice"):
        judged.read(text.replace(row, f"{row}\n{row}"))


def test_new_findings_are_open_and_those_that_are_gone_go():
    one, two, three, elsewhere = (
        judged.key(project, "secrets", "x.py", text)
        for project, text in (("a", "1"), ("a", "2"), ("a", "3"), ("b", "1"))
    )
    said = dict.fromkeys((one, two, elsewhere), Judgement("right", "a password"))
    renewed = judged.renewed(said, [two, three], ["a"])
    assert renewed == {
        two: Judgement("right", "a password"),
        three: Judgement("?", ""),
        elsewhere: Judgement("right", "a password"),
    }


def test_whole_trees_are_held_against_every_rule_in_changes_of_a_run_s_size(tmp_path):
    for number in range(whole_trees.FILES + 5):
        (tmp_path / f"m{number:02}.py").write_text("x = 1\n")
    (tmp_path / "net.py").write_text("import requests\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname="a"\nrequires-python=">=3.9"\n')
    (tmp_path / "zz.py").write_text("y = 1\nfrom net import requests\nimport tomllib\n")
    (tmp_path / "logo.png").write_bytes(b"\0" * 2_000_000)
    looked = whole_trees.look(Project(Source("a", "1", "0" * 64)), tmp_path)
    assert looked.python_files == whole_trees.FILES + 7
    assert looked.files == looked.python_files + 2
    # Of size, which a whole tree says nothing about, there is no word.
    blocking = [one for one in looked.found if one.finding.severity is Severity.BLOCK]
    assert [(one.finding.rule, one.finding.path, one.text) for one in blocking] == [
        ("python-syntax", "zz.py", "import tomllib"),
        ("http-client", "net.py", "import requests"),
        ("http-client", "zz.py", "from net import requests"),
    ]
    assert blocking[0].key == judged.key("a", "python-syntax", "zz.py", "  import tomllib ")


def test_text_that_this_python_reads_and_cannot_write_again_stops_no_rule(tmp_path):
    odd = "f\"{take('\u200b')}\""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(
        f"import pytest\n\n\n@pytest.mark.skipif({odd}, reason='x')\ndef test_a():\n"
        f"    assert {odd} == {odd}\n    with pytest.raises({odd}):\n        take({odd})\n",
        "utf-8",
    )
    (tmp_path / "app.py").write_text(
        f"from fastapi import FastAPI\napp = FastAPI({odd})\n@app.get({odd})\n"
        f"async def a(b=take({odd})):\n    eval({odd})\n    return cursor.execute({odd} + b)\n",
        "utf-8",
    )
    assert whole_trees.look(Project(Source("a", "1", "0" * 64)), tmp_path).python_files == 2
