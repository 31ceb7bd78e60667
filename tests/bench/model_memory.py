"""`python -m tests.bench.model_memory ASKED`: MB that packages of models add to a worker.

ASKED is JSON: settings of models, without `MERGEWRIGHT_`.
"""

from __future__ import annotations

import json
import sys

from agent import service, settings, wiring
from tests.bench.model_client import resident_mb


def main() -> None:
    """Load what a worker loads before its first run, and tell by how much it has grown."""
    assert service  # what a worker has without a model
    asked = {f"MERGEWRIGHT_{name}": value for name, value in json.loads(sys.argv[1]).items()}
    known = settings.load({**asked, "MERGEWRIGHT_MODEL_TOKENS": "1000"})
    before = resident_mb()
    models = wiring.models(known)
    if models is not None:
        models.ready()
    print(resident_mb() - before)


if __name__ == "__main__":
    main()
