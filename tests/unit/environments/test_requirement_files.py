from __future__ import annotations

import re

import pytest

from agent.environments import requirement_files
from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed
from agent.models.package_index import IndexRequest


@pytest.fixture
def tree(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_txt", ".txt").replace(
                "_toml", ".toml"
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return WorkTreeFiles(tmp_path)

    return write


def texts(found):
    return [line.text for line in found.lines]


def test_nested_files_are_read_relative_to_the_file_that_names_them(tree):
    files = tree(
        requirements__dev_txt="-r base.txt\n--requirement=more.txt\n-cpins.txt\npytest\n",
        requirements__base_txt="six>=1.16\n",
        requirements__more_txt="attrs ; python_version < '4'\n",
        requirements__pins_txt="six==1.17.0\n",
    )
    found = requirement_files.read_file(files, "requirements/dev.txt")
    assert texts(found) == ["six>=1.16", 'attrs; python_version < "4"', "pytest"]
    assert [line.text for line in found.constraints] == ["six==1.17.0"]
    assert found.lines[0].origin == "requirements/base.txt:1"
    assert found.files == tuple(
        f"requirements/{name}.txt" for name in ("dev", "base", "more", "pins")
    )


@pytest.mark.parametrize("line", ["-e .", ".", "file:."])
def test_the_repository_itself_is_a_project_not_a_requirement(tree, line):
    found = requirement_files.read_file(tree(a_txt=line, pyproject_toml=""), "a.txt")
    assert [project.folder for project in found.projects] == [""]
    assert not found.lines


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x @ git+ssh://git@example.org/x", "a.txt:2: `x @ git+ssh://example.org/x` is a direct"),
        ("https://user:secret@example.org/x-1.0.whl", "a.txt:2: `https://example.org/x-1.0.whl`"),
        ("-r ../outside.txt", "a.txt:2: `../outside.txt` is outside the repository"),
        ("six==", "a.txt:2: `six==` is not a requirement"),
        ("x==${VERSION}", "a.txt:2"),
    ],
)
def test_what_is_refused_is_left_out_with_its_place_and_without_a_password(tree, line, words):
    found = requirement_files.read_file(tree(a_txt=f"six\n{line}\nattrs\n"), "a.txt")
    assert texts(found) == ["six", "attrs"]
    [left] = found.left_out
    assert words in left.why
    assert "secret" not in left.why
    with pytest.raises(EnvironmentFailed):
        requirement_files.parse_line(tree(), line, "python.install")


def test_another_index_is_the_operators_to_decide_and_its_password_is_dropped(tree):
    files = tree(a_txt="--extra-index-url https://u:secret@example.org/simple\n--pre\nsix\n")
    found = requirement_files.read_file(files, "a.txt")
    assert texts(found) == ["six"]
    assert found.prereleases
    assert found.indexes == (IndexRequest(url="https://example.org/simple", origin="a.txt:1"),)


def test_a_link_out_of_the_tree_is_not_followed(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("six\n")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "requirements.txt").symlink_to(outside)
    with pytest.raises(EnvironmentFailed, match="points outside the repository"):
        requirement_files.read_file(WorkTreeFiles(tmp_path / "tree"), "requirements.txt")


def test_files_that_include_each_other_are_read_once(tree):
    files = tree(a_txt="-r b.txt\nsix\n", b_txt="-r a.txt\nattrs\n")
    assert texts(requirement_files.read_file(files, "a.txt")) == ["attrs", "six"]


@pytest.mark.parametrize(
    "line", ["-f https://u:secret@example.org", "--find-links=x", "--no-index"]
)
def test_places_of_packages_that_are_not_asked_are_named(tree, line):
    found = requirement_files.read_file(tree(a_txt=f"{line}\nsix\n"), "a.txt")
    [left] = found.left_out
    assert texts(found) == ["six"]
    assert left.why.startswith(f"a.txt:1: `{re.split('[ =]', line)[0]}` is left to the operator")
    assert "secret" not in left.why


def test_files_that_are_nested_too_deeply_are_named(tree):
    files = tree(**{f"a{n}_txt": f"-r a{n + 1}.txt\nsix>{n}\n" for n in range(21)})
    found = requirement_files.read_file(files, "a0.txt")
    assert len(found.lines) == 20
    [left] = found.left_out
    assert left.why == "a19.txt:1 nests requirements files more than 20 deep."
