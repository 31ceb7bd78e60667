"""What a recipe cannot resolve alone goes to the model; without one the form comes back."""

import dataclasses

import pytest

from agent.errors import RunStopped, TicketUnclear
from agent.models.record import replace
from agent.stages import plan
from repo_config import detect
from tests.fakes import FakeCodeHost, FakeModel, make_reply
from tests.run_contexts import make_task
from tests.unit.recipes.trees import SHOP, project
from tests.unit.stages import code_host_runs
from tests.unit.trees import DictTree

HALF = "Add `note = models.TextField()` to the orders."


@pytest.fixture
def resolve_parameters(tmp_path):
    def resolve_parameters(body: str, *, model: bool) -> str:
        made = code_host_runs.prepared(tmp_path / "app", tmp_path / "home", SHOP)
        desk, _ = code_host_runs.services(tmp_path / "home", FakeCodeHost(code_host_runs.TICKET))
        desk = dataclasses.replace(
            desk, models=FakeModel(lambda _: make_reply()) if model else None
        )
        ticket = replace(code_host_runs.TICKET, body=body)
        contract = replace(made.contract, project=project())
        return plan.resolve_parameters(
            make_task(ticket, made.checkout, "add-django-field"),
            replace(made, contract=contract),
            desk,
        )

    return resolve_parameters


@pytest.mark.parametrize("on_forge", [True, False])
def test_what_is_refused_is_refused_before_any_request_but_to_a_local_run(tmp_path, on_forge):
    made = code_host_runs.prepared(
        tmp_path / "app", tmp_path / "home", {"a.py": "", "tests/test_a.py": ""}, on_forge=on_forge
    )
    config = replace(made.contract.config, contributions="refuse")
    contract = replace(made.contract, config=config)
    desk, _ = code_host_runs.services(tmp_path / "home", FakeCodeHost(code_host_runs.TICKET))
    desk = dataclasses.replace(desk, models=FakeModel(lambda _: pytest.fail("a request")))
    given = (
        make_task(code_host_runs.TICKET, made.checkout),
        replace(made, contract=contract),
        desk,
    )
    if not on_forge:
        assert plan.resolve_parameters(*given) == ""
        return
    with pytest.raises(RunStopped, match="`contributions: allow`"):
        plan.resolve_parameters(*given)


DJANGO = {
    "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings')\n",
    "config/__init__.py": "", "config/settings.py": "INSTALLED_APPS = ['library']\n",
    "library/__init__.py": "", "library/migrations/__init__.py": "",
    "library/models.py": "from django.db import models\n\n\nclass Book(models.Model):\n    pass\n",
    "requirements.txt": "django\n",
}  # fmt: skip


@pytest.mark.parametrize(("files", "count"), [(DJANGO, 1), ({"a.py": "x = 1\n"}, 0)])
def test_without_a_recipe_and_a_model_a_django_project_gets_an_example(tmp_path, files, count):
    made = code_host_runs.prepared(tmp_path / "app", tmp_path / "home", files)
    desk, _ = code_host_runs.services(tmp_path / "home", FakeCodeHost(code_host_runs.TICKET))
    tree = DictTree({path: text.encode() for path, text in files.items()})
    project = detect.detect_project(tree, made.contract.config)
    prepared = replace(made, contract=replace(made.contract, project=project))
    with pytest.raises(RunStopped, match="MERGEWRIGHT_MODEL") as raised:
        plan.resolve_parameters(make_task(code_host_runs.TICKET, made.checkout), prepared, desk)
    assert raised.value.message.count("\n- Add `nickname = ") == count


def test_half_a_ticket_is_the_models_or_comes_back_as_the_form(resolve_parameters):
    assert resolve_parameters(HALF, model=True) == ""
    with pytest.raises(TicketUnclear) as raised:
        resolve_parameters(HALF, model=False)
    assert "### Field\n  note = models.TextField(" in raised.value.message
