"""What is kept of `make false-positives`: the projects, and what was said of each finding."""

from __future__ import annotations

from repo_config.rule_ids import RULE_IDS
from tests.false_positives import __main__ as main
from tests.false_positives import judged
from tests.false_positives.projects import LEFT_OUT, PROJECTS, Project
from tests.thirdparty.sources import Source


def test_what_was_said_of_each_finding_is_kept_whole():
    kept = judged.FILE.read_text("utf-8")
    known = {project.name for project in PROJECTS}
    assert LEFT_OUT.keys() <= set(RULE_IDS)
    assert judged.write(judged.read(kept)) == kept
    for key, said in judged.read(kept).items():
        assert key.project in known
        assert key.rule in RULE_IDS
        assert said.verdict in {"right", "wrong"}, key


def test_what_is_new_or_too_often_wrong_fails_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(main, "PROJECTS", (Project(Source("a", "1", "0" * 64)),))
    monkeypatch.setattr(judged, "FILE", tmp_path / "judged.toml")
    judged.FILE.write_text("")
    (tmp_path / "trees" / "a").mkdir(parents=True)
    (tmp_path / "trees" / "a" / "net.py").write_text("import pickle\n")

    def run(*options: str) -> int:
        rules = ("--rules", "forbidden-import", "http-client")
        return main.main(["--keep", str(tmp_path / "trees"), *options, *rules])

    assert run() == 1
    for verdict, code in (("right", 0), ("wrong", 1)):
        assert run("--write") == (0 if verdict == "wrong" else 1)
        was = "right" if verdict == "wrong" else "?"
        text = judged.FILE.read_text()
        judged.FILE.write_text(text.replace(f'verdict = "{was}"', f'verdict = "{verdict}"'))
        assert run() == code
