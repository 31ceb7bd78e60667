"""What the listener and the dashboard may have."""

from agent import settings
from agent.cli import serve
from agent.settings import Settings


def test_a_new_setting_does_not_stay_by_itself():
    names = (*Settings.model_fields, *(f"{name}_file" for name in settings.SECRETS))
    every = {f"MERGEWRIGHT_{name.upper()}": "x" for name in names}
    secrets = {name for name in settings.keep_for_dashboard(every) if "SECRET" in name}
    assert secrets == {
        "MERGEWRIGHT_GITHUB_CLIENT_SECRET", "MERGEWRIGHT_GITHUB_CLIENT_SECRET_FILE"
    }  # fmt: skip
    assert not [name for name in settings.keep_for_dashboard(every) if "KEY" in name]
    assert set(settings.keep_for_listener(every)) == {
        "MERGEWRIGHT_DATABASE_URL",
        "MERGEWRIGHT_DATABASE_URL_FILE",
        "MERGEWRIGHT_HEALTH_PORT",
        "MERGEWRIGHT_HOME",
        "MERGEWRIGHT_LISTEN_HOST",
        "MERGEWRIGHT_LISTEN_PORT",
        "MERGEWRIGHT_WEBHOOK_SECRET",
        "MERGEWRIGHT_WEBHOOK_SECRET_FILE",
    }


def test_the_worker_has_its_keys_and_nobody_elses_secrets():
    given = {"PATH": "/bin", "OPENAI_API_KEY": "k", "MERGEWRIGHT_MODEL": "openai:x"}
    secrets = {"MERGEWRIGHT_WEBHOOK_SECRET": "s", "MERGEWRIGHT_GITHUB_CLIENT_SECRET_FILE": "f"}
    assert serve._keep_for_worker(given | secrets) == given
    for kept in (settings.keep_for_listener, settings.keep_for_dashboard):
        assert kept(given) == {"PATH": "/bin"}
