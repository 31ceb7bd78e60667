"""Where an App is registered."""

from __future__ import annotations

import pytest

from agent.errors import SettingsInvalid
from agent.github import app_registration


@pytest.mark.parametrize("api", ["https://h.example/api", "ftp:x"])
def test_an_address_that_is_no_apis_is_refused(api):
    with pytest.raises(SettingsInvalid, match="/api/v3"):
        app_registration.settings_page(api, "acme")
