"""The indexes that are asked: those that variables of uv and pip name."""

import pytest

from agent.errors import SettingsInvalid
from agent.setup.package_index import PackageIndex

A, B, D = (f"https://{name}.example.org/simple/" for name in "abd")


def read(**environ: str) -> PackageIndex:
    return PackageIndex(environ)


def test_further_indexes_are_asked_first_in_their_order_and_once():
    more = {"UV_INDEX": f"x={A} {D[:-1]}", "PIP_EXTRA_INDEX_URL": f"{B} {A} file:///srv"}
    found = read(PIP_INDEX_URL=B, UV_DEFAULT_INDEX="https://pypi.org/simple", **more)
    assert [access.url for access in found.list_accesses()] == [A, D, B, "https://pypi.org/simple/"]
    assert found.file_addresses == ("https://files.pythonhosted.org/",)
    assert read(PIP_INDEX_URL=B).file_addresses == ()
    assert read().mark == "public"


@pytest.mark.parametrize(
    "environ",
    [
        {"PIP_INDEX_URL": "https://me:hun%40ter2@a.example.org/simple"},
        {
            "UV_DEFAULT_INDEX": f"my-own={A}",
            "UV_INDEX_MY_OWN_USERNAME": "me",
            "UV_INDEX_MY_OWN_PASSWORD": "hun@ter2",
        },
    ],
)
def test_credentials_come_from_the_address_or_uvs_variables(environ):
    (access,) = read(**environ).list_accesses()
    assert (access.login, access.url) == ("me:hun@ter2", A)
    assert "hun" not in repr(access)


def test_what_cannot_be_used_is_said_without_its_content():
    with pytest.raises(SettingsInvalid) as caught:
        read(PIP_INDEX_URL="file:///srv/hunter2")
    assert "PIP_INDEX_URL is not a package index" in str(caught.value)
    assert "hunter2" not in str(caught.value)
