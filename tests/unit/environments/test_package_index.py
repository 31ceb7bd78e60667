from __future__ import annotations

import pytest

from agent.environments.package_index import SimpleIndex
from agent.errors import EnvironmentFailed, IndexUnavailable
from agent.settings import Settings
from tests.unit.environments import local_index


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


@pytest.fixture(params=["json", "html"])
def served(request):
    with local_index.serving(request.param) as index:
        yield index


def opened(served, settings):
    return SimpleIndex(settings.model_copy(update={"index_url": served.url}), {})


def test_source_archives_come_newest_first_without_wheels(served, settings):
    served.add(
        local_index.sdist("mine", "1.9"), local_index.sdist("mine", "1.10"),
        local_index.sdist("mine", "2.0"), local_index.wheel("mine", "3.0"),
    )  # fmt: skip
    served.yanked.add("mine-2.0.tar.gz")
    served.requires_python["mine-1.10.tar.gz"] = ">=3.9,<4"
    archives = opened(served, settings).source_archives("Mine")
    assert [archive.version for archive in archives] == ["2.0", "1.10", "1.9"]
    assert [archive.is_yanked for archive in archives] == [True, False, False]
    assert archives[1].requires_python == ">=3.9,<4"


def test_a_download_of_another_content_is_not_kept(served, settings, tmp_path):
    served.add(local_index.sdist("mine", "1.0"))
    index = opened(served, settings)
    (archive,) = index.source_archives("mine")
    assert index.download_archive(archive, tmp_path).read_bytes() == served.files["mine-1.0.tar.gz"]
    served.wrong_digest.add("mine-1.0.tar.gz")
    index = opened(served, settings)
    (archive,) = index.source_archives("mine")
    folder = tmp_path / "downloads"
    folder.mkdir()
    with pytest.raises(EnvironmentFailed, match="sha256"):
        index.download_archive(archive, folder)
    assert list(folder.iterdir()) == []


def test_a_passing_fault_is_waited_out_and_a_lasting_one_is_said(served, settings, monkeypatch):
    monkeypatch.setattr("urllib3.util.retry.time.sleep", lambda seconds: None)
    served.add(local_index.sdist("mine", "1.0"))
    served.failures = 2
    assert len(opened(served, settings).source_archives("mine")) == 1
    served.asked.clear()
    served.failures = 99
    with pytest.raises(IndexUnavailable, match=r"HTTP 503.*MERGEWRIGHT_INDEX_URL"):
        opened(served, settings).source_archives("mine")
    assert len(served.asked) == 4
