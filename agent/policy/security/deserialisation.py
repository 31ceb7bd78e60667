"""Hold back data that runs as code when it is read.

Pickles, shelves, marshalled values, and YAML without a safe loader make any object and call any
function. Of what a request brings that blocks. Of anything else that is not written out it is for
the reviewer, who knows who writes the cache, the queue or the file. How values move is known to
`flow`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule
from agent.policy.security import flow, spots, values
from agent.policy.security.results import Site
from agent.policy.security.spots import Spot
from agent.policy.security.values import Kind
from agent.policy.view import View

INSECURE_DESERIALISATION = Rule(
    id="insecure-deserialisation",
    demands="What a request brings is never read by a format that can run code.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad="cart = pickle.loads(request.body)",
    good="cart = json.loads(request.body)",
)
FORMAT_THAT_RUNS_CODE = Rule(
    id="format-that-runs-code",
    demands="Data that is kept or passed on is in a format that cannot run code.",
    severity=Severity.REVIEW,
    bad="basket = pickle.loads(redis.get(key))",
    good="basket = json.loads(redis.get(key))",
)
RULES = (INSECURE_DESERIALISATION, FORMAT_THAT_RUNS_CODE)

_FIX = "Use JSON, yaml.safe_load, or weights_only=True; sign what only this project may write."
_MARKS = re.compile(rb"pickle|marshal|shelve|yaml|dill|joblib|torch|allow_pickle|jsonpickle|klepto")
_READS = frozenset(
    {
        "pickle.loads", "pickle.load", "pickle.Unpickler", "cPickle.loads", "cPickle.load",
        "_pickle.loads", "_pickle.load", "dill.loads", "dill.load", "cloudpickle.loads",
        "cloudpickle.load", "joblib.load", "marshal.loads", "marshal.load", "shelve.open",
        "jsonpickle.decode", "jsonpickle.loads", "pandas.read_pickle", "yaml.unsafe_load",
        "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all",
        "django.core.cache.backends.base.pickle.loads", "django.utils.six.moves.cPickle.loads",
    }
)  # fmt: skip
_YAML = frozenset({"yaml.load", "yaml.load_all"})
_UNSAFE_LOADERS = frozenset(
    f"yaml.{prefix}{name}"
    for prefix in ("", "loader.", "cyaml.")
    for name in ("Loader", "UnsafeLoader", "FullLoader", "CLoader", "CUnsafeLoader", "CFullLoader")
)


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new reading of a format that runs code."""
    fixes = {INSECURE_DESERIALISATION: _FIX, FORMAT_THAT_RUNS_CODE: _FIX}
    yield from spots.findings(proposal, _spots, fixes, apart=(FORMAT_THAT_RUNS_CODE,))


def _spots(view: View) -> Iterator[Spot]:
    if not _MARKS.search(view.content):
        return
    for site in flow.calls(view):
        if (how := _unsafe(site, view)) is None:
            continue
        given = values.joined([*site.arguments, *site.keywords.values()])
        level = given.level("data")
        if level == Kind.STRANGER:
            yield Spot(
                INSECURE_DESERIALISATION, site.node, f"reads {given.source('data')} by {how}"
            )
        elif level >= Kind.UNKNOWN:
            yield Spot(FORMAT_THAT_RUNS_CODE, site.node, f"reads data by {how}, which can run code")


def _unsafe(site: Site, view: View) -> str | None:
    """Return the function that reads data and may run code, if the call is one."""
    for name in sorted(site.names & _READS):
        return name
    for name in sorted(site.names & _YAML):
        return None if _has_safe_loader(site, view) else name
    if "torch.load" in site.names and not _is(site.written(-1, "weights_only"), value=True):
        return "torch.load without weights_only"
    if "numpy.load" in site.names and _is(site.written(2, "allow_pickle"), value=True):
        return "numpy.load with allow_pickle"
    return None


def _is(node: ast.expr | None, *, value: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def _has_safe_loader(site: Site, view: View) -> bool:
    loader = site.written(1, "Loader")
    if loader is None:
        return False
    scope = next(visit.scope for visit in view.all(ast.Call) if visit.node is site.node)
    return not view.names(loader, scope) & _UNSAFE_LOADERS
