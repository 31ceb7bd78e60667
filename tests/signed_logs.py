"""What is held against the signed log of a run."""

import io
from pathlib import Path

from agent.settings import Settings
from agent.telemetry import signature
from agent.telemetry.signature import SignedLog


def assert_signed(home: Path, run_id: str) -> SignedLog:
    """Check that the exported log of a run verifies with the key of its data folder."""
    exported = io.BytesIO()
    signature.export_run(home / "runs" / run_id, exported)
    key = signature.load_key(Settings(home=home))
    log, problems = signature.verify_run(exported, signature.name_key(key))
    assert problems == ()
    return log
