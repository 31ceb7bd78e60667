"""`mergewright app create`: register our GitHub App by GitHub's manifest flow."""

from __future__ import annotations

import os
import secrets
import shlex
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from agent import settings
from agent.cli import app_files, terminal
from agent.cli.app_files import Places
from agent.settings import Settings, variable

app = typer.Typer(help="The GitHub App: register it.", no_args_is_help=True)

_LOCAL = (".localhost", ".local", ".internal")
_PUBLIC_API = "https://api.github.com"
#: As long as GitHub's code is good for.
_WAIT_SECONDS = 3_600.0
_ORGANIZATION = "Owner of the App. Default: your own account."
_URL = f"Address where GitHub reaches the listener. Default: {variable('public_url')}."
_INTO = "For the files. Default: /etc/mergewright for root, else ~/.config/mergewright."
_COMPOSE = "In place of --into: the folder with compose.yml."
_PORT = "Of the page on 127.0.0.1; 0 takes any."


@app.command()
def create(
    organization: Annotated[str | None, typer.Option(metavar="ORG", help=_ORGANIZATION)] = None,
    url: Annotated[str | None, typer.Option(metavar="URL", help=_URL)] = None,
    port: Annotated[int, typer.Option(help=_PORT, min=0, max=65535)] = 0,
    into: Annotated[Path | None, typer.Option(metavar="DIR", help=_INTO)] = None,
    compose: Annotated[Path | None, typer.Option(metavar="DIR", help=_COMPOSE)] = None,
    as_json: terminal.Json = False,
) -> None:
    """Register the GitHub App, and write its key and webhook secret to files of this user alone.

    It prints the address of a page on this machine; the button there leads to GitHub, which asks
    for a name and registers the App. MERGEWRIGHT_GITHUB_URL says which GitHub.

    Exit code 0: registered; 1: not, with the reason; 2: wrong usage or settings, or an App is
    configured already; 130: interrupted.
    """
    # They bring an HTTP client, a server and GitHub's library.
    from agent.cli import app_page
    from agent.github import app_registration

    loaded = settings.load_settings()
    api_url, public_url = loaded.github_url, _find_public_url(loaded, url)
    apps_page = app_registration.settings_page(api_url, organization)
    name = f"Mergewright {organization or ''}".strip()[: app_registration.LONGEST_NAME].strip()
    places = _choose_places(into, compose)
    app_files.prepare(places, os.environ)
    app_registration.require_api(api_url)

    def form(redirect_url: str) -> tuple[str, dict[str, Any]]:
        return f"{apps_page}/new", app_registration.make_manifest(public_url, name, redirect_url)

    try:
        with app_page.serving(port, form) as page:
            _invite(page.address)
            made = app_registration.exchange_code(api_url, page.wait(_WAIT_SECONDS), apps_page)
    except KeyboardInterrupt:
        terminal.print_aside(f"Nothing was written. Delete the App if it is at {apps_page}")
        raise
    given = made.webhook_secret
    secret = given.get_secret_value() if given else secrets.token_hex(32)
    values = {"github_app_id": str(made.id), "public_url": public_url, "github_url": api_url}
    app_files.write(places, made.pem.get_secret_value(), secret, values)
    install = f"{made.html_url}/installations/new"
    steps = [f"Install the App on your repositories: {install}", _render_start(places, compose)]
    if given is None:
        steps.insert(0, f"Copy {places.webhook} into 'Webhook secret' at {made.html_url}")
    files = [str(path) for path in places[:3]]
    if as_json:
        facts = {"app_id": made.id, "page": made.html_url, "install": install}
        terminal.print_json({**facts, "files": files, "next": steps})
        return
    print(f"App {made.id} ({made.slug}) is registered: {made.html_url}")
    print("Private key, webhook secret and settings, readable by this user alone:")
    print("\n".join(f"  {file}" for file in files))
    print("Next:")
    print("\n".join(f"  {number}. {step}" for number, step in enumerate(steps, 1)))


def _choose_places(into: Path | None, compose: Path | None) -> Places:
    if compose is None:
        return app_files.for_serve(into or app_files.default_folder())
    if into is not None:
        raise typer.BadParameter("--compose says where to write as well; give one of them")
    if not (compose / "compose.yml").is_file():
        raise typer.BadParameter(f"{compose} has no compose.yml", param_hint="--compose")
    return app_files.for_compose(compose)


def _find_public_url(loaded: Settings, url: str | None) -> str:
    """Return the listener's public address.

    Raises:
        SettingsInvalid: It is no address.
        typer.BadParameter: There is none, or GitHub cannot reach it.
    """
    if url is not None:
        loaded = settings.load_settings({**os.environ, variable("public_url"): url})
    if loaded.public_url is None:
        problem = "give the address where GitHub reaches the listener: https://HOST"
        raise typer.BadParameter(problem, param_hint="--url")
    host = urlsplit(loaded.public_url).hostname or ""
    is_local = "." not in host or host.endswith(_LOCAL) or host.startswith(("127.", "10.", "192."))
    if loaded.github_url == _PUBLIC_API and is_local:
        problem = f"github.com cannot reach {host}; give the address of your proxy or tunnel"
        raise typer.BadParameter(problem, param_hint="--url")
    return loaded.public_url


def _invite(address: str) -> None:
    port = urlsplit(address).port
    terminal.print_aside(
        f"Open {address}\n"
        "The button there leads to GitHub; be signed in. A name that is taken you change there.\n"
        f"Browser on another machine? First, there: ssh -L {port}:127.0.0.1:{port} THIS-MACHINE\n"
        "Waiting for GitHub; Ctrl-C ends it."
    )


def _render_start(places: Places, compose: Path | None) -> str:
    if compose is not None:
        file = shlex.quote(str(compose / "compose.yml"))
        return f"Start: docker compose -f {file} up --build --detach --wait"
    load = f"set -a; . {shlex.quote(str(places.environment))}; set +a"
    return f"Load the settings and start: {load}; mergewright serve"
