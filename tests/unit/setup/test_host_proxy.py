"""What the variables of this host say about its proxy."""

from __future__ import annotations

import pytest

from agent.errors import SettingsInvalid
from agent.setup.hosts import HostProxy


def test_credentials_are_decoded_and_not_shown():
    found = HostProxy.read("https", {"https": "http://me%40x:p%3Aw@p.example:1"})
    assert found is not None
    assert (found.url, found.login) == ("http://p.example:1", ("me@x", "p:w"))
    assert "p:w" not in f"{found!r} {found.address}"


@pytest.mark.parametrize("written", ["socks5://u:hunter2@p:1", "http://u:hunter2@"])
def test_one_of_another_kind_is_named_and_its_password_is_not(written):
    with pytest.raises(SettingsInvalid, match="HTTPS_PROXY is not a proxy") as caught:
        HostProxy.read("https", {"https": written})
    assert "hunter2" not in caught.value.message
