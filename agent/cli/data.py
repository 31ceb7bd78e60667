"""`mergewright data`: prepare the database; delete stored texts and names; print the audit log."""

import json
from contextlib import closing
from datetime import UTC, datetime
from typing import Annotated

import typer

from agent import secret_values, settings
from agent.cli import runs, terminal
from agent.errors import SettingsInvalid
from agent.models.clock import read_clock
from agent.store.purge_scope import PurgeScope
from agent.text import check_summary, sanitise

app = typer.Typer(
    help="Prepare the database, delete stored texts and names, and print the audit log.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)
_SHOWN = 20
OfRepository = Annotated[
    str, typer.Option(metavar="OWNER/NAME", help="All that is stored of this repository.")
]
OfPerson = Annotated[
    str, typer.Option(metavar="LOGIN", help="All runs and deliveries that name this person.")
]
OlderThan = Annotated[
    int | None,
    typer.Option(min=0, metavar="DAYS", help="All runs that ended so many days ago."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be deleted.")]


@app.command()
def prepare() -> None:
    """Create the tables of an empty PostgreSQL database; the first process would do the same.

    For listeners whose role has no right to create any. May run again, also while the service runs.
    """
    from agent.store import engine, sql_inbox, sql_run_store

    loaded = settings.load_settings()
    if (url := secret_values.find_database(loaded)) is None:
        raise SettingsInvalid(
            f"{settings.variable('database_url')} is not set. SQLite needs no preparation."
        )
    sql_inbox.open_inbox(loaded).close()
    sql_run_store.open_store(loaded).close()
    engine.create_tables(url)
    print("The database has all tables.")


@app.command()
def purge(
    repository: OfRepository = "",
    person: OfPerson = "",
    older_than: OlderThan = None,
    dry_run: DryRun = False,
    as_json: terminal.Json = False,
) -> None:
    """Delete texts and names of runs that are over: tickets, comments, logs, records, deliveries.

    Times, outcomes, cost and the signatures of logs stay, so `mergewright verify` still works.
    The audit log stays. Works while the service runs. What is deleted cannot be restored.
    """
    # The database's modules are imported only by commands that need them.
    from agent.service import purge as purging
    from agent.store import sql_audit, sql_run_store

    if [repository != "", person != "", older_than is not None].count(True) != 1:
        words = "give one of --repository, --person and --older-than"
        raise typer.BadParameter(words, param_hint="data purge")
    before = read_clock() - older_than * 86_400.0 if older_than is not None else 0.0
    scope = PurgeScope(repository, person.removeprefix("@"), before)
    loaded = settings.load_settings()
    settings.require_home(loaded.home)
    with closing(sql_run_store.open_store(loaded)) as store:
        report = purging.purge_data(loaded, store, scope, is_dry=dry_run)
        if not dry_run:
            what = "repository" if repository else "person" if person else "old runs"
            by = sql_audit.find_account()
            store.audit.add(f"purge {what}", by, "command line", repository=repository)
    if as_json:
        terminal.print_json(report.model_dump(mode="json") | {"dry_run": dry_run})
        return
    print("Would be deleted, with texts, names and logs:" if dry_run else "Deleted:")
    rows = [
        ("runs", f"{len(report.runs):,}  {sanitise.list_some(report.runs, _SHOWN)}"),
        ("deliveries", f"{report.deliveries:,}"),
        ("copies of repositories", f"{report.mirrors:,}"),
    ]
    terminal.show_table(("", ""), rows)
    if report.active_runs:
        left = check_summary.format_count(report.active_runs, "active run")
        print(f"Not deleted: {left}. Stop them, then repeat this.")


@app.command()
def audit(
    after: Annotated[
        int, typer.Option(min=0, metavar="NUMBER", help="Only entries after this number.")
    ] = 0,
) -> None:
    """Print the audit log as JSON lines, oldest first: who did what, when and by which way.

    Signing in, starting, stopping, retrying, approving and changing runs, pausing, and deleting
    data.
    """
    with runs.open_store(settings.load_settings()) as store:
        for entry in store.audit.list_after(after) if store else ():
            at = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="milliseconds")
            facts = entry.model_dump() | {"at": at}
            print(json.dumps({name: value for name, value in facts.items() if value != ""}))
