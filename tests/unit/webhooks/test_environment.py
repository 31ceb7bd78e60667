"""What the listener may have."""

from __future__ import annotations

from agent.cli import serve
from agent.settings import Settings
from webhooks import environment


def test_keys_and_tokens_do_not_stay():
    kept = environment.kept(
        {
            "PATH": "/bin",
            "LC_ALL": "C",
            "MERGEWRIGHT_HOME": "/x",
            "MERGEWRIGHT_WEBHOOK_SECRET": "s",
            "MERGEWRIGHT_GITHUB_TOKEN": "t",
            "MERGEWRIGHT_GITHUB_TOKEN_FILE": "/t",
            "MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE": "/k",
            "MERGEWRIGHT_INDEX_URL": "https://user:pass@index.example/simple",
            "GITHUB_TOKEN": "t",
            "ANTHROPIC_API_KEY": "k",
            "OPENAI_API_KEY": "k",
            "DOCKER_HOST": "d",
            "SSH_AUTH_SOCK": "a",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://elsewhere.example",
        }
    )
    assert kept == {
        "PATH": "/bin",
        "LC_ALL": "C",
        "MERGEWRIGHT_HOME": "/x",
        "MERGEWRIGHT_WEBHOOK_SECRET": "s",
    }


def test_a_new_setting_does_not_stay_by_itself():
    every = {f"MERGEWRIGHT_{name.upper()}": "x" for name in Settings.model_fields}
    assert set(environment.kept(every)) == {
        "MERGEWRIGHT_HOME",
        "MERGEWRIGHT_LISTEN_HOST",
        "MERGEWRIGHT_LISTEN_PORT",
        "MERGEWRIGHT_WEBHOOK_SECRET",
        "MERGEWRIGHT_WEBHOOK_SECRET_FILE",
    }


def test_the_listener_is_not_even_started_with_keys_of_models():
    given = {"PATH": "/bin", "OPENAI_API_KEY": "k", "ANTHROPIC_AUTH_TOKEN": "t"}
    more = {"MERGEWRIGHT_MODEL": "openai:x", "MERGEWRIGHT_WEBHOOK_SECRET": "s"}
    assert serve._for_listener(given | more) == {"PATH": "/bin", "MERGEWRIGHT_WEBHOOK_SECRET": "s"}
    assert "OPENAI_API_KEY" in serve._for_worker(given | more)
