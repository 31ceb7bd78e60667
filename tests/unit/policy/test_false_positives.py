"""What is kept of `make false-positives`: the projects, and what was said of each finding."""

from __future__ import annotations

from repo_config.rule_ids import RULE_IDS
from tests.false_positives import judged
from tests.false_positives.projects import LEFT_OUT, PROJECTS


def test_what_was_said_of_each_finding_is_kept_whole():
    kept = judged.FILE.read_text("utf-8")
    known = {project.name for project in PROJECTS}
    assert LEFT_OUT.keys() <= set(RULE_IDS)
    assert judged.write(judged.read(kept)) == kept
    for key, said in judged.read(kept).items():
        assert key.project in known
        assert key.rule in RULE_IDS
        assert said.verdict in {"right", "wrong"}, key
