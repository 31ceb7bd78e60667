"""Which repository `mergewright run` means."""

from __future__ import annotations

import subprocess

import pytest
import typer

from agent.cli import run

PUBLIC = "https://api.github.com"
OWN = "https://git.shop.example:8443/api/v3"


@pytest.mark.parametrize(
    ("repo", "github_url"),
    [
        ("shop/till", PUBLIC),
        ("https://github.com/shop/till", PUBLIC),
        ("git@git.shop.example:shop/till.git", OWN),
    ],
)
def test_a_repository_is_named_by_itself_or_by_its_address(repo, github_url):
    assert run.read_repository_name(repo, github_url) == "shop/till"


@pytest.mark.parametrize(
    ("repo", "github_url", "ours"),
    [
        ("https://github.com.evil.example/shop/till", PUBLIC, "github.com"),
        ("https://github.com:8443/shop/till", PUBLIC, "github.com"),
        ("https://git.shop.example/shop/till", OWN, "git.shop.example"),
    ],
)
def test_an_address_on_another_server_is_refused_in_words(repo, github_url, ours):
    with pytest.raises(typer.BadParameter) as raised:
        run.read_repository_name(repo, github_url)
    assert ours in raised.value.message
    assert raised.value.param_hint == "--repo"


def test_an_address_is_cloned_for_a_ticket_once(tmp_path, monkeypatch):
    remote, here = tmp_path / "till.git", tmp_path / "here"
    subprocess.run(["git", "init", "--quiet", "--bare", remote], check=True)
    here.mkdir()
    monkeypatch.chdir(here)
    assert run.find_folder(remote.as_uri()) == here / "till"
    assert run.find_folder(remote.as_uri()) == here / "till"
    with pytest.raises(typer.BadParameter):
        run.find_folder((tmp_path / "missing.git").as_uri())
