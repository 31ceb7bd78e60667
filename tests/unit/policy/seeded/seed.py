"""What a seed is: a small change with a vulnerability, and its twin that does the same safely."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Seed:
    """A vulnerable file that a change adds, and a harmless one as like it as can be."""

    name: str
    after: str
    """Which published fault it is made after."""
    bad: str
    good: str
    path: str = "app/views.py"
