"""What befalls the service's processes: kills, absence, sandboxes that die; and what they leave."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agent.git import folders
from tests.chaos import effects, judge
from tests.chaos.broken import BREAKS
from tests.chaos.campaign import Campaign
from tests.chaos.fleet import LEASE_SECONDS, FleetCampaign
from tests.chaos.ground import Ground, Workers, laid_out
from tests.chaos.points import Point, When
from tests.chaos.tickets import Tickets
from tests.folders import data_folder
from tests.postgresql import serving

DEPLOYED = Path(__file__).parents[2] / "deploy" / "README.md"


@pytest.fixture(scope="module")
def ground(store: Path) -> Iterator[Ground]:
    (store / "environments").mkdir(mode=0o755, exist_ok=True)
    with data_folder("chaos") as folder, laid_out(folder, store / "environments") as made:
        yield made


@pytest.fixture(scope="module")
def campaign(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """One that knows what comes of a small ticket without kills."""
    tickets = Tickets(ground, tmp_path_factory.mktemp("repositories"))
    made = Campaign(ground, tickets, 1, print)
    made.undisturbed(("small",))
    return made


def assert_well(ground: Ground, campaign: Campaign) -> None:
    verdict = judge.judge(ground, campaign.tickets.all, campaign.expected)
    assert verdict.well, "\n".join((verdict.line(), *verdict.words))
    assert campaign.missed == []


@pytest.mark.deep
def test_PF1_kill_9_at_every_write_around_a_call_for_a_person_calls_once(ground, campaign):
    campaign.undisturbed(("unclear",))
    (comment,) = campaign.expected["unclear"]["comment"]
    assert " call=" in comment
    before = campaign.kills.total()
    writes = {"POST issues/N/comments", "DELETE issues/comments/N"}
    campaign.at_writes(
        "unclear", [write for write in campaign.writes["unclear"] if write in writes]
    )
    assert campaign.kills.total() - before == len(writes)
    assert_well(ground, campaign)


@pytest.mark.deep
def test_PF1_kill_9_at_every_step_and_at_random_loses_nothing_and_doubles_nothing(ground, campaign):
    campaign.undisturbed(("add-field", "unclear"))
    before = campaign.kills.total()
    campaign.at_points("add-field", campaign.list_points("add-field"))
    campaign.at_random(12, 6)
    assert campaign.kills.total() - before == 3 * len(campaign.steps["add-field"]) + 12
    assert_well(ground, campaign)


def read_commands(word: str) -> list[str]:
    """Read the commands with a word that deploy/README.md has for a backup."""
    (part,) = re.findall(r"^## Backup$(.+?)^## ", DEPLOYED.read_text(), re.MULTILINE | re.DOTALL)
    names = re.findall(rf"^    ({word} .+)$", part, re.MULTILINE)
    assert names
    return [str(command) for command in names]


def run_command(command: str) -> None:
    subprocess.run(["bash", "-euc", command], check=True, timeout=60)


@pytest.mark.deep
def test_PF1_a_backup_of_every_step_is_restored_on_an_empty_disk():
    """As documented: the data folder without its caches, which the next worker makes again."""
    with data_folder("backup") as folder, laid_out(folder) as ground:
        (back_up,) = read_commands("tar")
        for written, here in (("/backup", folder), ("/var/lib/mergewright", ground.home)):
            assert written in back_up
            back_up = back_up.replace(written, str(here))
        campaign = Campaign(ground, Tickets(ground, folder / "repositories"), 1, print)
        campaign.undisturbed(("add-field",))

        def restore() -> None:
            run_command(back_up)
            for left in ground.home.iterdir():
                folders.delete_folder(left)
            run_command(f"tar -xzf {folder}/mergewright.tar.gz -C {ground.home}")

        campaign.at_points("add-field", campaign.list_points("add-field", (When.RECORD,)), restore)
        assert_well(ground, campaign)


@pytest.mark.deep
def test_PF1_a_dump_of_every_step_is_restored_for_a_worker_with_an_empty_disk():
    with data_folder("dump") as folder, serving() as server:
        fleet = laid_out(
            folder,
            server=server,
            workers=1,
            has_new_disks=True,
            MERGEWRIGHT_LEASE_SECONDS=str(LEASE_SECONDS),
        )
        with fleet as ground:
            name = ground.environ["MERGEWRIGHT_DATABASE_URL"].rpartition("/")[2]
            prefix = f"export PGHOST=127.0.0.1 PGPORT={server.port} PGUSER=postgres; cd {folder}; "
            (dump,), (restore_dump,) = read_commands("pg_dump"), read_commands("pg_restore")
            dump = f"{prefix}{dump.removesuffix('mergewright')}{name}"
            restore_dump = prefix + restore_dump.replace("=mergewright ", f"={name} ")
            campaign = FleetCampaign(ground, Tickets(ground, folder / "repositories"), 1, print)
            campaign.undisturbed(("add-field",))

            def restore() -> None:
                run_command(dump)
                server.execute("DELETE FROM runs; DROP SCHEMA dbos CASCADE", name)
                run_command(restore_dump)

            campaign.at_points(
                "add-field", campaign.list_points("add-field", (When.RECORD,)), restore
            )
            assert_well(ground, campaign)


@pytest.mark.deep
def test_PF1_a_service_that_is_broken_on_purpose_is_noticed(ground, campaign):
    assert "publish" in BREAKS
    with closing(Workers(ground.environ, ground.workers.log, "publish")) as workers:
        faulty = Campaign(replace(ground, workers=workers), campaign.tickets, 1, print)
        ticket = faulty.one("small", Point("publish", When.EFFECT))
    verdict = judge.Verdict()
    judge.compare(verdict, ticket.name, campaign.expected["small"], effects.of(ground, ticket))
    assert verdict.double > 0, verdict.line()
