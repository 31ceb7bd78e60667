"""The simulator's pages over HTTP: what a reader sees, what forms do, and that texts stay inert."""

from __future__ import annotations

import re
import subprocess
from contextlib import contextmanager

import httpx
import pytest

from agent.demo.simulator import serving
from agent.demo.simulator.views import commits
from agent.demo.simulator.world import World
from tests.unit.simulator import elements

EVIL = "\"><script>document.title='owned'</script><img src=x onerror=alert(1)>"
# What git allows in the name of a branch and of a file.
EVIL_BRANCH = "\"><img/src=x/onerror=alert(1)>'"
EVIL_FILE = "\"><svg onload=alert(1)>'.py"
SHOP = "/octo/shop"


class Site:
    """A running simulator with a repository, as a browser and as an API client meet it."""

    def __init__(self, world, base_url, folder):
        self.world = world
        self.folder = folder
        self.browser = httpx.Client(base_url=base_url, timeout=30, trust_env=False)
        self.api = httpx.Client(base_url=base_url + "/api/v3/repos", timeout=30, trust_env=False)
        for login in ("octo", "wanda", "strange"):
            world.add_user(login)
        files = folder / "files"
        files.mkdir()
        (files / "README.md").write_text("# Shop\n")
        self.shop = world.add_repository("octo/shop", files, description="A shop")
        world.grant(self.shop, "wanda", "write")
        self.token = world.token_for("octo")

    def ask(self, method, path, **body):
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = self.api.request(method, f"/octo/shop{path}", json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def page(self, path, status=200):
        answer = self.browser.get(path, follow_redirects=True)
        assert answer.status_code == status, answer.text
        assert elements.active(answer.text) == []
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe" not in policy
        return answer.text

    def send(self, path, headers=None, **fields):
        return self.browser.post(f"{SHOP}/issues/{path}", data=fields, headers=headers)

    def push(self, branch, path="shop.py", content="x = 1\n", message="Change"):
        work = self.folder / "work"
        if not work.exists():
            subprocess.run(
                ["git", "clone", "-q", str(self.shop.git_dir), str(work)], check=True, timeout=30
            )
        git = ["git", "-C", str(work), "-c", "user.name=O", "-c", "user.email=o@example.org"]
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(content)
        for command in (
            ["switch", "-q", "-C", branch, "origin/main"], ["add", "-A"],
            ["commit", "-q", "-m", message], ["push", "-q", "origin", f"HEAD:refs/heads/{branch}"],
        ):  # fmt: skip
            subprocess.run([*git, *command], check=True, timeout=30, capture_output=True)

    def pull(self, branch="topic", **more):
        self.push(branch)
        return self.ask(
            "POST", "/pulls", **{"title": "Change", "head": branch, "base": "main", **more}
        )


@contextmanager
def running(folder):
    world = World(folder / "world")
    with serving.running(world) as base_url:
        made = Site(world, base_url, folder)
        yield made
        made.browser.close()
        made.api.close()


@pytest.fixture
def site(tmp_path):
    with running(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def still_site(tmp_path_factory):
    """A site for tests that change nothing."""
    with running(tmp_path_factory.mktemp("site")) as made:
        made.ask("POST", "/issues", title="To be labelled")
        yield made


def test_an_issue_shows_what_was_written_and_what_happened(site):
    body = "- [x] one\n- [ ] two\n\n<details><summary>More</summary>\n\n**bold**\n\n</details>"
    site.ask("POST", "/issues", title="Add `stock`", body=body, labels=["bug"])
    site.ask("POST", "/issues/1/comments", body="First")
    site.ask("POST", "/issues/1/reactions", content="eyes")
    page = site.page(f"{SHOP}/issues/1")
    text = elements.text(page)
    assert "<code>stock</code>" in page
    assert "<summary>More</summary>" in page
    assert "<strong>bold</strong>" in page
    assert "added the label" in text
    assert "First" in text
    assert "👀 1" in text
    assert text.index("added the label") < text.index("First")


def test_a_pull_request_shows_checks_commits_and_coloured_files(site):
    made = site.pull(body="Closes #9", draft=True)
    sha = made["head"]["sha"]
    site.ask("POST", f"/statuses/{sha}", state="failure", context="tests", description="2 failed")
    page = site.page(f"{SHOP}/pull/1")
    text = elements.text(page)
    assert "Draft" in text
    assert "tests" in text
    assert "2 failed" in text
    assert 'class="card verdict bad"' in page
    assert "+x = 1" in text
    assert '<tr class="added">' in page
    assert sha[:10] in text


def test_check_runs_show_their_annotations_and_can_be_reached_by_their_address(site):
    made = site.pull()
    app = site.world.add_app("checker", "octo")
    installed = site.world.install(app, "octo")
    site.token = site.world.issue_token(installed).value
    note = {"path": "shop.py", "start_line": 1, "end_line": 1, "annotation_level": "warning",
            "message": "No docstring"}  # fmt: skip
    output = {"title": "One remark", "summary": "See **below**", "annotations": [note]}
    run = site.ask("POST", "/check-runs", name="quality", head_sha=made["head"]["sha"],
                   status="completed", conclusion="neutral", output=output)  # fmt: skip
    page = site.page(f"{SHOP}/runs/{run['id']}")
    text = elements.text(page)
    assert "quality" in text
    assert "No docstring" in text
    assert "<strong>below</strong>" in page
    assert "shop.py:1" in text


def test_lists_show_repositories_issues_pulls_and_branches(site):
    site.ask("POST", "/issues", title="First issue")
    site.pull("feature/one")
    site.world.add_repository("octo/empty")
    assert "octo/empty" in elements.text(site.page("/"))
    assert "First issue" in elements.text(site.page(SHOP))
    assert "Change" in elements.text(site.page(f"{SHOP}/pulls"))
    branches = elements.text(site.page(f"{SHOP}/branches"))
    assert "feature/one" in branches
    assert "1 ahead" in branches
    for path in ("", "/pulls", "/branches"):
        site.page(f"/octo/empty{path}")
    assert "+x = 1" in elements.text(site.page(f"{SHOP}/tree/feature/one"))


def test_a_delivery_shows_request_and_answer(site):
    site.world.add_repository_hook(site.shop, f"{site.world.base_url}/nowhere", "secret")
    site.ask("POST", "/issues", title="Something")
    assert site.world.hooks.drain()
    front = site.page("/")
    assert "issues.opened" in elements.text(front)
    number = site.world.hooks.log[0].id
    text = elements.text(site.page(f"/_pages/deliveries/{number}"))
    assert "X-Hub-Signature-256" in text
    assert '"title": "Something"' in text
    assert "Method Not Allowed" in text


def test_every_text_of_others_stays_inert_on_every_page(site):
    site.world.add_label(site.shop, EVIL[:50], "d73a4a", EVIL)
    site.shop.description = EVIL
    site.world.add_repository_hook(site.shop, f"{site.world.base_url}/{EVIL}")
    evil_body = f"{EVIL}\n\n[x](javascript:alert(1)) </textarea></details></div>{EVIL}"
    site.ask("POST", "/issues", title=EVIL, body=evil_body, labels=[EVIL[:50]])
    site.ask("POST", "/issues/1/comments", body=evil_body)
    site.push(EVIL_BRANCH, EVIL_FILE, f"{EVIL}\n", f"{EVIL}\n\n{EVIL}")
    made = site.ask("POST", "/pulls", title=EVIL, body=evil_body, head=EVIL_BRANCH, base="main")
    sha = made["head"]["sha"]
    site.ask("POST", f"/statuses/{sha}", state="success", context=EVIL, description=EVIL,
             target_url="https://e.example")  # fmt: skip
    # The API refuses such an address; the page must not count on that.
    site.shop.statuses[-1].target_url = "javascript:alert(1)"
    assert site.world.hooks.drain()
    site.world.hooks.log[0].answer = EVIL
    addresses = [
        "/", "/octo", SHOP, f"{SHOP}/pulls", f"{SHOP}/branches", f"{SHOP}/issues/1", f"{SHOP}/pull/2",
        f"{SHOP}/commit/{sha}", *(f"/_pages/deliveries/{one.id}" for one in site.world.hooks.log),
    ]  # fmt: skip
    for address in addresses:
        site.page(address)
    pull = elements.text(site.page(f"{SHOP}/pull/2"))
    assert EVIL in pull
    assert EVIL_BRANCH in pull
    assert EVIL_FILE in pull


def test_a_form_adds_and_removes_a_label_in_the_chosen_persons_name(site):
    site.ask("POST", "/issues", title="To be labelled")
    answer = site.send("1/label", label="bug", **{"as": "wanda"})
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{SHOP}/issues/1?as=wanda"
    (happened,) = site.shop.issues[1].happenings
    assert (happened.event, happened.actor.login) == ("labeled", "wanda")
    site.send("1/unlabel", label="bug", **{"as": "octo"})
    assert site.shop.issues[1].labels == []


def test_labels_that_tell_a_state_are_proposed_last(site):
    for name in ("helper: working", "helper", "area: shop"):
        site.world.add_label(site.shop, name)
    site.ask("POST", "/issues", title="To be labelled")
    options = re.findall(r"<option>([^<]+)</option>", site.page(f"{SHOP}/issues/1"))
    assert options[:2] == ["helper", "area: shop"]
    assert "bug" in options
    assert options[-1] == "helper: working"


def test_a_title_is_edited_in_the_chosen_persons_name(site):
    site.ask("POST", "/issues", title="Of old")
    answer = site.send("1/title", title=f"New {EVIL}", **{"as": "wanda"})
    assert answer.status_code == 303
    assert site.shop.issues[1].title == f"New {EVIL}"
    assert EVIL in elements.text(site.page(f"{SHOP}/issues/1"))
    refused = site.send("1/title", title="Theirs", **{"as": "strange"})
    assert refused.status_code == 422
    assert "strange was refused: 403" in elements.text(refused.text)


def test_a_refusal_is_shown_with_what_was_typed(site):
    site.ask("POST", "/issues", title="To be labelled")
    answer = site.send("1/label", label="bug", **{"as": "strange"})
    assert answer.status_code == 422
    assert "strange was refused: 403" in elements.text(answer.text)
    too_long = "y" * 65_600
    answer = site.send("1/comment", body=too_long, **{"as": "wanda"})
    assert answer.status_code == 422
    assert "too long" in elements.text(answer.text)
    assert too_long in elements.text(answer.text)
    assert site.shop.issues[1].comments == []


def test_an_issue_is_opened_by_a_form_as_whoever_is_chosen(site):
    page = site.page(SHOP)
    assert f'action="{SHOP}/issues"' in page
    assert "strange (read)" in elements.text(page)
    fields = {"title": "Add ☃", "body": "First\r\nline", "as": "strange"}
    answer = site.browser.post(f"{SHOP}/issues", data=fields)
    assert (answer.status_code, answer.headers["location"]) == (
        303, f"{SHOP}/issues/1?as=strange",
    )  # fmt: skip
    made = site.shop.issues[1]
    assert (made.title, made.body, made.author.login) == ("Add ☃", "First\nline", "strange")
    assert "Add ☃" in site.page(SHOP)


def test_an_issue_that_is_refused_keeps_what_was_typed(site):
    fields = {"title": " ", "body": EVIL, "as": "wanda"}
    answer = site.browser.post(f"{SHOP}/issues", data=fields)
    assert answer.status_code == 422
    assert "wanda was refused: 422 Validation Failed. title missing_field" in elements.text(
        answer.text
    )
    assert EVIL in elements.text(answer.text)
    assert elements.active(answer.text) == []
    assert site.shop.issues == {}


@pytest.mark.parametrize(
    ("path", "headers", "fields", "status"),
    [
        ("issues", {"Origin": "http://elsewhere.example"}, {"as": "octo"}, 403),
        ("issues", {"Host": "elsewhere.example"}, {"as": "octo"}, 403),
        ("issues", {}, {"as": "nobody"}, 422),
        ("issues", {}, {}, 422),
    ],
)
def test_an_issue_is_opened_from_our_own_pages_by_people_we_know(
    site, path, headers, fields, status
):
    answer = site.browser.post(f"{SHOP}/{path}", data={"title": "x", **fields}, headers=headers)
    assert answer.status_code == status
    assert site.shop.issues == {}


def test_failed_deliveries_can_be_looked_at_alone(site):
    for port in ("1", None):
        address = f"http://127.0.0.1:{port}/x" if port else f"{site.world.base_url}/_simulator/ping"
        site.world.add_repository_hook(site.shop, address, "", ("issues",))
    site.ask("POST", "/issues", title="Told of")
    assert site.world.hooks.drain()
    states = sorted(one.state for one in site.world.hooks.log)
    assert "failed" in states
    page = site.page("/?deliveries=failed")
    assert page.count('class="dot bad"') == states.count("failed")
    assert 'class="dot good"' not in page


def test_a_delivery_is_sent_again_by_a_button(site):
    site.world.add_repository_hook(site.shop, "http://127.0.0.1:9/hook", "secret")
    site.ask("POST", "/issues", title="To be told")
    site.world.hooks.drain()
    (first,) = site.world.hooks.log
    address = f"/_pages/deliveries/{first.id}"
    assert "Deliver again" in site.page(address)
    elsewhere = {"Origin": "http://elsewhere.example"}
    assert site.browser.post(address, data={}, headers=elsewhere).status_code == 403
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert site.browser.post(address, headers=form).headers["location"] == "/#deliveries"
    assert site.browser.post("/_pages/deliveries/1", headers=form).status_code == 404
    site.world.hooks.drain()
    assert [(one.guid, one.redelivery) for one in site.world.hooks.log] == [
        (first.guid, False), (first.guid, True),
    ]  # fmt: skip


def test_a_comment_can_be_written_and_edited(site):
    site.ask("POST", "/issues", title="To be talked about")
    site.send("1/comment", body="First\r\nline", **{"as": "wanda"})
    (comment,) = site.shop.issues[1].comments
    assert (comment.body, comment.author.login) == ("First\nline", "wanda")
    site.world.clock_offset += 5
    site.send(f"1/comments/{comment.id}", body="Second", **{"as": "wanda"})
    text = elements.text(site.page(f"{SHOP}/issues/1"))
    assert "Second" in text
    assert "edited" in text
    site.send("1/body", body="New description", **{"as": "octo"})
    assert "New description" in site.page(f"{SHOP}/issues/1")


def test_a_form_leaves_no_token_behind(site):
    site.ask("POST", "/issues", title="To be talked about")
    before = set(site.world.tokens)
    site.send("1/comment", body="Hello", **{"as": "wanda"})
    assert set(site.world.tokens) == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
        {"Host": "127.evil.example"},
    ],
)
def test_a_form_from_elsewhere_is_refused(still_site, headers):
    answer = still_site.send("1/label", headers, label="bug", **{"as": "octo"})
    assert answer.status_code == 403
    assert still_site.shop.issues[1].labels == []


def test_a_form_from_our_own_page_passes(site):
    site.ask("POST", "/issues", title="To be labelled")
    headers = {"Origin": site.world.base_url, "Sec-Fetch-Site": "same-origin"}
    assert site.send("1/label", headers, label="bug", **{"as": "octo"}).status_code == 303


def test_what_is_no_form_of_ours_is_told_so(still_site):
    post = still_site.browser.post
    assert post(f"{SHOP}/issues/1/comment", json={"body": "x"}).status_code == 415
    assert still_site.send("1/celebrate", **{"as": "octo"}).status_code == 404
    assert still_site.send("1/comment", body="x", **{"as": "nobody"}).status_code == 422
    assert still_site.send("9/comment", body="x", **{"as": "octo"}).status_code == 404
    assert still_site.send("1/comment", body="x" * 1_000_001, **{"as": "octo"}).status_code == 413


@pytest.mark.parametrize(
    "path",
    [
        "/octo/nothing", f"{SHOP}/issues/77", f"{SHOP}/issues/x", f"{SHOP}/pull/{'9' * 30}",
        f"{SHOP}/commit/{'0' * 40}", f"{SHOP}/commit/--all", f"{SHOP}/runs/5",
        f"{SHOP}/tree/nothing", "/_pages/deliveries/5", f"/{EVIL}/{EVIL}", "/nobody",
        f"{SHOP}/wiki",
    ],
)  # fmt: skip
def test_what_is_not_there_is_a_page_that_says_so(still_site, path):
    assert "To the front page" in elements.text(still_site.page(path, status=404))


def test_accounts_and_apps_have_a_page(site):
    site.world.add_app("checker", "octo")
    assert "octo/shop" in elements.text(site.page("/octo"))
    assert "checker[bot]" in elements.text(site.page("/apps/checker"))


def test_programs_get_no_page_for_what_is_not_there(still_site):
    answer = still_site.browser.get("/_simulator/no/thing")
    assert answer.status_code == 404
    assert answer.text == ""


def test_a_moved_issue_tells_where_it_went(site):
    site.ask("POST", "/issues", title="To be moved")
    other = site.world.add_repository("octo/other")
    site.world.transfer(site.shop, 1, other, site.world.user("octo"))
    assert "octo/other#1" in elements.text(site.page(f"{SHOP}/issues/1", status=404))


def test_an_issue_address_of_a_pull_request_leads_to_it(site):
    site.pull()
    answer = site.browser.get(f"{SHOP}/issues/1")
    assert answer.status_code == 302
    assert answer.headers["location"] == f"{SHOP}/pull/1"


def test_a_long_patch_is_cut_and_says_so(site):
    site.push("long", "long.py", "x = 1\n" * (commits.MOST_LINES + 500))
    site.ask("POST", "/pulls", title="Long", head="long", base="main")
    assert "more lines are not shown" in elements.text(site.page(f"{SHOP}/pull/1"))


def test_a_merged_pull_request_still_shows_its_files(site):
    site.pull()
    site.ask("PUT", "/pulls/1/merge", merge_method="squash")
    text = elements.text(site.page(f"{SHOP}/pull/1"))
    assert "Merged" in text
    assert "+x = 1" in text


def test_long_and_right_to_left_titles_are_shown_whole(site):
    title = "שלום " + "א" * 240 + " 🎉"
    site.ask("POST", "/issues", title=title)
    assert title in elements.text(site.page(f"{SHOP}/issues/1"))


def test_the_style_sheet_is_served_as_one(still_site):
    page = still_site.page("/")
    (sheet,) = [
        e.attributes["href"]
        for e in elements.elements(page)
        if e.attributes.get("rel") == "stylesheet"
    ]
    answer = still_site.browser.get(sheet)
    assert answer.headers["content-type"].startswith("text/css")
    assert "url(" not in answer.text
