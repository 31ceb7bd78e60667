"""`python -m tests.thirdparty.build_environment FOLDER`: the environment of its last commit, as JSON."""

from __future__ import annotations

import sys
import time

from agent import settings, wiring
from agent.models.run import Run
from agent.stages import checkout, environment


def main() -> None:
    """Build it as a run does, or find it in the store."""
    svc = wiring.make_local_services(settings.load_settings(), lambda line: None)
    started = int(time.time())
    run = Run(run_id=f"env-{time.time_ns()}", repository=sys.argv[1], ticket="", started=started)
    base = checkout.prepare_checkout(run, svc)
    contract = checkout.read_contract(run, base, svc)
    print(environment.build_environment(run, base, contract, svc).model_dump_json())


if __name__ == "__main__":
    main()
