"""Which tests a change takes, adds and keeps.

Owns who is the successor of a test that is no longer at its place: it may have moved, been
renamed, split, or become a case of a parametrized one. Leaves to `collected` what is a test, to
`expectations` what a test looks at, and to the rules what is a loss.
"""

from __future__ import annotations

import ast
import difflib
import posixpath
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from agent.policy.proposal import Proposal, PythonFile
from agent.policy.tampering.collected import Test, other_functions, tests
from agent.policy.tampering.naming import Naming, is_beside_tests
from agent.policy.view import View

#: Alike enough to be the same test under another name.
_ALIKE = 0.6
_LONGEST_COMPARED = 4_000
_MOST_COMPARED = 2_500


@dataclass(frozen=True, eq=False)
class Pair:
    """A test before, and what it is now."""

    old: Test
    new: Test

    @property
    def differs(self) -> bool:
        """Whether it says something else than before."""
        old, new = self.old, self.new
        return old.source != new.source or old.tables != new.tables


class Suite:
    """The tests that a change touches, before and after."""

    def __init__(self, proposal: Proposal) -> None:
        self._proposal = proposal
        self.naming = Naming(proposal)

    @cached_property
    def _sides(self) -> tuple[dict[tuple[str, str], Test], dict[tuple[str, str], Test]]:
        before: dict[tuple[str, str], Test] = {}
        after: dict[tuple[str, str], Test] = {}
        for file in self._proposal.python:
            if file.file.before is not None and file.before:
                for name, test in tests(file.path, file.before, self.naming).items():
                    before[file.path, name] = test
            if file.after and self._is_reached(file):
                for name, test in tests(file.path, file.after, self.naming).items():
                    if not test.never:
                        after[file.path, name] = test
        return before, after

    def _is_reached(self, file: PythonFile) -> bool:
        # A file that always lay elsewhere is run by arguments that are not known here.
        return file.file.before is not None or self.naming.is_reached(file.path)

    @cached_property
    def _matched(self) -> tuple[list[Pair], list[Test], list[Test]]:
        before, after = self._sides
        pairs = [Pair(test, after[key]) for key, test in before.items() if key in after]
        gone = [test for key, test in before.items() if key not in after]
        new = [test for key, test in after.items() if key not in before]
        matching = _Matching(gone, new)
        return [*pairs, *matching.pairs], matching.gone, matching.new

    @property
    def pairs(self) -> list[Pair]:
        """The tests that are there before and after, wherever they have moved."""
        return self._matched[0]

    @cached_property
    def changed_pairs(self) -> list[Pair]:
        """The tests, and helpers that look at something, whose text is not what it was."""
        return [pair for pair in (*self.pairs, *self._helpers()) if pair.differs]

    def _helpers(self) -> Iterator[Pair]:
        """Yield the functions beside the tests that may look at something."""
        for file in self._proposal.python:
            if not (file.before and file.after and is_beside_tests(file.path)):
                continue
            taken = {id(pair.old.node) for pair in self.pairs}
            old = other_functions(file.path, file.before)
            new = other_functions(file.path, file.after)
            for name, test in old.items():
                if name in new and id(test.node) not in taken:
                    yield Pair(test, new[name])

    @cached_property
    def gone(self) -> list[Test]:
        """The tests without a successor, whose checks no other test of the change has now."""
        if not self._matched[1]:
            return []
        pool = self.gained
        left = []
        for test in self._matched[1]:
            wanted = Counter(check.text for check in test.checks)
            if wanted and not wanted - pool:
                pool = pool - wanted
            else:
                left.append(test)
        return left

    @property
    def new(self) -> list[Test]:
        """The tests that were not there before."""
        return self._matched[2]

    @cached_property
    def gained(self) -> Counter[str]:
        """The checks that tests of the change have now and had not before."""
        pool: Counter[str] = Counter()
        for test in self.new:
            pool.update(check.text for check in test.checks)
        for pair in self.changed_pairs:
            now = Counter(check.text for check in pair.new.checks)
            pool.update(now - Counter(check.text for check in pair.old.checks))
        return pool

    @cached_property
    def touches_code(self) -> bool:
        """Whether the change is about anything beside tests and documents."""
        return any(
            not self.naming.is_of_tests(file.path)
            and not file.path.lower().endswith((".md", ".rst", ".txt"))
            and file.before != file.after
            for file in self._proposal.change.files
        )

    @cached_property
    def lost_names(self) -> frozenset[str]:
        """The functions, classes and modules of the code that the change takes away."""
        lost: set[str] = set()
        kept: set[str] = set()
        for file in self._proposal.python:
            if is_beside_tests(file.path):
                continue
            old = _defined(file.before) if file.file.before is not None and file.before else set()
            new = _defined(file.after) if file.after else set()
            kept |= new
            lost |= old
            if file.file.after is None:
                lost.add(posixpath.basename(file.path).removesuffix(".py"))
        return frozenset(
            name for name in lost - kept if len(name) > 2 and not name.startswith("__")
        )


def _defined(view: View) -> set[str]:
    classes = {visit.node.name for visit in view.all(ast.ClassDef)}
    return classes | {visit.node.name for visit in view.functions}


def of(proposal: Proposal) -> Suite:
    """Return the tests of a change; all rules share one reading."""
    return proposal.once(Suite)


# --- successors ---------------------------------------------------------------------------------


class _Matching:
    """Finds what tests that are gone from their place have become."""

    def __init__(self, gone: list[Test], new: list[Test]) -> None:
        self.gone, self.new = gone, new
        self.pairs: list[Pair] = []
        for key in (_place, _name, _body):
            self._by(key)
        self._by_likeness()

    def _by(self, key: Callable[[Test], str]) -> None:
        """Match those that have the same key, each once."""
        waiting: dict[str, list[Test]] = defaultdict(list)
        for test in self.new:
            waiting[key(test)].append(test)
        self._take((old, waiting[key(old)]) for old in self.gone)

    def _by_likeness(self) -> None:
        """Match those in the same file whose text is nearly the same."""
        if len(self.gone) * len(self.new) > _MOST_COMPARED:
            return
        texts = {id(test): _text(test) for test in (*self.gone, *self.new)}
        alike: list[tuple[float, int, int]] = []
        for place, old in enumerate(self.gone):
            matcher = difflib.SequenceMatcher(None, "", texts[id(old)], autojunk=False)
            for other, new in enumerate(self.new):
                if old.path != new.path:
                    continue
                matcher.set_seq1(texts[id(new)])
                if matcher.real_quick_ratio() < _ALIKE or matcher.quick_ratio() < _ALIKE:
                    continue
                if (ratio := matcher.ratio()) >= _ALIKE:
                    alike.append((-ratio, place, other))
        best: dict[int, int] = {}
        for _, place, other in sorted(alike):
            if place not in best and other not in best.values():
                best[place] = other
        candidates = list(self.new)
        self._take(
            (old, [candidates[best[place]]] if place in best else [])
            for place, old in enumerate(self.gone)
        )

    def _take(self, found: Iterable[tuple[Test, list[Test]]]) -> None:
        left = []
        taken: set[int] = set()
        for old, candidates in found:
            free = next((one for one in candidates if id(one) not in taken), None)
            if free is None:
                left.append(old)
            else:
                taken.add(id(free))
                self.pairs.append(Pair(old, free))
        self.gone = left
        self.new = [test for test in self.new if id(test) not in taken]


def _place(test: Test) -> str:
    return test.qualname


def _name(test: Test) -> str:
    return test.name


def _body(test: Test) -> str:
    return test.body


def _text(test: Test) -> str:
    return f"{test.name}\n{test.body}"[:_LONGEST_COMPARED]
