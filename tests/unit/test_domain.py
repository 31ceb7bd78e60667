"""Records travel as JSON; states move only as the table says; errors survive pickling."""

from __future__ import annotations

import inspect
import pickle

import pytest

from agent import errors
from agent.domain import ENDS, MOVES, Change, ChangedFile, RunState

CHANGE = Change(
    base_commit="a" * 40,
    files=(
        ChangedFile(path="bin.dat", before=None, after=b"\xff\x00\x80"),
        ChangedFile(path="gone.py", before=b"x = 1\n", after=None),
    ),
)


def test_bytes_survive_json():
    assert Change.model_validate_json(CHANGE.model_dump_json()) == CHANGE


@pytest.mark.parametrize(
    "update",
    [
        {"base_commit": "b" * 40},
        {"files": CHANGE.files[:1]},
        {"files": (CHANGE.files[0].model_copy(update={"after": None}), CHANGE.files[1])},
        {"files": (CHANGE.files[0].model_copy(update={"executable": True}), CHANGE.files[1])},
        {"files": (CHANGE.files[0].model_copy(update={"path": "bin.da"}), CHANGE.files[1])},
    ],
)
def test_the_digest_covers_everything_that_is_published(update):
    assert CHANGE.model_copy(update=update).digest != CHANGE.digest


def test_the_digest_does_not_cover_the_words():
    assert CHANGE.model_copy(update={"notes": ("x",)}).digest == CHANGE.digest


def test_every_state_has_its_moves_and_ends_have_none():
    assert set(MOVES) == set(RunState)
    assert {state for state, moves in MOVES.items() if not moves} == ENDS


def test_every_state_can_be_reached():
    reached = {RunState.RECEIVED}
    while True:
        further = reached.union(*(MOVES[state] for state in reached))
        if further == reached:
            break
        reached = further
    assert reached == set(RunState)


def leaves():
    return [
        item
        for _, item in inspect.getmembers(errors, inspect.isclass)
        if issubclass(item, errors.AgentError)
    ]


@pytest.mark.parametrize("error", leaves())
def test_errors_survive_pickling(error):
    values = {"message": "why it is so", "until": 1.5, "run_id": "r1"}
    wanted = [
        one.name
        for one in list(inspect.signature(error.__init__).parameters.values())[1:]
        if one.default is inspect.Parameter.empty or one.name == "message"
    ]
    problem = error(*(values.get(name, ()) for name in wanted))
    again = pickle.loads(pickle.dumps(problem))
    assert type(again) is error
    assert again.message == problem.message


@pytest.mark.parametrize("error", leaves())
def test_the_tree_in_the_docstring_names_every_error(error):
    assert f"{error.__name__}" in (errors.__doc__ or "")
