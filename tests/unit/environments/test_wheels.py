from __future__ import annotations

import zipfile

import pytest
from packaging.specifiers import SpecifierSet

from agent.environments import pointing, source_versions, wheel_files, wheels
from agent.environments.requirement_files import Line
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed
from agent.ports import SourceArchive
from tests.unit.environments import local_index


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ("v1.2.3", "1.2.3"),
        ("1.2", "1.2"),
        ("project-4.0.1", "4.0.1"),
        ("release/2024.05", "2024.5"),
        ("my-lib-2-v3.1rc1", "3.1rc1"),
        ("1.2.3-final", "1.2.3"),
        ("nightly", "0.0.0"),
        (None, "0.0.0"),
    ],
)
def test_a_tag_gives_the_version(tag, version, tmp_path):
    assert source_versions.version_for(tag, TreeFiles(tmp_path)) == version


def test_a_released_archive_keeps_its_version(tmp_path):
    (tmp_path / "PKG-INFO").write_text("Metadata-Version: 2.1\nName: a\nVersion: 7.1\n")
    assert source_versions.version_for(None, TreeFiles(tmp_path)) == "7.1"


def test_only_backends_that_no_variable_reaches_are_told_the_version_by_a_file():
    names = ("My.Project", "other")
    for requires in (["hatchling", "Versioningit >= 3"], ["setuptools-git-versioning<3"]):
        assert source_versions.version_file(requires, names, "1.2") == {
            "PKG-INFO": b"Metadata-Version: 2.1\nName: My.Project\nVersion: 1.2\n"
        }
    for requires in (["hatchling", "hatch-vcs"], ["setuptools_scm[toml]>=8"], []):
        assert source_versions.version_file(requires, names, "1.2") == {}
    assert source_versions.version_file(["versioningit"], (), "1.2") == {}


def test_the_resolvers_words_say_which_versions_are_wanted():
    words = "Because foo==1 depends on docopt>=0.5,<0.6.2 and you require foo"
    assert source_versions.asked_in(words, "docopt") == SpecifierSet(">=0.5,<0.6.2")
    assert source_versions.asked_in("nothing of it", "docopt") == SpecifierSet()


def test_where_a_lock_names_hashes_an_archive_has_one_of_them():
    archives = [
        SourceArchive(
            name="mine", version="1.0", filename=f"mine-1.0.{kind}", url="https://x/", sha256=sha
        )
        for kind, sha in (("tar.gz", "A" * 64), ("zip", "b" * 64))
    ]  # fmt: skip

    def chosen(*hashes: str) -> list[str]:
        known = [
            Line(text="mine==1.0", origin="poetry.lock", hashes=hashes),
            Line(text="other==1.0", origin="poetry.lock", hashes=(f"sha256:{'c' * 64}",)),
        ]
        found = source_versions.candidates("mine", archives, known, "", "3.11.2")
        return [archive.filename for archive in found]

    assert chosen() == ["mine-1.0.tar.gz", "mine-1.0.zip"]
    assert chosen(f"sha256:{'a' * 64}") == ["mine-1.0.tar.gz"]
    assert chosen(f"sha256:{'d' * 64}") == []


def test_metadata_is_read_as_data(tmp_path):
    name, content = local_index.wheel("mine", "1.0", ("six>=1", "x ; extra == 'test'"))
    (tmp_path / name).write_bytes(content)
    facts = wheel_files.metadata(tmp_path / name)
    assert (facts.name, facts.version) == ("mine", "1.0")
    assert facts.requires == ("six>=1", "x ; extra == 'test'")


def test_what_is_no_wheel_is_said_so(tmp_path):
    (tmp_path / "a.whl").write_bytes(b"PK not really")
    with pytest.raises(EnvironmentFailed, match="not a wheel"):
        wheel_files.metadata(tmp_path / "a.whl")


def test_a_dependency_on_an_address_is_refused_unless_an_extra_asks(tmp_path):
    facts = wheel_files.Metadata(
        name="a", version="1", extras=(), requires=("x @ https://u:pw@example.org/x.whl",)
    )
    with pytest.raises(EnvironmentFailed) as caught:
        wheel_files.refuse_addresses(facts, "the repository")
    assert "pw" not in caught.value.message
    optional = facts.model_copy(
        update={"requires": ("x @ https://example.org/x.whl ; extra == 'y'",)}
    )
    wheel_files.refuse_addresses(optional, "the repository")


def test_the_build_system_of_an_archive_is_read_without_unpacking(tmp_path):
    name, content = local_index.sdist("mine", "1.0")
    (tmp_path / name).write_bytes(content)
    system = wheel_files.build_system(wheel_files.pyproject_of(tmp_path / name), "x")
    assert system == wheel_files.BuildSystem(requires=(), backend="backend", backend_path=(".",))


def test_without_a_build_system_setuptools_builds():
    assert wheel_files.build_system({}, "x").backend == "setuptools.build_meta:__legacy__"
    assert wheel_files.build_system({"build-system": {"requires": ["cython"]}}, "x").requires == (
        "setuptools>=40.8.0", "wheel", "cython",
    )  # fmt: skip


def test_a_copied_wheel_is_made_to_point_at_the_tree(tmp_path):
    tree = tmp_path / "tree"
    (tree / "src" / "mine").mkdir(parents=True)
    (tree / "src" / "mine" / "__init__.py").write_text("x = 1\n")
    wheel = tmp_path / "mine-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("mine/__init__.py", "x = 1\n")
        packed.writestr("mine/_version.py", "v = 1\n")
        packed.writestr("mine-1.0.dist-info/METADATA", "Name: mine\nVersion: 1.0\n")
        packed.writestr("mine-1.0.dist-info/RECORD", "")
    lacking = pointing.point_at_tree(wheel, TreeFiles(tree), "")
    assert lacking == {"src/mine/_version.py": b"v = 1\n"}
    with zipfile.ZipFile(wheel) as packed:
        assert packed.read("_mine_tree.pth") == b"/work/src\n"
        assert "mine/__init__.py" not in packed.namelist()
        assert "_mine_tree.pth,sha256=" in packed.read("mine-1.0.dist-info/RECORD").decode()


def test_a_wheel_whose_code_is_nowhere_in_the_tree_is_refused(tmp_path):
    (tmp_path / "tree").mkdir()
    wheel = tmp_path / "mine-1.0-py3-none-any.whl"
    wheel.write_bytes(local_index.wheel("mine", "1.0")[1])
    with pytest.raises(EnvironmentFailed, match="build_editable"):
        pointing.point_at_tree(wheel, TreeFiles(tmp_path / "tree"), "")


@pytest.mark.parametrize(
    "name", ["/tmp/absolute.py", "../../outside.py", "mine/../../x.py", "mine//x.py", "a\\b.py"]
)
def test_a_wheel_with_a_name_that_leads_out_is_refused(tmp_path, name):
    (tmp_path / "tree" / "mine").mkdir(parents=True)
    (tmp_path / "tree" / "mine" / "__init__.py").write_text("")
    wheel = tmp_path / "mine-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("mine/__init__.py", "")
        packed.writestr(name, "x")
        packed.writestr("mine-1.0.dist-info/METADATA", "Name: mine\nVersion: 1.0\n")
    with pytest.raises(EnvironmentFailed, match="mine-1.0-py3-none-any.whl holds"):
        pointing.point_at_tree(wheel, TreeFiles(tmp_path / "tree"), "")


def test_a_wheel_without_metadata_is_refused(tmp_path):
    wheel = tmp_path / "mine-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("mine/__init__.py", "")
    with pytest.raises(EnvironmentFailed, match="dist-info"):
        pointing.point_at_tree(wheel, TreeFiles(tmp_path), "")


@pytest.mark.parametrize(
    ("files", "names"),
    [
        ({"pyproject.toml": '[project]\nname = "a"\n', "setup.py": "setup(name='b')"}, ("a",)),
        ({"pyproject.toml": '[tool.poetry]\nname = "a"\n'}, ("a",)),
        ({"setup.py": "setup(name='b')", "setup.cfg": "[metadata]\nname = c\n"}, ("b", "c")),
        ({"setup.py": "setup(name=NAME)"}, ()),
    ],
)
def test_the_name_a_project_declares_is_found(tmp_path, files, names):
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert wheels._declared_names(TreeFiles(tmp_path), "") == names
