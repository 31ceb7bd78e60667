"""The documents say what is true of the code."""

import re
import tomllib
from pathlib import Path

import typer

from agent.cli.main import app
from repo_config import load

ROOT = Path(__file__).parents[2]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_dependency_has_its_reason():
    declared = tomllib.loads(read("pyproject.toml"))["project"]["dependencies"]
    names = {re.split(r"[<>=\[]", line)[0] for line in declared}
    table = read("ARCHITECTURE.md").partition("## Dependencies")[2].lower()
    listed = set(re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE))
    listed = {name.strip() for row in listed for name in row.split(",")} - {"package", "---"}
    assert listed == names


def test_the_readme_is_short_and_its_example_is_valid():
    text = read("README.md")
    assert len(text.splitlines()) <= 120
    (example,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    config = load.from_text(example, "README.md")
    assert config.http_client == "httpx"


def test_the_readme_names_both_commands_for_a_fresh_machine_and_ci_runs_the_tests_by_its_own():
    named = re.findall(r"^    make (\w+) .*#", read("README.md"), re.MULTILINE)
    assert {"demo", "test"} <= {*named}
    assert re.search(r"\bmake test$", read(".ci/run"), re.MULTILINE)


def test_every_file_the_documents_name_is_there():
    for document in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"):
        for path in re.findall(
            r"`((?:agent|repo_config|tests|deploy|sandbox_images)/[\w./-]+)`", read(document)
        ):
            assert (ROOT / path).exists(), f"{document} names {path}"


def test_the_make_targets_that_the_documents_name_exist():
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    for document in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        named = set(re.findall(r"`?make ([a-z-]+)", read(document)))
        assert named - {"an", "it", "of", "sure", "the"} <= targets, document


def test_every_command_that_a_text_names_exists():
    """Words and options, in texts of the product and in documents."""
    wrong, whole = [], typer.main.get_command(app)
    for path in (*ROOT.glob("*.md"), *_list_sources()):
        # Strings that go on in the next line are one text.
        text = re.sub(r'"\s*\n\s*f?"', "", path.read_text())
        for line in re.findall(r"`mergewright ([^`\n]+)`|^mergewright (.+)$", text, re.MULTILINE):
            command, words = whole, "".join(line).split()
            while words and hasattr(command, "commands") and words[0] in command.commands:
                command = command.commands[words.pop(0)]
            known = {
                name for param in command.params for name in (*param.opts, *param.secondary_opts)
            }
            is_group = hasattr(command, "commands") and words[:1] and words[0].isalpha()
            if is_group or any(word.startswith("--") and word not in known for word in words):
                wrong.append(f"{path.name}: mergewright {''.join(line)}")
    assert wrong == []


def _list_sources():
    kinds = {".py", ".j2", ".md", ".yml"}
    for package in ("agent", "repo_config", "webhooks"):
        yield from (path for path in (ROOT / package).rglob("*") if path.suffix in kinds)


def test_the_lock_file_names_no_index_and_has_every_dependency():
    lock = read("requirements.lock")
    assert "://" not in lock
    pinned = set(re.findall(r"^([a-z0-9.-]+)==", lock, re.MULTILINE))
    project = tomllib.loads(read("pyproject.toml"))
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    assert {re.split(r"[<>=\[]", line)[0].replace(".", "-") for line in wanted} <= pinned
