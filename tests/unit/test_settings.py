"""The operator's settings."""

from __future__ import annotations

import pytest

from agent import settings
from agent.errors import SettingsInvalid


def test_values_come_from_the_environment(tmp_path):
    loaded = settings.load(
        {
            "MERGEWRIGHT_HOME": str(tmp_path),
            "MERGEWRIGHT_ROOM_MEMORY_MB": "1024",
            "MERGEWRIGHT_ALLOW_HOSTS": "a.example, b.example",
            "PATH": "/bin",
        }
    )
    assert loaded.home == tmp_path
    assert loaded.room_memory_mb == 1024
    assert loaded.allow_hosts == ("a.example", "b.example")


def test_an_unknown_setting_is_named():
    with pytest.raises(
        SettingsInvalid, match="MERGEWRIGHT_HOEM is not a setting. Known: MERGEWRIGHT_HOME"
    ):
        settings.load({"MERGEWRIGHT_HOEM": "/x"})


def test_a_wrong_value_is_named():
    with pytest.raises(SettingsInvalid, match="MERGEWRIGHT_ROOM_MEMORY_MB: .*integer"):
        settings.load({"MERGEWRIGHT_ROOM_MEMORY_MB": "plenty"})
