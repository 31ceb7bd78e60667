from __future__ import annotations

import pytest

from agent.environments import generated
from agent.environments.tree_files import WorkTreeFiles
from agent.errors import EnvironmentFailed
from tests.folders import lay_files

SHARED_OBJECT = ".cpython-311-x86_64-linux-gnu.so"


@pytest.fixture
def files(tmp_path):
    tree = tmp_path / "tree"
    for path in (
        "src/mine/__init__.py", "src/mine/models2.py", "src/mine/fast.pyx", "src/mine/fast.pyi",
        "src/mine/sub/__init__.py", "src/mine/tests/__init__.py", "src/mine/migrations/__init__.py",
        "src/mine/management/__init__.py", "docs/index.md",
        "src/mine/locale/de/LC_MESSAGES/django.po",
    ):  # fmt: skip
        lay_files(tree, {path: ""})
    (tree / "linked").symlink_to("src/mine")
    return WorkTreeFiles(tree)


@pytest.mark.parametrize(
    "path",
    [
        "src/mine/_version.py",
        "src/mine/orders_pb2.py",
        "src/mine/sub/core.abi3.so",
        "src/mine/locale/de/LC_MESSAGES/django.mo",
    ],
)
def test_what_builds_do_generate_is_taken(files, path):
    assert generated.choose_generated_files({path: b"x"}, files) == ({path: b"x"}, [])


@pytest.mark.parametrize(
    "path",
    [
        "src/mine/conftest.py",
        "evil.pth",
        "src/mine/locale/fr/LC_MESSAGES/django.mo",
        "src/mine/test_version.py",
        "src/mine/admin.py",
        f"src/mine/admin{SHARED_OBJECT}",
    ],
)
def test_what_could_steer_checks_is_left_out_with_the_reason(files, path):
    taken, left = generated.choose_generated_files({path: b"x"}, files)
    assert taken == {}
    assert len(left) == 1
    assert left[0].startswith(f"{path} (")


@pytest.mark.parametrize(
    "path",
    [f"src/mine/models2{SHARED_OBJECT}", f"src/mine/sub{SHARED_OBJECT}", "src/mine/_core.pyi"],
)
def test_code_of_the_tree_is_neither_replaced_nor_hidden(files, path):
    (files.root / "src/mine/_core.py").write_text("")
    assert generated.find_problem(path, files) == "the tree has a module of that name"


@pytest.mark.parametrize("path", ["/etc/x_version.py", "a/../../_version.py", "a/.git/_version.py"])
def test_a_name_that_leads_elsewhere_ends_the_build(files, path):
    with pytest.raises(EnvironmentFailed):
        generated.choose_generated_files({path: b"x"}, files)


def test_too_much_is_refused(files, monkeypatch):
    monkeypatch.setattr(generated, "MOST_BYTES", 3)
    with pytest.raises(EnvironmentFailed, match="4 bytes"):
        generated.choose_generated_files({"src/mine/_a.py": b"12", "src/mine/_b.py": b"34"}, files)
