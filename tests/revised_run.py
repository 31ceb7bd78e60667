"""`mergewright`, with a review's wishes heard on the recipe's plan: `revised_run WISHES HEARD run …`.

Stands in the place of a follow-up: the plan is settled and revised on the same base, and carried
out, checked and published as ever. WISHES is a JSON list of Wish; HEARD gets what became of each.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from agent import worktree
from agent.cli import main
from agent.domain import Checkout, Contract, Decision, Run, Ticket
from agent.recipes import revising
from agent.recipes.recipe import Ground, Wish
from agent.services import Services
from agent.stages import plan
from repo_config.tree import Within


def hear(wishes: list[Wish], heard: Path) -> None:
    """Have every plan of a recipe revised before it is carried out."""
    as_ever = plan.settle

    def settle(
        ticket: Ticket,
        decision: Decision,
        run: Run,
        base: Checkout,
        contract: Contract,
        svc: Services,
    ) -> str:
        parameters = as_ever(ticket, decision, run, base, contract, svc)
        tree = Within(worktree.open_tree(base, svc.base_folder(run)), contract.config.folder)
        ground = Ground(tree, contract.config, contract.project)
        revision = revising.revised(plan.draft(decision, parameters), wishes, ground)
        said = [one.model_dump() for one in revision.heard]
        heard.write_text(json.dumps(said), encoding="utf-8")
        return revision.plan.parameters

    plan.settle = settle


if __name__ == "__main__":
    asked = json.loads(Path(sys.argv.pop(1)).read_text(encoding="utf-8"))
    hear([Wish.model_validate(one) for one in asked], Path(sys.argv.pop(1)))
    main.main()
