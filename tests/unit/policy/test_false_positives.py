"""What is kept of `make false-positives`: the projects, and what was said of each finding."""

from __future__ import annotations

from agent.policy import registry
from repo_config.rule_ids import RULE_IDS
from tests.false_positives import __main__ as main
from tests.false_positives import judged, whole_trees
from tests.false_positives.projects import LEFT_OUT, PROJECTS, Project
from tests.thirdparty.sources import Source

KEPT = judged.FILE.read_text("utf-8")


def test_what_was_said_of_each_finding_is_kept_whole():
    known = {project.name for project in PROJECTS}
    assert LEFT_OUT.keys() <= set(RULE_IDS)
    assert judged.written(judged.read(KEPT)) == KEPT
    for key, said in judged.read(KEPT).items():
        assert key.project in known
        assert key.rule in RULE_IDS
        assert said.verdict in {"right", "wrong"}, key


def test_what_is_new_or_too_often_wrong_fails_the_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(main, "PROJECTS", (Project(Source("a", "1", "0" * 64)),))
    monkeypatch.setattr(judged, "FILE", tmp_path / "judged.toml")
    judged.FILE.write_text("")
    (tmp_path / "trees" / "a").mkdir(parents=True)
    module = tmp_path / "trees" / "a" / "net.py"

    def ended(*options: str) -> int:
        run = ["--keep", str(tmp_path / "trees"), "--jobs", "1", *options]
        return main.main([*run, "--rules", "forbidden-import", "http-client"])

    def judge(verdict: str) -> None:
        assert ended("--write") == 1
        text = judged.FILE.read_text().replace('verdict = "?"', f'verdict = "{verdict}"')
        judged.FILE.write_text(text)

    module.write_text("import pickle\n")
    assert ended() == 1
    assert "net.py:1" in capsys.readouterr().out
    judge("right")
    assert ended() == 0
    # One more, and of another rule: neither is taken for judged.
    module.write_text("import pickle\nimport requests\n")
    assert ended() == 1
    judge("wrong")
    assert ended() == 1


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
    every = {rule.id for rule in registry.OF_CHANGES} - LEFT_OUT.keys()
    looked = whole_trees.look(Project(Source("a", "1", "0" * 64)), tmp_path, frozenset(every))
    assert looked.python_files == 2
