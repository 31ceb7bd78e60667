from __future__ import annotations

import pytest

from agent.environments import sources
from agent.environments.requirement_files import Line
from agent.environments.tree_files import WorkTreeFiles
from agent.models.package_index import SourceArchive


@pytest.mark.parametrize(
    ("tag", "version"), [("v1.2.3", "1.2.3"), ("my-lib-2-v3.1rc1", "3.1rc1"), ("nightly", "0.0.0")]
)
def test_a_tag_gives_the_version(tag, version, tmp_path):
    assert sources.read_version(tag, WorkTreeFiles(tmp_path)) == version


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
        found = sources.list_candidates("mine", archives, known, "", "3.11.2")
        return [archive.filename for archive in found]

    assert chosen() == ["mine-1.0.tar.gz", "mine-1.0.zip"]
    assert chosen(f"sha256:{'a' * 64}") == ["mine-1.0.tar.gz"]
    assert chosen(f"sha256:{'d' * 64}") == []


@pytest.mark.parametrize(
    ("line", "versions"), [("mine", ["1.0"]), ("mine>=2", []), ("mine==2.0", ["2.0"])]
)
def test_what_was_yanked_is_taken_only_where_it_is_named(line, versions):
    archives = [
        SourceArchive(
            name="mine", version=one, filename="f", url="u", sha256="a", is_yanked=one == "2.0"
        )
        for one in ("2.0", "1.0")
    ]
    known = [Line(text=line, origin="requirements.txt")]
    found = sources.list_candidates("mine", archives, known, "", "3.11.2")
    assert [archive.version for archive in found] == versions


def test_a_dependency_on_an_address_is_done_without():
    facts = sources.Metadata(
        name="a", version="1", extras=(), requires=("x @ https://u:pw@example.org/x.whl",)
    )
    [(name, why)] = sources.find_addresses(facts, "the repository")
    assert (name, "example.org" in why, "pw" in why) == ("x", True, False)
    optional = facts.model_copy(
        update={"requires": ("x @ https://example.org/x.whl ; extra == 'y'",)}
    )
    # It is no reason to take a namesake from elsewhere.
    assert [name for name, _ in sources.find_addresses(optional, "the repository")] == ["x"]
