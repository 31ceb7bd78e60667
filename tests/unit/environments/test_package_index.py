from __future__ import annotations

import pytest

from agent.environments.package_index import SimpleIndex
from agent.errors import IndexUnavailable
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


def test_where_its_files_are_is_learnt_and_a_passing_fault_waited_out(
    served, settings, monkeypatch
):
    monkeypatch.setattr("urllib3.util.retry.time.sleep", lambda seconds: None)
    served.add(local_index.sdist("pip", "1.0"))
    served.failures = 2
    (address,) = opened(served, settings).file_addresses
    assert address.endswith("pip-1.0.tar.gz")
    served.asked.clear()
    served.failures = 99
    with pytest.raises(IndexUnavailable, match=r"HTTP 503.*MERGEWRIGHT_INDEX_URL"):
        assert opened(served, settings).file_addresses
    assert len(served.asked) == 4
