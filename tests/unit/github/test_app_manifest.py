"""What our App asks for, and how what it has is held against that."""

from __future__ import annotations

import pytest

from agent.errors import SettingsInvalid
from agent.github import app_manifest


def has(**changed: str | None) -> dict[str, str]:
    """Give the permissions of an App that has what it needs, but for these."""
    given = {**app_manifest.default_permissions(), **changed}
    return {name: level for name, level in given.items() if level is not None}


def test_an_app_made_from_the_manifest_has_what_it_needs_and_no_more():
    compared = app_manifest.compare_permissions(has(), app_manifest.default_events())
    assert (compared.is_lacking, compared.excess_permissions) == (False, {})


@pytest.mark.parametrize(
    ("permissions", "missing", "excess"),
    [
        (has(actions=None), {"actions": "read"}, {}),
        (has(checks="read"), {"checks": "write"}, {}),
        (has(contents="admin"), {}, {"contents": "admin"}),
    ],
)
def test_a_permission_that_is_missing_or_too_much_is_named(permissions, missing, excess):
    compared = app_manifest.compare_permissions(permissions, app_manifest.default_events())
    assert compared.missing_permissions == missing
    assert compared.excess_permissions == excess
    assert compared.is_lacking == bool(missing)


def test_an_event_that_is_missing_or_too_much_is_named():
    events = [*(name for name in app_manifest.default_events() if name != "status"), "push"]
    compared = app_manifest.compare_permissions(has(), events)
    assert compared.missing_events == ("status",)
    assert compared.excess_events == ("push",)
    assert compared.is_lacking


def test_each_permission_lets_the_app_have_an_event_or_stands_for_what_tokens_are_made_with():
    granted = app_manifest.default_permissions()
    assert {one.permission for one in app_manifest.EVENTS} <= granted.keys()
    # Watching the project's CI changes nothing there.
    assert granted["actions"] == granted["statuses"] == "read"
    assert "workflows" not in granted


@pytest.mark.parametrize(
    ("api", "web"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://git.example.org/api/v3", "https://git.example.org"),
        ("https://api.acme.ghe.com", "https://acme.ghe.com"),
    ],
)
def test_the_pages_are_found_from_the_address_of_the_api(api, web):
    assert app_manifest.find_website(api) == web


@pytest.mark.parametrize("api", ["https://h.example/api", "ftp:x"])
def test_an_address_that_is_no_apis_is_refused(api):
    with pytest.raises(SettingsInvalid, match="/api/v3"):
        app_manifest.find_website(api)
