"""Seeded vulnerabilities: most are caught, and their harmless twins are left alone."""

from __future__ import annotations

import pytest

from tests.seeded_vulnerabilities import __main__ as command
from tests.seeded_vulnerabilities import rates

SEEN = [
    pytest.param(module, seed, id=f"{name}: {seed.name}")
    for name, (module, seeds) in rates.CLASSES.items()
    for seed in seeds
]


@pytest.fixture(scope="module")
def everything():
    return [
        one
        for classes in (rates.CLASSES, rates.HELD_OUT)
        for module, seeds in classes.values()
        for one in rates.tried(module, seeds)
    ]


def test_there_are_enough_seeds_of_every_class(everything):
    assert len(everything) >= 40
    assert len({one.seed.bad for one in everything}) == len(everything)
    assert all(one.seed.bad != one.seed.good and one.seed.after for one in everything)
    assert all(len(seeds) >= 8 for _, seeds in rates.CLASSES.values())
    assert sum(len(seeds) for _, seeds in rates.HELD_OUT.values()) >= 10


@pytest.mark.parametrize(("module", "seed"), SEEN)
def test_a_seed_that_rules_were_made_with_is_caught_and_its_twin_is_not(module, seed):
    (one,) = rates.tried(module, [seed])
    assert one.is_caught
    assert one.good == ()


def test_nine_of_ten_are_caught_and_refused_or_shown(everything):
    caught = sum(one.is_caught for one in everything) / len(everything)
    alarms = sum(one.is_alarm for one in everything) / len(everything)
    refused = sum(one.is_refused_twin for one in everything) / len(everything)
    print(f"{caught:.0%} caught, {alarms:.0%} false alarms, {refused:.0%} twins refused")
    assert caught >= command.LEAST_CAUGHT
    assert alarms <= 0.1
    assert refused <= 0.05


def test_the_command_tells_the_rates_of_every_class(capsys):
    assert command.main() == 0
    said = capsys.readouterr().out
    assert all(f"{name}, held out" in said for name in rates.CLASSES)
    assert "% caught" in said
