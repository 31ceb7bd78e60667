"""What is kept of `make false-positives`: the projects, and what was said of each finding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.domain import Severity
from agent.policy import registry
from repo_config.rule_ids import RULE_IDS
from tests.false_positives import __main__ as main
from tests.false_positives import judged, whole_trees
from tests.false_positives.judged import Judgement
from tests.false_positives.projects import LEFT_OUT, PROJECTS, Project
from tests.false_positives.whole_trees import Looked
from tests.thirdparty.sources import Source

KEPT = judged.FILE.read_text("utf-8")
RULES = ("forbidden-import", "http-client")


def _look(tree: Path, rules: Iterable[str] = ()) -> Looked:
    every = {rule.id for rule in registry.OF_CHANGES} - LEFT_OUT.keys()
    return whole_trees.look(Project(Source("a", "1", "0" * 64)), tree, frozenset(rules) or every)


def test_at_least_ten_projects_are_pinned_and_configured():
    assert len({project.name for project in PROJECTS}) == len(PROJECTS) >= 10
    for project in PROJECTS:
        assert len(project.source.sha256) == 64
        assert project.repo_config.http_client


def test_rules_are_left_out_by_their_names_and_with_the_reason():
    assert LEFT_OUT.keys() <= set(RULE_IDS)
    assert all(LEFT_OUT.values())


def test_what_speaks_only_where_it_is_configured_is_configured_somewhere():
    configs = [project.repo_config for project in PROJECTS]
    assert {config.http.timeout for config in configs} == {"required"}
    assert any(config.http.retries != "any" for config in configs)
    assert {"sync", "async"} <= {config.concurrency.mode for config in configs}
    assert any(config.concurrency.overrides for config in configs)
    assert {config.background_tasks for config in configs} > {"celery", "background-tasks"}
    assert any(config.imports.forbid for config in configs)
    assert any(config.django.signals == "forbid" for config in configs)
    assert {"class", "function"} <= {config.django.views for config in configs}
    assert sum(bool(config.django.managers) for config in configs) >= 3
    assert sum(bool(config.fastapi.auth) for config in configs) >= 2


def test_a_project_says_only_what_differs():
    project = Project(
        Source("a", "1", "0" * 64), {"http_client": {"name": "aiohttp"}, "concurrency": {}}
    )
    assert project.repo_config.http.name == "aiohttp"
    assert project.repo_config.http.timeout == "required"
    assert project.repo_config.concurrency.mode == "sync"


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
    renewed = judged.renewed(said, [two, three], ["a"], ["secrets"])
    assert renewed == {
        two: Judgement("right", "a password"),
        three: Judgement("?", ""),
        elsewhere: Judgement("right", "a password"),
    }
    # Rules that were not asked say nothing of what is gone.
    assert judged.renewed(said, [], ["a", "b"], ["size"]) == said


def test_findings_on_lines_of_the_same_text_are_judged_one_by_one(tmp_path):
    (tmp_path / "test_a.py").write_text(
        "class TestA:\n    def test_x(self):\n        f()\n\n\n"
        "class TestB:\n    def test_x(self):\n        f()\n"
    )
    one, two = _look(tmp_path, ["test-asserts-nothing"]).found
    assert (one.finding.line, two.finding.line) == (2, 7)
    assert two.key == replace(one.key, nth=2)
    said = {one.key: Judgement("right", "it asserts nothing"), two.key: Judgement("wrong", "no")}
    assert judged.read(judged.written(said)) == said


def test_what_is_new_or_too_often_wrong_fails_the_run(tmp_path, monkeypatch, capsys):
    source = Source("a", "1", "0" * 64)
    monkeypatch.setattr(main, "PROJECTS", (Project(source),))
    monkeypatch.setattr(judged, "FILE", tmp_path / "judged.toml")
    judged.FILE.write_text("")
    (tmp_path / "trees" / "a").mkdir(parents=True)
    module = tmp_path / "trees" / "a" / "net.py"
    run = ["--keep", str(tmp_path / "trees"), "--jobs", "1"]

    def said(*options: str, rules: Sequence[str] = RULES) -> tuple[int, str]:
        code = main.main([*run, *options, "--rules", *rules])
        return code, " ".join(capsys.readouterr().out.split())

    def judge(verdict: str) -> None:
        text = judged.FILE.read_text().replace('verdict = "?"', f'verdict = "{verdict}"')
        judged.FILE.write_text(text)

    module.write_text("import pickle\n")
    code, text = said()
    assert code == 1
    assert "block forbidden-import a net.py:1 brings in pickle" in text
    assert "1 projects, 1 files, 1 of them Python; 1 findings would withhold a change" in text
    assert "0 right, 0 wrong (0.00 per 1,000 Python files; at most 1), 1 not judged yet" in text
    assert said("--write")[0] == 1
    judge("right")
    code, text = said()
    assert code == 0
    assert "1 right, 0 wrong (0.00 per 1,000 Python files; at most 1), 0 not judged yet" in text
    assert "right: " in said("--judged")[1]
    # One more, and of another rule: neither is taken for judged.
    module.write_text("import pickle\nimport requests\n")
    code, text = said()
    assert code == 1
    assert "block http-client a net.py:2" in text
    assert "forbidden-import a net.py" not in text
    assert said(rules=["forbidden-import"])[0] == 0
    assert said("--write")[0] == 1
    judge("wrong")
    code, text = said()
    assert code == 1
    assert "1 right, 1 wrong (1000.00 per 1,000 Python files; at most 1), 0 not judged" in text


def test_whole_trees_are_held_against_every_rule_in_changes_of_a_run_s_size(tmp_path):
    for number in range(whole_trees.FILES + 5):
        (tmp_path / f"m{number:02}.py").write_text("x = 1\n")
    (tmp_path / "net.py").write_text("import requests\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname="a"\nrequires-python=">=3.9"\n')
    (tmp_path / "zz.py").write_text("y = 1\nfrom net import requests\nimport tomllib\n")
    (tmp_path / "logo.png").write_bytes(b"\0" * 2_000_000)
    looked = _look(tmp_path)
    assert looked.python_files == whole_trees.FILES + 7
    assert looked.files == looked.python_files + 2
    # Of size, which a whole tree says nothing about, there is no word.
    blocking = [one for one in looked.found if one.finding.severity is Severity.BLOCK]
    assert [(one.finding.rule, one.finding.path, one.text) for one in blocking] == [
        ("http-client", "net.py", "import requests"),
        ("http-client", "zz.py", "from net import requests"),
        ("python-syntax", "zz.py", "import tomllib"),
    ]
    assert blocking[2].key == judged.key("a", "python-syntax", "zz.py", "  import tomllib ")


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
    assert _look(tmp_path).python_files == 2
