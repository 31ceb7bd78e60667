"""The indexes that are asked: the host's own, by real files in a home of its own, and others."""

from __future__ import annotations

import pytest

from agent.environments import index_settings
from agent.errors import SettingsInvalid
from agent.settings import Settings
from tests.folders import lay_files

A, B, C = (f"https://{name}.example.org/simple/" for name in "abc")
PIP, UV = ".config/pip/pip.conf", ".config/uv/uv.toml"


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path / "data")


@pytest.fixture
def read(tmp_path, settings):
    def written(files: dict[str, str], **environ: str):
        home = str(tmp_path)
        lay_files(tmp_path, {name: text.replace("{home}", home) for name, text in files.items()})
        known = {"HOME": str(tmp_path), "XDG_CONFIG_DIRS": str(tmp_path / "system"), **environ}
        known = {name: value.replace("{home}", str(tmp_path)) for name, value in known.items()}
        return index_settings.read_indexes(settings, known)

    return written


@pytest.mark.parametrize(
    ("files", "environ", "default"),
    [
        ({PIP: f"[global]\nindex-url = {A}\n[install]\nindex-url = {B}\n"}, {}, B),
        ({UV: f'[[index]]\nurl = "{A}"\ndefault = true\n'}, {}, A),
        ({UV: f'index-url = "{A}"\n'}, {"UV_NO_CONFIG": "1", "PIP_INDEX_URL": B}, B),
    ],
)
def test_the_default_index_is_found_where_pip_and_uv_find_it(read, files, environ, default):
    assert read(files, **environ).default.url == default


def test_further_indexes_are_asked_first_in_their_order_and_once(read):
    host = read(
        {
            UV: f'[[index]]\nname = "b"\nurl = "{B}"\n[[index]]\nurl = "{C}"\nexplicit = true\n',
            PIP: f"[global]\nextra-index-url =\n    {B}\n    {A}\n",
        },
        UV_INDEX=f"x={A} https://d.example.org/simple",
    )
    assert [access.url for access in host.extras] == [A, "https://d.example.org/simple/", B]
    assert [access.url for access in host.bound] == [C]


@pytest.mark.parametrize(
    ("netrc", "environ"),
    [
        ("", {"PIP_INDEX_URL": "https://me:hun%40ter2@a.example.org/simple"}),
        ("machine a.example.org login me password hun@ter2\n", {"PIP_INDEX_URL": A}),
    ],
)
def test_credentials_come_from_the_address_uvs_variables_or_netrc(read, netrc, environ):
    access = read({".netrc": netrc}, **environ).default
    assert (access.login, access.url) == ("me:hun@ter2", A)
    assert "hun" not in repr(access)


@pytest.mark.parametrize(
    ("files", "environ", "said"),
    [
        ({UV: "a = [\n"}, {}, "uv.toml cannot be read"),
        ({".netrc": "bogus hunter2"}, {"PIP_INDEX_URL": A}, ".netrc cannot be read"),
        ({}, {"PIP_INDEX_URL": "file:///srv/hunter2"}, "PIP_INDEX_URL is not the address"),
    ],
)
def test_what_cannot_be_used_is_said_without_its_content(read, files, environ, said):
    with pytest.raises(SettingsInvalid) as caught:
        read(files, **environ)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)
