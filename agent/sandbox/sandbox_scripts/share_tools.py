"""Make `python -m TOOL` run a tool of ours that the environment lacks.

Sessions have this file as `sitecustomize.py`; it imports the environment's own one at its end.
"""

import importlib.machinery
import importlib.util
import os
import sys


def _find_module():
    """Return the module that this process runs; empty: it runs none."""
    with open("/proc/self/cmdline", "rb") as file:
        words = file.read().decode("utf-8", "replace").split("\0")
    return words[words.index("-m") + 1].partition(".")[0] if "-m" in words[:-1] else ""


def _share_tools():
    name = _find_module()
    if sys.prefix != "/env" or not name or importlib.util.find_spec(name):
        return
    for place in ("/tools/" + name, "/gate"):
        packages = "%s/lib/python%d.%d/site-packages" % (place, *sys.version_info[:2])
        if os.path.exists(os.path.join(packages, name)):
            # The environment's own modules come first.
            sys.path.append(packages)
            return


sys.path[:] = [place for place in sys.path if place != os.path.dirname(__file__)]
_share_tools()
_own = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
if _own is not None and _own.loader is not None:
    sys.modules["sitecustomize"] = _module = importlib.util.module_from_spec(_own)
    _own.loader.exec_module(_module)
