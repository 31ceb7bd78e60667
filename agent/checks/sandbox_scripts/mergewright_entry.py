"""Start of every script here: read the order before any foreign code can have run.

The scripts are started with `-S`, so no `.pth` file and no `sitecustomize` runs before the order is
read and deleted. The repository's own variables are left out too: they could give other code to the
interpreter or its loader. Both are restored afterwards. The repository's code, and the processes
that it starts, then see an interpreter that was started as usual.

Runs on any Python from 3.9. Imports only the standard library, from the interpreter's own place:
neither the working directory nor the environment is on the path yet.
"""

from __future__ import annotations

import importlib.metadata
import os
import site
import sys
import tempfile
import warnings

import mergewright_report

OURS = os.path.dirname(os.path.abspath(__file__))


def begin():
    """Take the order, open the report, become an ordinary interpreter; return both.

    Afterwards our own folder is not on `sys.path`.
    """
    if not sys.flags.no_site:
        raise SystemExit("%s must be started with -S" % sys.argv[0])
    order = mergewright_report.accept_order()
    report = mergewright_report.SealedWriter(order)
    environ = order.pop("environ")
    os.environ.update(environ)
    _find_modules(environ)
    # Code that starts further interpreters with this one's flags reads them here.
    sys.flags = _Flags(sys.flags)
    site.main()
    if order.get("extra_packages"):
        sys.path.append(_link_packages(order["extra_packages"], order["gate_packages"]))
    _filter_warnings(environ)
    return order, report


def _link_packages(packages, place):
    """Return a folder with some of our own packages, and no others of ours."""
    folder = tempfile.mkdtemp()
    for distribution in importlib.metadata.distributions(path=[place]):
        if distribution.metadata["Name"] in packages:
            for name in {file.parts[0] for file in distribution.files or ()} - {".."}:
                os.symlink(os.path.join(place, name), os.path.join(folder, name))
    return folder


def _find_modules(environ):
    """Give `sys.path` what the repository's variables say, and take our folder away."""
    own = [entry for entry in sys.path if os.path.abspath(entry) != OURS]
    given = environ.get("PYTHONPATH", "")
    sys.path[:] = [*(given.split(os.pathsep) if given else ()), *own]
    if environ.get("PYTHONPYCACHEPREFIX"):
        sys.pycache_prefix = environ["PYTHONPYCACHEPREFIX"]


def _filter_warnings(environ):
    """Do what PYTHONWARNINGS says; its categories may be in the environment's packages."""
    given = environ.get("PYTHONWARNINGS", "")
    if given:
        sys.warnoptions.extend(given.split(","))
        warnings._processoptions(given.split(","))


class _Flags(tuple):  # noqa: SLOT001 - it keeps the original
    """The interpreter's flags as they are without `-S`."""

    no_site = 0

    def __new__(cls, started):
        """Copy all flags but the one, which is the seventh in every version."""
        flags = super().__new__(cls, (*started[:6], 0, *started[7:]))
        flags._started = started
        return flags

    def __getattr__(self, name):
        return getattr(self._started, name)

    def __repr__(self):
        return repr(self._started).replace("no_site=1", "no_site=0")
