"""`python -m tests.bench.model_memory CHAIN`: MB that the packages of a chain add to a worker."""

from __future__ import annotations

import sys

from agent import service, settings, wiring
from tests.bench.model_client import resident_mb


def main() -> None:
    """Load what a worker loads before its first run, and tell by how much it has grown."""
    assert service  # what a worker has without a model
    known = settings.load({"MERGEWRIGHT_MODEL": sys.argv[1], "MERGEWRIGHT_MODEL_TOKENS": "1000"})
    before = resident_mb()
    models = wiring.models(known)
    if models is not None:
        models.ready()
    print(resident_mb() - before)


if __name__ == "__main__":
    main()
