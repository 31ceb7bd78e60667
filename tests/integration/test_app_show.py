"""`mergewright app show`: what the App asks for and why, and what it has at GitHub."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from agent.cli.main import app
from agent.demo.simulator import serving
from agent.demo.simulator.world import World
from agent.github import app_manifest


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("world"))
    with serving.running(made):
        made.add_user("acme", "Organization")
        yield made


@pytest.fixture
def shown(world, tmp_path):
    """Give what calls the command for an App that has these."""
    numbers = iter(range(100))

    def call(*words, permissions=None, events=None, **environ):
        given = {"MERGEWRIGHT_HOME": str(tmp_path), "COLUMNS": "200", **environ}
        if permissions is not None:
            made = world.add_app(
                f"ours-{next(numbers)}-{tmp_path.name}", "acme", permissions, events
            )
            world.install(made, "acme", [])
            (tmp_path / "key").write_text(made.private_key)
            given |= {
                "MERGEWRIGHT_GITHUB_URL": f"{world.base_url}/api/v3",
                "MERGEWRIGHT_GITHUB_APP_ID": str(made.id),
                "MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE": str(tmp_path / "key"),
                **environ,
            }
        return CliRunner().invoke(app, ["app", "show", *words], env=given)

    return call


def needed() -> dict:
    return {
        "permissions": app_manifest.default_permissions(),
        "events": app_manifest.default_events(),
    }


def test_without_an_app_it_says_what_one_would_be_given_and_why(shown):
    done = shown()
    assert done.exit_code == 0
    for one in (*app_manifest.PERMISSIONS, *app_manifest.EVENTS):
        assert f"{one.name} " in done.stdout
        assert one.reason in done.stdout
    report = json.loads(shown("--json").stdout)
    assert report["app"] is None
    assert [one["name"] for one in report["events"]] == app_manifest.default_events()


def test_an_app_that_has_what_it_needs_is_in_order(shown):
    done = shown(**needed())
    assert done.exit_code == 0, done.output
    report = json.loads(shown("--json", **needed()).stdout)
    assert report["app"]["missing_permissions"] == {}


def test_what_is_missing_and_what_is_too_much_is_named_with_the_way_out(shown):
    given = needed()
    del given["permissions"]["actions"]
    given["permissions"] |= {"checks": "read", "administration": "write"}
    given["events"] = [*(name for name in given["events"] if name != "workflow_run"), "push"]
    done = shown(**given)
    assert done.exit_code == 1
    for line in ("Missing: actions: read", "More than it needs: event push"):
        assert line in done.stdout.splitlines()
    report = json.loads(shown("--json", **given).stdout)
    assert report["app"]["missing_permissions"] == {"checks": "write", "actions": "read"}
    assert report["app"]["excess_events"] == ["push"]
