"""`mergewright app create`: register our GitHub App by GitHub's manifest flow."""

from __future__ import annotations

import os
import re
import secrets
import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlsplit

import typer

from agent import settings
from agent.cli import terminal
from agent.errors import PermanentError, SettingsInvalid, StorageFull
from agent.settings import Settings, variable
from agent.telemetry.private_files import write_private_file

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


#: What says that an App is configured, or a token; and the other way to give a webhook secret.
_CONFIGURED_BY = (
    "github_app_id", "github_private_key", "github_private_key_file", "webhook_secret_file",
    "github_token", "github_token_file", "webhook_secret", "github_client_id",
)  # fmt: skip


class AppFiles(NamedTuple):
    """Four files, and the path at which the service itself sees key and webhook secret."""

    key: Path
    webhook: Path
    environment: Path
    client: Path
    """The client secret, by which the dashboard signs people in; with compose its settings."""
    key_in_service: str
    webhook_in_service: str = ""
    """Empty: the service that has the key is never given that secret."""


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

    It prints the address of a page on this machine. The button there leads to GitHub, which asks
    for a name and registers the App. MERGEWRIGHT_GITHUB_URL says which GitHub.

    Exit code 0: registered; 1: not, with the reason; 130: interrupted. Exit code 2: wrong usage or
    settings, or an App is configured already.
    """
    # They bring an HTTP client, a server and GitHub's library.
    from agent.cli import app_page
    from agent.github import app_registration

    loaded = settings.load_settings()
    api_url, public_url = loaded.github_url, _find_public_url(loaded, url)
    apps_page = app_registration.settings_page(api_url, organization)
    name = f"Mergewright {organization or ''}".strip()[: app_registration.LONGEST_NAME].strip()
    places = _choose_places(into, compose)
    _prepare_folders(places, os.environ)
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
    client = (made.client_id, made.client_secret.get_secret_value())
    _write_files(places, made.pem.get_secret_value(), secret, values, client)
    install = f"{made.html_url}/installations/new"
    steps = [f"Install the App on your repositories: {install}", _render_start(places, compose)]
    if given is None:
        steps.insert(0, f"Copy {places.webhook} into 'Webhook secret' at {made.html_url}")
    files = [str(path) for path in places[:4]]
    if as_json:
        facts = {"app_id": made.id, "page": made.html_url, "install": install}
        terminal.print_json({**facts, "files": files, "next": steps})
        return
    print(f"App {made.id} ({made.slug}) is registered: {made.html_url}")
    print("Secrets and settings, readable by this user alone:")
    print("\n".join(f"  {file}" for file in files))
    print("Next:")
    print("\n".join(f"  {number}. {step}" for number, step in enumerate(steps, 1)))


def _choose_places(into: Path | None, compose: Path | None) -> AppFiles:
    if compose is None:
        return places_for_serve(into or _default_folder())
    if into is not None:
        raise typer.BadParameter("--compose says where to write as well; give one of them")
    if not (compose / "compose.yml").is_file():
        raise typer.BadParameter(f"{compose} has no compose.yml", param_hint="--compose")
    return places_for_compose(compose)


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


def _render_start(places: AppFiles, compose: Path | None) -> str:
    if compose is not None:
        file = shlex.quote(str(compose / "compose.yml"))
        return f"Start: docker compose -f {file} up --build --detach --wait"
    load = f"set -a; . {shlex.quote(str(places.environment))}; set +a"
    return f"Load the settings and start: {load}; mergewright serve"


# --- files --------------------------------------------------------------------------------------


def _default_folder() -> Path:
    """Return the folder for settings: /etc/mergewright for root, else one's own."""
    if os.geteuid() == 0:
        return Path("/etc/mergewright")
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "mergewright"


def places_for_serve(folder: Path) -> AppFiles:
    """Lay the files out for `mergewright serve`, which divides the secrets itself."""
    folder = folder.absolute()
    key, webhook = folder / "github", folder / "webhook"
    return AppFiles(key, webhook, folder / "environment", folder / "client", str(key), str(webhook))


def places_for_compose(folder: Path) -> AppFiles:
    """Lay the files out as `deploy/compose.yml` mounts them, from the folder that it is in."""
    folder = folder.absolute()
    key, webhook = folder / "secrets" / "github", folder / "secrets" / "webhook"
    return AppFiles(
        key, webhook, folder / "worker.env", folder / "dashboard.env", "/run/secrets/github"
    )


def _prepare_folders(places: AppFiles, environ: Mapping[str, str]) -> None:
    """Make the folders; SettingsInvalid where an App, or a token, is configured already."""
    text = _read(places.environment)
    found = [str(path) for path in (places.key, places.webhook) if path.exists()]
    for name in map(variable, _CONFIGURED_BY):
        if re.search(rf"^\s*(?:export\s+)?{name}\s*=", text, re.MULTILINE):
            found.append(f"{name} in {places.environment}")
        if environ.get(name):
            found.append(f"{name} in the environment")
    if found:
        raise SettingsInvalid(
            f"An App or a token is configured already: {', '.join(found)}. Use that, name another"
            " folder (--into), or move them away first."
        )
    for folder in {path.parent for path in places[:4]}:
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise SettingsInvalid(f"{folder} cannot be written to. Name another with --into.")


def _write_files(
    places: AppFiles,
    key: str,
    webhook_secret: str,
    values: Mapping[str, str],
    client: tuple[str, str],
) -> None:
    """Write the secrets, and add the settings by field to their file; mode 0600.

    Args:
        client: The App's client ID and client secret.
    """
    values = {"github_private_key_file": places.key_in_service, **values}
    texts = {places.key: key, places.webhook: f"{webhook_secret}\n"}
    signing_in = {"github_client_id": client[0]}
    if places.webhook_in_service:
        values |= {"webhook_secret_file": places.webhook_in_service, **signing_in}
        values["github_client_secret_file"] = str(places.client)
        texts[places.client] = f"{client[1]}\n"
    else:
        signing_in["github_client_secret"] = client[1]
        texts[places.client] = _add_lines(places.client, signing_in)
    texts[places.environment] = _add_lines(places.environment, values)
    try:
        for path, text in texts.items():
            write_private_file(path, text)
    except StorageFull as problem:
        raise PermanentError(
            f"{problem.message}, so the App's key is lost. Free space."
            " Create a new private key and webhook secret on the App's page. Then write the files"
            " by hand (deploy/README.md)."
        ) from problem


def _add_lines(path: Path, values: Mapping[str, str]) -> str:
    """Give the text of a file of settings with these; the last line about one counts."""
    lines = [f"{variable(field)}={shlex.quote(value)}" for field, value in values.items()]
    return "\n".join([*_read(path).splitlines(), *lines, ""])


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeError) as problem:
        raise SettingsInvalid(f"{path} cannot be read ({problem}).") from problem
