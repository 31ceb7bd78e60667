"""The tools in the sandbox: what they do there, what of it is taken, and what a call is answered."""

import dataclasses

import pytest

from agent.desk import Desk
from agent.editing import attempts, tools
from agent.editing.forms import Submit
from agent.editing.tools import ToolExecutor
from agent.editing.turns import Turn
from agent.errors import EnvironmentFailed, SandboxLost
from agent.models.change import Change, Severity
from agent.models.chat import Reply
from agent.models.checks import Status, TestRun
from agent.models.record import replace
from agent.models.sandbox import CommandResult
from agent.setup.lock_update import UpdatedLocks
from repo_config.compiled_requirements import CompiledFile
from tests.fakes import FakeModel, FakeSession, make_reply
from tests.unit.editing import desks
from tests.unit.editing.desks import bash, edit, submit, write

TURN = Turn(conversation="edit 1", number=1)


class Opened:
    """The tools on a small repository."""

    def __init__(self, prepared, home, **facts):
        self.run_context = desks.run_context(
            prepared, home, FakeModel(lambda request: make_reply())
        )
        self.tools = ToolExecutor(self.run_context, {"submit": Submit}, **facts)
        self.change = Change(base_commit=prepared.checkout.commit, files=())

    def call(self, *calls, turn=TURN):
        reply = calls[0] if isinstance(calls[0], Reply) else make_reply(*calls)
        done = self.tools.carry_out(reply, self.change, turn)
        self.change = done.change or self.change
        return done

    def content(self, *calls):
        return self.call(*calls).results[-1].content

    @property
    def files(self):
        return {file.path: file.after for file in self.change.files}


@pytest.fixture
def opened(tmp_path, home):
    made = Opened(desks.repository(tmp_path, home), home)
    with made.run_context.close_at_end():
        yield made


def test_a_command_runs_in_the_tree_and_says_how_it_ended(opened):
    assert opened.content(bash("cat shop/prices.py")).startswith("def total")
    assert opened.content(bash("echo no; exit 3")) == "no\n[exit code 3]"
    assert opened.content(bash("true")) == "(no output)"


def test_a_command_past_its_limit_is_told_with_what_it_printed(opened, monkeypatch):
    monkeypatch.setattr(tools, "LEAST_SECONDS", 1)
    monkeypatch.setattr(tools, "limit_seconds", lambda most, left: most)
    said_so = opened.content(bash("echo first; sleep 20", seconds=1))
    assert said_so == "first\n[stopped after 1 s]"


def test_calls_run_in_order_and_what_they_make_is_the_change(opened):
    done = opened.call(
        edit(), write("shop/new.py"), bash("rm a.py; cat shop/new.py; echo x > b.txt")
    )
    assert [result.failed for result in done.results] == [False] * 3
    assert opened.files == {
        "a.py": None,
        "b.txt": b"x\n",
        "shop/new.py": b"x = 1\n",
        "shop/prices.py": b"def total(prices):\n    return sum(prices)\n",
    }
    assert opened.call(bash("git status")).change is None


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (edit(old="nowhere"), "old is not in the file"),
        (edit(old="prices", new="p"), "old occurs 2 times"),
        (edit(path="shop/nowhere.py"), "no such file"),
        (write("../out.py"), "cannot be written"),
        (edit(path="/etc/passwd"), "no such file"),
        (("fly", {}), "there is no such tool"),
        (("bash", {"comand": "true"}), "`command`"),
    ],
)
def test_MO3_what_cannot_be_done_is_the_answer_of_its_call(opened, call, words):
    (result,) = opened.call(call).results
    assert result.failed
    assert words in result.content
    assert not opened.files


def test_files_that_a_command_changes_without_naming_them_are_named(opened):
    assert opened.call(bash("sed -i s/total/sum_up/ shop/prices.py")).text == ""
    done = opened.call(bash("for path in shop/*; do sed -i s/sum_up/total_of/ $path; done"))
    assert done.text == "Also changed by a command: shop/prices.py."
    assert opened.call(bash("cat shop/prices.py")).text == ""


def test_ends_of_lines_stay_what_they_are(opened):
    opened.call(bash(r"printf 'a = 1\r\nb = 2\r\n' > w.py"), edit("w.py", "b = 2\n", "b = 3\n"))
    assert opened.files["w.py"] == b"a = 1\r\nb = 3\r\n"


def test_ignored_files_are_named_once(opened):
    done = opened.call(bash("echo x > run.log"))
    assert ("run.log" in done.text, opened.files) == (True, {})
    assert opened.call(bash("true")).text == "", "once is enough"


def test_an_ignored_file_that_the_plan_names_goes_with_the_change(opened):
    opened.tools.begin_edits(("run.log", "shop/new.py"))
    opened.call(write(), bash("echo x > run.log; echo x > other.log"))
    assert [one.path for one in opened.change.left_out] == ["run.log"]
    assert opened.change.paths == ("shop/new.py",)


def test_a_link_is_told_not_taken_and_goes_with_the_change(opened):
    done = opened.call(bash("ln -s /etc/passwd shop/link.py"))
    assert "shop/link.py" in done.text
    assert not opened.files
    assert [one.path for one in opened.change.left_out] == ["shop/link.py"]
    opened.call(bash("rm shop/link.py"))
    assert not opened.change.left_out


def test_a_sandbox_that_was_lost_comes_back_with_the_change_alone(opened):
    opened.call(write(), bash("echo x > run.log"))
    opened.tools.close()
    done = opened.call(bash("ls run.log shop"), turn=dataclasses.replace(TURN, number=2))
    assert "new.py" in done.results[0].content
    assert "cannot access 'run.log'" in done.results[0].content
    assert tools.LOST in done.text


def test_a_submit_of_a_batch_that_lost_its_sandbox_is_not_accepted(opened, monkeypatch):
    def lose(session, command, *, seconds):
        raise SandboxLost("Its first process exited.")

    monkeypatch.setattr(FakeSession, "run", lose)
    done = opened.call(write(), bash("true"), edit(), submit())
    assert [result.failed for result in done.results] == [False, True, True, True]
    assert "earlier changes are kept" in done.text
    assert not opened.files
    assert (done.form_name, done.form, done.results[-1].failed) == ("", "", True)
    monkeypatch.setattr(ToolExecutor, "_collect", lambda executor, batch: lose(None, "", seconds=0))
    done = opened.call(write(), submit(), bash("true"))
    assert [result.name for result in done.results] == ["write", "submit", "bash"]
    monkeypatch.undo()
    assert opened.call(submit()).form_name == "submit"


def read_first(opened):
    """Give the tools of a conversation that has no plan yet."""
    opened.tools = ToolExecutor(opened.run_context, attempts._EDITING, is_planned=False)


def test_before_a_plan_the_base_is_read_as_long_as_the_model_likes(opened):
    read_first(opened)
    done = opened.call(bash("echo x > new.py; cat shop/prices.py"), write())
    assert done.results[0].content.startswith("def total")
    assert (done.results[1].failed, opened.files) == (True, {})
    assert "`plan`" in done.results[1].content
    assert "`bash`" in done.results[1].content


def test_what_is_behind_a_form_is_not_run(opened):
    read_first(opened)
    done = opened.call(desks.plan(), bash("ls"), submit())
    assert (done.form_name, [result.failed for result in done.results]) == (
        "plan",
        [False, True, True],
    )
    opened.tools.begin_edits(())
    done = opened.call(edit(), submit(), turn=dataclasses.replace(TURN, number=2))
    assert (done.form_name, done.text) == ("submit", tools.LOST)
    assert done.change.paths == ("shop/prices.py",)


def test_a_plan_that_is_sent_again_holds_up_no_call_behind_it(opened):
    opened.tools = ToolExecutor(opened.run_context, attempts._EDITING)
    done = opened.call(make_reply(desks.plan(), edit(), submit()))
    assert (done.form_name, [result.failed for result in done.results]) == ("submit", [False] * 3)
    assert done.results[0].content.startswith("The plan is accepted.")


def test_a_command_has_by_default_half_as_long_again_as_the_tests(opened, monkeypatch):
    given = []
    monkeypatch.setattr(
        FakeSession, "run", lambda session, command, *, seconds: given.append(seconds) or
        CommandResult(output="", exit_code=0),
    )  # fmt: skip
    opened.call(bash("true"))
    tests = TestRun(name="tests", status=Status.PASSED, seconds=200.0)
    desks.set_baseline(opened.run_context, replace(desks.BEFORE, results=(tests,)))
    opened.call(bash("true"), bash("true", seconds=7))
    assert given == [120, 300, 7]


def test_what_programs_leave_behind_is_not_offered(opened):
    made = "import pathlib; pathlib.Path('hc' + '.log').write_text('x')"
    assert opened.call(bash(f'python3 -c "{made}"')).text == ""
    assert "hc.log" in opened.call(bash("cat hc.log")).text


def test_what_the_tests_of_base_leave_behind_is_no_part_of_the_change(opened):
    made = ("hc.sqlite", "new/data.json")
    tests = TestRun(name="tests", status=Status.PASSED, left_behind=made)
    report = replace(desks.BEFORE, results=(tests,))
    desks.set_baseline(opened.run_context, report)
    made = bash("touch hc.sqlite; mkdir new; echo 1 > new/data.json; echo 1 > new/own.json")
    assert "hc.sqlite: left behind" in opened.call(made).text
    assert [*opened.files] == ["new/own.json"]


def test_of_a_long_result_and_of_a_long_line_the_middle_is_left_out(opened):
    whole = "seq 5000 | sed 's/$/./'"
    done = opened.call(bash(whole), bash("seq 20000"), bash("yes | head -c 25000 | tr -d '\\n'"))
    first, cut, line = (result.content for result in done.results)
    assert first == "\n".join(f"{number}." for number in range(1, 5001))
    assert 29_000 < len(cut) <= 30_100
    assert (cut.startswith("1\n2\n"), cut.endswith("\n20000")) == (True, True)
    assert "send it to a file in /tmp" in cut
    assert len(line) == 2_000


def test_a_reply_gets_no_more_than_its_share_of_the_window(tmp_path, home, monkeypatch):
    monkeypatch.setattr(FakeModel, "find_window", lambda *_: 20_000)
    made = Opened(desks.repository(tmp_path, home), home)
    with made.run_context.close_at_end():
        assert "one reply 15,000" in made.tools.specs[0].description
        done = made.call(*[bash("seq 3000")] * 4)
    sizes = [len(result.content) for result in done.results]
    assert sum(sizes) < 16_500
    assert sizes[0] == 13_892


def test_an_edit_shows_the_lines_as_they_are_now(opened):
    text = "".join(f"line {number}\n" for number in range(1, 201))
    opened.call(write("shop/long.py", text))
    wrote = opened.content(write("shop/two.py", "a = 1\nb = 2\n"))
    assert wrote == "lines 1 to 2; the file now has:\n     1\ta = 1\n     2\tb = 2\n     3\t"
    shown = opened.content(edit("shop/long.py", "line 50\n", "one\ntwo\n"))
    assert shown.splitlines() == [
        "lines 50 to 51; the file now has:",
        "    47\tline 47", "    48\tline 48", "    49\tline 49", "    50\tone", "    51\ttwo",
        "    52\tline 51", "    53\tline 52", "    54\tline 53",
    ]  # fmt: skip
    removed = opened.content(edit("shop/long.py", "one\ntwo\n", ""))
    assert removed.startswith("removed before line 50; the file now has:\n    47\tline 47")
    many = opened.content(edit("shop/long.py", "line 60\n", "x\n" * 500))
    assert "[440 lines]" in many
    assert len(many.splitlines()) == 68


def test_whoever_only_reads_changes_nothing(tmp_path, home):
    made = Opened(desks.repository(tmp_path, home), home, edits=False)
    with made.run_context.close_at_end():
        assert [spec.name for spec in made.tools.specs] == ["bash", "submit"]
        done = made.call(bash("echo x > a.py"))
    assert done.change is None


REBUILD = ("rebuild", {})


def test_an_environment_is_built_as_declared_and_the_sandbox_has_it(opened, monkeypatch):
    def build(services, prepared, declared):
        tree = services.head_folder(prepared.run)
        if "nonsense" in (tree / "requirements.txt").read_text():
            raise EnvironmentFailed("There is no such package.")
        return replace(prepared.environment, packages=("httpx==0.28.1",))

    monkeypatch.setattr(Desk, "environment_of_change", build)
    done = opened.call(write("requirements.txt", "httpx\n"), REBUILD, write())
    assert "httpx==0.28.1" in done.results[1].content
    assert [*opened.files] == ["requirements.txt", "shop/new.py"]
    sessions = opened.run_context.desk.sessions.opened
    assert len(sessions) == 2
    opened.tools.close()
    late = dataclasses.replace(TURN, number=2)
    assert "httpx==0.28.1" in opened.call(bash("true"), turn=late).text, "also once it was lost"
    done = opened.call(write("requirements.txt", "nonsense\n"), REBUILD)
    assert done.results[1].failed
    assert "There is no such package." in done.results[1].content
    assert len(sessions) == 3
    assert "base branch's" in opened.content(bash("rm requirements.txt"), REBUILD)


def test_no_conversation_builds_environments_without_end(opened, monkeypatch):
    built = []
    monkeypatch.setattr(Desk, "environment_of_change", lambda *given: built.append(given) or
        opened.run_context.prepared.environment)  # fmt: skip
    told = [opened.call(write("requirements.txt", f"a=={n}\n"), REBUILD) for n in range(9)]
    assert len(built) == tools._MOST_REBUILDS
    assert told[-1].results[-1].failed


def test_requirements_that_cannot_be_compiled_need_review_and_stop_no_submit(opened, monkeypatch):
    updated = UpdatedLocks({}, {"requirements.txt": "Python.h: No such file\n"})
    asked: list[list[CompiledFile]] = []
    monkeypatch.setattr(
        Desk, "update_locks", lambda desk, prepared, stale: asked.append(stale) or updated
    )
    files = {"requirements.in": "six\n", "requirements.txt": "six==1.17.0\n"}
    opened.call(*(write(path, text) for path, text in files.items()))
    done = opened.call(submit())
    assert "Python.h: No such file" in done.text
    (finding,) = opened.change.left_out
    assert (finding.path, finding.severity) == ("requirements.txt", Severity.REVIEW)
    assert [[file.path for file in stale] for stale in asked] == [["requirements.txt"]]


def test_a_lock_follows_what_is_declared_and_is_part_of_the_change(opened, monkeypatch):
    same = opened.run_context.prepared.environment
    monkeypatch.setattr(Desk, "environment_of_change", lambda *given: same)
    lock = b'name = "tablib"\nversion = "3.8"\n'
    updated = UpdatedLocks({"uv.lock": lock}, {})
    monkeypatch.setattr(Desk, "update_locks", lambda *given: updated)
    declared = '[project]\nname = "shop"\ndependencies = ["tablib>=3"]\n'
    opened.call(write("uv.lock", "version = 1\n"), write("pyproject.toml", declared), REBUILD)
    assert opened.files["uv.lock"] == lock

    def fail(services, prepared, stale):
        raise EnvironmentFailed("No index.")

    monkeypatch.setattr(Desk, "update_locks", fail)
    assert "No index." in opened.content(REBUILD)
