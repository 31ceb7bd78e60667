"""Hostile sources do not hold the process up."""

from __future__ import annotations

import time

from agent.recipes.print_to_logging import levels, message


def test_nothing_is_looked_for_without_end():
    began = time.process_time()
    levels.split_prefix([" " * 20_000 + "info" + " " * 20_000 + "x"])
    levels.split_prefix(["[" * 20_000 + "info"])
    list(message._SPEC.finditer("%" + "0" * 20_000 + "%-" * 20_000))
    assert time.process_time() - began < 5
