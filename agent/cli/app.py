"""`mergewright app`: register our GitHub App, and see what it may do and why."""

from __future__ import annotations

import os
import secrets
import shlex
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer
from pydantic import SecretStr

from agent import settings
from agent.cli import terminal
from agent.cli.app_files import Places, for_compose, for_serve
from agent.errors import SettingsInvalid
from agent.github import app_manifest
from agent.settings import Settings, variable

if TYPE_CHECKING:
    from agent.github.app_registration import MadeApp

app = typer.Typer(
    help="The GitHub App: register it, show what it may do and why.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

_PUBLIC_API = "https://api.github.com"
#: As long as GitHub's code would be good for.
_WAIT_SECONDS = 3_600.0


@app.command()
def create(
    organization: Annotated[
        str | None,
        typer.Option(metavar="ORG", help="Will own the App. Default: your own account."),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Address under which GitHub reaches the listener. Default:"
            f" {variable('public_url')}.",
        ),
    ] = None,
    port: Annotated[
        int,
        typer.Option(help="Of the page on 127.0.0.1; 0 takes any free one.", min=0, max=65535),
    ] = 0,
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="For key, secret and settings. Default: /etc/mergewright for root, else"
            " ~/.config/mergewright.",
        ),
    ] = None,
    compose: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            exists=True,
            help="In place of --into: the folder with compose.yml, laid out as it reads them.",
        ),
    ] = None,
    as_json: terminal.Json = False,
) -> None:
    """Register the GitHub App by GitHub's manifest flow, and keep its key and webhook secret.

    It prints the address of a page on this machine; the button there leads to GitHub, which asks
    for a name and registers the App. The key and the secret that GitHub then hands out are written
    to files that only you can read, and are never shown. MERGEWRIGHT_GITHUB_URL says which GitHub.

    Exit code 0: registered; 1: not, with the reason; 2: wrong usage or settings, or an App is
    configured already; 130: interrupted.
    """
    # They bring an HTTP client, a server and GitHub's library.
    from agent.cli import app_files
    from agent.github import app_registration

    loaded = settings.load_settings()
    public_url = _public_url(loaded, url)
    apps_page = app_manifest.settings_page(
        app_manifest.find_website(loaded.github_url), organization
    )
    name = f"Mergewright {organization or ''}".strip()[: app_manifest.LONGEST_NAME].strip()
    places = _places(into, compose)
    app_files.require_free(places, os.environ)
    app_files.prepare(places)
    app_registration.require_api(loaded.github_url)
    made = _registered(loaded.github_url, apps_page, public_url, name, port)
    secret = made.webhook_secret or SecretStr(secrets.token_hex(32))
    app_files.keep(
        places,
        made.pem.get_secret_value(),
        secret.get_secret_value(),
        {
            "github_app_id": str(made.id),
            "public_url": public_url,
            "github_url": None if loaded.github_url == _PUBLIC_API else loaded.github_url,
        },
    )
    facts: dict[str, Any] = {
        "app_id": made.id,
        "slug": made.slug,
        "name": made.name,
        "page": made.html_url,
        "install": f"{made.html_url}/installations/new",
        "files": [str(path) for path in places.files],
        "next": _next(made.html_url, places, compose, set_secret=made.webhook_secret is None),
    }
    if as_json:
        terminal.print_json(facts)
    else:
        _show_made(facts)


def _registered(api_url: str, apps_page: str, public_url: str, name: str, port: int) -> MadeApp:
    """Serve the page until GitHub has registered the App, and fetch what it hands out."""
    from agent.cli import app_page
    from agent.github import app_registration

    def form(redirect_url: str) -> tuple[str, dict[str, Any]]:
        return f"{apps_page}/new", app_manifest.make_manifest(public_url, name, redirect_url)

    with app_page.serving(port, form) as page:
        try:
            _invite(page.address)
            code = page.code(_WAIT_SECONDS)
            return app_registration.exchange_code(api_url, code, apps_page)
        except KeyboardInterrupt:
            print(
                "mergewright: nothing was written. If GitHub has registered the App already, delete"
                f" it at {apps_page}",
                file=sys.stderr,
            )
            raise


def _places(into: Path | None, compose: Path | None) -> Places:
    from agent.cli import app_files

    if compose is None:
        return for_serve(into or app_files.usual_folder())
    if into is not None:
        raise typer.BadParameter("--compose says where to write as well; give one of them")
    if not (compose / "compose.yml").is_file():
        raise typer.BadParameter(f"{compose} has no compose.yml", param_hint="--compose")
    return for_compose(compose)


def _public_url(loaded: Settings, url: str | None) -> str:
    """Give the listener's public address.

    Raises:
        typer.BadParameter: There is none, it is none, or GitHub cannot reach it.
    """
    given = loaded.public_url
    if url is not None:
        try:
            given = settings.load_settings({**os.environ, variable("public_url"): url}).public_url
        except SettingsInvalid as problem:
            raise typer.BadParameter(problem.message, param_hint="--url") from problem
    if given is None:
        raise typer.BadParameter(
            "give the address under which GitHub reaches the listener, as in"
            " https://mergewright.example.org",
            param_hint="--url",
        )
    host = urlsplit(given).hostname or ""
    if loaded.github_url == _PUBLIC_API and _only_here(host):
        raise typer.BadParameter(
            f"github.com cannot reach {host} and refuses it; give the public address of your proxy"
            " or tunnel",
            param_hint="--url",
        )
    return given


def _only_here(host: str) -> bool:
    """Tell whether an address means something on one machine or network only."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))


def _invite(address: str) -> None:
    """Say which page to open."""
    port = urlsplit(address).port
    lines = [
        f"Open {address}",
        "The button there leads to GitHub; be signed in. A name that is taken you change there.",
        f"Browser on another machine? First, there: ssh -L {port}:127.0.0.1:{port} THIS-MACHINE",
        "Waiting for GitHub; Ctrl-C ends it.",
    ]
    print("\n".join(lines), file=sys.stderr, flush=True)


def _next(html_url: str, places: Places, compose: Path | None, *, set_secret: bool) -> list[str]:
    """Say what is left to do, in order."""
    steps = []
    if set_secret:
        steps.append(
            f"GitHub made no webhook secret: put what {places.webhook} holds into the field"
            f" 'Webhook secret' of the App's page, {html_url}"
        )
    steps.append(f"Install the App on your repositories: {html_url}/installations/new")
    if compose is not None:
        file = shlex.quote(str(compose / "compose.yml"))
        steps.append(f"Start: docker compose -f {file} up --build --detach --wait")
        return [*steps, f"Look: docker compose -f {file} exec worker mergewright app show"]
    load = f"set -a; . {shlex.quote(str(places.environment))}; set +a"
    return [
        *steps,
        f"Load the settings and start: {load}; mergewright serve",
        "mergewright app show",
    ]


def _show_made(facts: dict[str, Any]) -> None:
    print(f"App {facts['app_id']} ({facts['slug']}) is registered: {facts['page']}")
    print("Written, readable by this user alone:")
    for path, what in zip(
        facts["files"], ("private key", "webhook secret", "settings"), strict=True
    ):
        print(f"  {path}  ({what})")
    print("Next:")
    for number, step in enumerate(facts["next"], 1):
        print(f"  {number}. {step}")


@app.command()
def show(as_json: terminal.Json = False) -> None:
    """Show which permissions and events the App asks for, each with its reason.

    Where an App is configured, GitHub is asked what it really has. Exit code 0: nothing is missing,
    or no App is configured; 1: something is missing, or GitHub does not answer; 2: wrong settings.
    """
    loaded = settings.load_settings()
    report = _report(loaded)
    if as_json:
        terminal.print_json(report)
    else:
        _show(report)
    raise typer.Exit(1 if report["app"] and report["app"]["missing"] else 0)


def _report(loaded: Settings) -> dict[str, Any]:
    report: dict[str, Any] = {
        "permissions": [one._asdict() for one in app_manifest.PERMISSIONS],
        "events": [one._asdict() for one in app_manifest.EVENTS],
        "app": None,
    }
    if loaded.github_app_id is None and loaded.github_private_key_file is None:
        return report
    from agent.github import app_registration

    has = app_registration.read_registered_app(loaded)
    compared = app_manifest.compare_permissions(has.permissions, has.events)
    report["app"] = {
        "id": has.id,
        "slug": has.slug,
        "page": has.html_url,
        "installations": has.installations,
        "missing": compared.is_lacking,
        **compared.model_dump(mode="json"),
    }
    return report


def _show(report: dict[str, Any]) -> None:
    for kind, keys in (("permission", ("name", "level", "reason")), ("event", ("name", "reason"))):
        rows = ([one[key] for key in keys] for one in report[f"{kind}s"])
        terminal.show_table((kind, *keys[1:]), rows, whole=len(keys) - 1)
        print()
    for line in _verdict(report["app"]):
        print(line)


def _verdict(has: dict[str, Any] | None) -> list[str]:
    """Say how the App that is configured stands to this."""
    if has is None:
        return ["No App is configured here; `mergewright app create` registers one."]
    many = has["installations"]
    accounts = "" if many is None else f", installed on {many} account{'' if many == 1 else 's'}"
    lines = [f"App {has['id']} ({has['slug']}){accounts}: {has['page']}"]
    lines += [f"Missing: {one}" for one in _listed(has, "missing")]
    if has["missing"]:
        lines.append(
            "Grant it on the App's settings page (Permissions & events); then each owner of an"
            " installation accepts it once."
        )
    lines += [f"More than it needs: {one}" for one in _listed(has, "excess")]
    if many == 0:
        lines.append(f"Not installed anywhere yet: {has['page']}/installations/new")
    return lines if len(lines) > 1 else [*lines, "It has what it needs, and no more."]


def _listed(has: dict[str, Any], which: str) -> list[str]:
    permissions = [f"{name}: {level}" for name, level in has[f"{which}_permissions"].items()]
    return [*permissions, *(f"event {name}" for name in has[f"{which}_events"])]
