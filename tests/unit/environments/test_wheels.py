from __future__ import annotations

import zipfile

import pytest

from agent.environments import pointing, source_versions, wheel_files
from agent.environments.requirement_files import Line
from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed
from agent.models.package_index import SourceArchive
from tests.unit.environments import local_index


@pytest.mark.parametrize(
    ("tag", "version"), [("v1.2.3", "1.2.3"), ("my-lib-2-v3.1rc1", "3.1rc1"), ("nightly", "0.0.0")]
)
def test_a_tag_gives_the_version(tag, version, tmp_path):
    assert source_versions.version_for(tag, TreeFiles(tmp_path)) == version


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


def test_a_dependency_on_an_address_is_done_without():
    facts = wheel_files.Metadata(
        name="a", version="1", extras=(), requires=("x @ https://u:pw@example.org/x.whl",)
    )
    [(name, why)] = wheel_files.find_addresses(facts, "the repository")
    assert (name, "example.org" in why, "pw" in why) == ("x", True, False)
    optional = facts.model_copy(
        update={"requires": ("x @ https://example.org/x.whl ; extra == 'y'",)}
    )
    # It is no reason to take a namesake from elsewhere.
    assert [name for name, _ in wheel_files.find_addresses(optional, "the repository")] == ["x"]


def test_the_build_system_of_an_archive_is_read_without_unpacking(tmp_path):
    name, content = local_index.sdist("mine", "1.0")
    (tmp_path / name).write_bytes(content)
    system = wheel_files.build_system(wheel_files.pyproject_of(tmp_path / name), "x")
    assert system == wheel_files.BuildSystem(requires=(), backend="backend", backend_path=(".",))


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


@pytest.mark.parametrize("name", ["/tmp/absolute.py", "../../outside.py", "a\\b.py"])
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
