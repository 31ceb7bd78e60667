from __future__ import annotations

from typing import Any

from agent.environments.explanation import Explanation
from agent.environments.hints import advice
from repo_config import detect, load


class Memory:
    def __init__(self, files: dict[str, str]) -> None:
        self._files = files

    def paths(self) -> tuple[str, ...]:
        return tuple(sorted(self._files))

    def read(self, path: str) -> bytes:
        return self._files[path].encode()


def explanation(**more: Any) -> Explanation:
    return Explanation(**{"python": "3.11.2", **more})


def hints(tree_files: dict[str, str], config: str = "", **said: Any) -> dict[str, tuple[str, str]]:
    """What is said of each subject, and the line."""
    tree = Memory(tree_files)
    settings = load.from_text(config, "mergewright.yml", tree)
    found = advice.hints(tree, explanation(**said), settings, detect.project(tree, settings))
    return {hint.subject: (hint.says, hint.line) for hint in found}


def workflow(run: str, more: str = "") -> dict[str, str]:
    lines = "\n".join(f"          {line}" for line in run.splitlines())
    text = f"jobs:\n  t:\n{more}    steps:\n      - run: |\n{lines}\n"
    return {".github/workflows/t.yml": text, "tests/test_x.py": "def test_x(): pass\n"}


def test_nothing_is_said_to_differ_from_what_could_not_be_read():
    files = workflow(
        "apt-get install gdal-bin\npip install .[redis] -r ci.txt six\npytest",
        "    strategy: {matrix: {python-version: ['3.9']}}\n",
    )
    found = hints(files, declared=False, python="")
    assert {subject: line for subject, (_, line) in found.items()} == {
        "Python": "", "extras": "", "requirements files": "", "packages": "", "tests": "",
        "system packages": "python: {system_packages: [gdal-bin]}",
    }  # fmt: skip


def test_every_line_is_taken_by_the_configuration():
    served = "    services: {db: {image: postgres:15-alpine}, c: valkey/valkey:8, m: mysql:8}\n"
    files = workflow(
        "apt-get install -y gdal-bin\npip install -r ci.txt -c limits.txt -e .[redis] pytest-xdist\npytest tests/unit -k 'a or b'",
        served + '    env: {A: "x: \\"y\\" #", B: "yes", C: ""}\n'
        "    strategy: {matrix: {python-version: ['3.9']}}\n",
    )
    files |= {"ci.txt": "", "limits.txt": ""}
    tree = Memory(files)
    config = load.from_text("", "mergewright.yml", tree)
    found = advice.hints(tree, explanation(), config, detect.project(tree, config))
    lines = [hint.line for hint in found if hint.line]
    assert len(lines) >= 7
    for one in lines:
        load.from_text(one, "mergewright.yml", tree)
