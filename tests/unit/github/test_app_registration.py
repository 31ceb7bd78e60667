"""Where an App is registered."""

from __future__ import annotations

import pytest

from agent.errors import SettingsInvalid
from agent.github import app_registration


@pytest.mark.parametrize(
    ("api", "web"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://git.example.org/api/v3", "https://git.example.org"),
        ("https://api.acme.ghe.com", "https://acme.ghe.com"),
    ],
)
def test_the_pages_are_found_from_the_address_of_the_api(api, web):
    assert app_registration.settings_page(api, None) == f"{web}/settings/apps"


@pytest.mark.parametrize("api", ["https://h.example/api", "ftp:x"])
def test_an_address_that_is_no_apis_is_refused(api):
    with pytest.raises(SettingsInvalid, match="/api/v3"):
        app_registration.settings_page(api, "acme")
