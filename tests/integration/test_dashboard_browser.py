"""The dashboard in a real browser, as a process of its own, with the simulated GitHub to sign in by.

`PICTURES=DIR` keeps a picture of every page in both schemes and widths.
"""

import os
import random
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from agent.dashboard import sign_in_links
from agent.models.outcome import Outcome
from agent.models.run import Reason
from agent.store.sql_run_store import SqlRunStore
from tests.browsers import launched
from tests.processes import find_free_port, listening, wait_until
from tests.simulator import serving
from tests.simulator.world import World
from tests.unit.dashboard import made_runs

pytestmark = pytest.mark.deep
ROOT = Path(__file__).parents[2]
AXE = "axe-core@4.10.3"
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>"
LOAD_IMAGES = """Promise.all([...document.images].map((one) => {
  one.loading = "eager";
  return one.decode().catch(() => 0);
}))"""
SIZES = ((1280, 900), (390, 844))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        made = launched(driver)
        yield made
        made.close()


@pytest.fixture(scope="module")
def axe(tmp_path_factory) -> str:
    """The source of axe-core, as npm has it."""
    folder = tmp_path_factory.mktemp("axe")
    subprocess.run(["npm", "pack", AXE], cwd=folder, check=True, capture_output=True, timeout=120)
    (archive,) = folder.glob("*.tgz")
    with tarfile.open(archive) as package:
        return package.extractfile("package/axe.min.js").read().decode()


@pytest.fixture(scope="module")
def there(tmp_path_factory) -> Iterator[SimpleNamespace]:
    """A dashboard over a store with runs, whose people are in a simulated GitHub."""
    home = tmp_path_factory.mktemp("home")
    world = World(tmp_path_factory.mktemp("github"))
    with serving.running(world) as address, closing(SqlRunStore(home)) as store:
        for login in ("maria", "mallory"):
            world.add_user(login)
        world.number_next(100)
        app = world.add_app("mergewright", "maria")
        made_runs.fill(store, 120)
        # The runs of the first repository are in one that maria may write to.
        world.number_next(100)
        shop = world.add_repository(made_runs.REPOSITORIES[0], private=True)
        assert shop.id >= 100
        shop.id = 100
        world.repositories[100] = shop
        world.grant(shop, "maria", "write")
        world.install(app, "corner-shop")
        with serving_dashboard(home, address, app) as url:
            yield SimpleNamespace(home=home, store=store, url=url, world=world)


@contextmanager
def serving_dashboard(home: Path, github: str, app) -> Iterator[str]:
    """Run a dashboard; give its address."""
    port = find_free_port()
    url = f"http://127.0.0.1:{port}"
    given = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "MERGEWRIGHT_HOME": str(home),
        "MERGEWRIGHT_DASHBOARD_PORT": str(port), "MERGEWRIGHT_DASHBOARD_URL": url,
        "MERGEWRIGHT_GITHUB_URL": f"{github}/api/v3",
        "MERGEWRIGHT_GITHUB_CLIENT_ID": app.client_id,
        "MERGEWRIGHT_GITHUB_CLIENT_SECRET": app.client_secret,
    }  # fmt: skip
    program = (sys.executable, "-m", "agent.dashboard")
    with listening(program, port, given, subprocess.DEVNULL):
        yield url


def add_run(there, number: int, *, outcome: bool = False, **more):
    run = made_runs.make_run(number, time.time(), **more)
    run = there.store.add_run(run, time.time())
    ended = made_runs.make_outcome(run, Reason.READY, random.Random(1)) if outcome else None
    folder = made_runs.write_folder(there.home, run, ended, time.time() - 100)
    if ended:
        there.store.finish_run(run.run_id, ended, time.time())
    return run, folder


@contextmanager
def page_of(browser: Browser, **more) -> Iterator[Page]:
    """Open a page on which no dialog and no error of a script may come up."""
    context = browser.new_context(**more)
    page = context.new_page()
    problems: list[str] = []
    page.on("dialog", lambda dialog: problems.append(f"dialog: {dialog.message}"))
    page.on("pageerror", lambda error: problems.append(f"error: {error}"))
    yield page
    context.close()
    assert problems == []


def sign_in_operator(page: Page, there) -> None:
    page.goto(sign_in_links.create_sign_in_link(there.home, there.url))
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_and_can_be_used_by_everybody(there, browser, axe, scheme):
    number = 900 if scheme == "light" else 901
    done, _ = add_run(there, number, outcome=True)
    under_way, _ = add_run(there, number + 10)
    pages = {
        "runs": "/", "run": f"/runs/{done.run_id}", "under-way": f"/runs/{under_way.run_id}",
        "changes": f"/runs/{done.run_id}/changes", "log": f"/runs/{under_way.run_id}/log",
        "conversation": f"/runs/{done.run_id}/conversation", "queue": "/queue",
        "statistics": "/statistics?range=1y", "sign-in": "/sign-in", "nothing": "/nothing",
        "backtests": "/backtests", "backtest": "/backtests/20261127-101500-1",
    }  # fmt: skip
    made_runs.write_backtest(there.home, f"Mend it {EVIL}")
    made_runs.write_backtest(there.home, f"Mend it {EVIL}", "20261128-101500-1", resolved=True)
    problems = []
    for width, height in SIZES:
        with page_of(
            browser, viewport={"width": width, "height": height}, color_scheme=scheme
        ) as page:
            sign_in_operator(page, there)
            for name, path in pages.items():
                page.goto(f"{there.url}{path}")
                page.wait_for_timeout(100)
                page.evaluate(LOAD_IMAGES)
                wide = "document.documentElement.scrollWidth - innerWidth"
                assert page.evaluate(wide) <= 0, (name, width)
                if folder := os.environ.get("PICTURES"):
                    picture = Path(folder) / f"{name}-{scheme}-{width}.png"
                    page.screenshot(path=picture, full_page=True)
                page.evaluate(axe)
                found = page.evaluate("axe.run().then((one) => one.violations)")
                problems += [(name, width, one["id"], one["nodes"][0]["html"]) for one in found]
    assert problems == []


def test_a_log_of_20_MB_is_read_as_it_comes_and_searched_whole(there, browser):
    run, folder = add_run(there, 930, outcome=True)
    steps = ("read ticket", "baseline", "checks 1")
    with (folder / "run.log").open("w") as log:
        for step in steps:
            log.write(f"10:00:00 [{step}]\n")
            log.writelines(
                f"10:00:01 \x1b[32mPASSED\x1b[0m tests/test_orders.py::test_{step[0]}{number}\n"
                for number in range(120_000)
            )
        log.write(f"needle {EVIL}\n")
    assert (folder / "run.log").stat().st_size > 19_000_000
    with page_of(browser, viewport={"width": 1280, "height": 900}) as page:
        sign_in_operator(page, there)
        page.goto(f"{there.url}/runs/{run.run_id}/log", wait_until="commit")
        page.get_by_role("button", name="read ticket 0.2 s").wait_for()
        # The last step is open and coloured; those before are folded.
        page.locator(".ansi-2").first.wait_for()
        assert page.get_by_role("button", expanded=False).count() == 2
        page.get_by_role("searchbox").fill("TEST_B119999")
        page.get_by_text("1 line", exact=True).wait_for()
        page.keyboard.press("Enter")
        assert page.locator(".chosen mark").inner_text() == "test_b119999"
        assert page.url.endswith("#L240002")
        page.goto(f"{there.url}/runs/{run.run_id}/log#step=checks%201")
        page.reload()
        assert "checks 1" in page.locator(".chosen").inner_text()
        page.goto(f"{there.url}/runs/{run.run_id}/log#L360004")
        page.reload()
        assert page.locator(".chosen").inner_text() == f"360004needle {EVIL}"
        assert page.locator(".line").count() < 100, "only what is in view is on the page"


def test_the_log_goes_on_while_the_run_is_at_work(there, browser):
    run, folder = add_run(there, 920)
    with page_of(browser) as page:
        sign_in_operator(page, there)
        page.goto(f"{there.url}/runs/{run.run_id}")
        bar = page.locator("rect[data-begun]")
        wide = float(bar.get_attribute("width"))
        wait_until(lambda: float(bar.get_attribute("width")) > wide, 10)
        page.goto(f"{there.url}/runs/{run.run_id}/log")
        log = page.get_by_label("Log of the run")
        with (folder / "run.log").open("a") as file:
            file.write(f"10:59:58 [checks 1]\n10:59:58 [proof 1]\n10:59:59 fresh {EVIL}\n")
        wait_until(lambda: f"fresh {EVIL}" in log.inner_text(), 10)
        assert page.get_by_role("button", name="proof 1 running").is_visible()
        ended = Outcome.for_stopped_run(run.run_id, Reason.CANCELLED, "It was stopped.")
        there.store.finish_run(run.run_id, ended, time.time())
        page.get_by_text("live", exact=True).wait_for(state="detached", timeout=15_000)
