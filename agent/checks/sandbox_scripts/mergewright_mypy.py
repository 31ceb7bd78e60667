"""Run mypy on what its configuration names, and on one module with errors that it must find.

Arguments: those of the repository's configuration for mypy.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys

import mergewright_entry
import mergewright_report

_CACHE = "/tmp/mergewright-mypy"  # noqa: S108 - the sandbox's own
_STUBS = "/tmp/mergewright-stubs"  # noqa: S108 - the same


def main():
    order, report = mergewright_entry.begin()
    sys.path[:] = mergewright_report.own_tools_only(order["tree"])
    # The plugins that a configuration names are in the repository's environment.
    sys.path += order["plugins"]
    from mypy import api
    from mypy.version import __version__

    as_json = tuple(int(part) for part in __version__.split(".")[:2]) >= (1, 11)
    given = sys.argv[1:]
    always = ["--no-pretty", "--hide-error-context", "--show-error-codes"]
    always += ["--no-error-summary", "--no-color-output"]
    if order["stubs"]:
        _show_stubs(order["stubs"])
    if order["python"]:
        always += ["--python-executable", order["python"]]
    if as_json:
        always += ["--output", "json"]
    targets, chosen, complaint = _choose_targets(given, order)
    facts = {"version": __version__, "as_json": as_json, "chosen": chosen}
    if complaint:
        _leave(report, facts, "", complaint, 2)
    _, options, _ = _read_arguments([*given, *targets])
    # Several processes need a cache between them.
    shared = getattr(options, "num_workers", 0)
    arguments = [*given, *targets]
    # The last one counts, and a cache in the tree is anybody's.
    always.append("--cache-dir=" + (_CACHE if shared else os.devnull))
    end = arguments.index("--") if "--" in arguments else len(arguments)
    _leave(report, facts, *api.run([*arguments[:end], *always, *arguments[end:]]))


def _show_stubs(packages):
    """Have mypy find the stubs that are installed beside it: where it looks by another Python."""
    os.mkdir(_STUBS)
    for name in os.listdir(packages):
        if name.endswith("-stubs"):
            os.symlink(os.path.join(packages, name), os.path.join(_STUBS, name))
    # That Python is a process of its own, which mypy asks for its path.
    os.environ["PYTHONPATH"] = _STUBS


_exit = os._exit


def _leave(report, facts, out, err, code):
    lines = out.splitlines()
    report.add(
        "mypy",
        lines=lines[:50000],
        left_out=max(0, len(lines) - 50000),
        errors=mergewright_report.cut(err),
        code=code,
        **facts,
    )
    report.add("exit", code=code)
    sys.stdout.write(out)
    sys.stderr.write(err)
    sys.stdout.flush()
    sys.stderr.flush()
    _exit(code)


def _choose_targets(given, order):
    """Say what to add to the arguments so that our module is checked along with the rest.

    mypy takes either files, or packages and modules, and heeds those of its configuration only
    when there are none among the arguments. It is asked itself what it makes of both.

    Returns:
        The arguments; those of them that we chose since nothing names any; mypy's complaint
        where there is one.
    """
    module, path = order["module"], order["module"] + ".py"
    named, _, complaint = _read_arguments([*given, "--config-file="])
    if named and not complaint:
        by_name = any(part.startswith(("-p", "-m", "--package", "--module")) for part in given)
        return (["-m", module] if by_name else _besides(named, path)), [], ""
    _, options, more = _read_arguments(given)
    if complaint or more:
        return [], [], complaint or more
    packages, modules, files = (
        list(getattr(options, name, None) or []) for name in ("packages", "modules", "files")
    )
    if packages or modules:
        chosen = [part for name in packages for part in ("-p", name)]
        chosen += [part for name in modules for part in ("-m", name)]
        return [*chosen, "-m", module, *files], [], ""
    shown = [] if files else _packages()
    chosen = files or shown
    sources, _, complaint = _read_arguments([*given, *chosen])
    return ([], shown, complaint) if complaint else ([*chosen, *_besides(sources, path)], shown, "")


def _packages():
    """Say what is checked where nothing says so: the packages, without their tests.

    The whole folder would do, but for the modules of equal names in it (conftest, setup), which
    mypy refuses.
    """
    if os.path.isdir("src"):
        return ["src"]
    left_out = {"test", "tests", "testing", "docs", "doc", "examples", "build", "dist"}
    found = sorted(
        name
        for name in os.listdir(".")
        if name not in left_out and os.path.isfile(os.path.join(name, "__init__.py"))
    )
    return found or ["."]


def _besides(sources, path):
    """Name our module unless a folder among the targets brings it along: twice is an error."""
    full = os.path.realpath(path)
    brought = any(source.path and os.path.realpath(source.path) == full for source in sources)
    return [] if brought else [path]


def _read_arguments(arguments):
    """Return the sources and options that mypy reads from arguments, or its complaint."""
    from mypy.main import process_options

    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            sources, options = process_options(
                list(arguments), require_targets=False, stdout=printed, stderr=printed
            )
    except SystemExit as end:
        return [], None, printed.getvalue().strip() or "mypy ended with exit code %s" % end.code
    return sources, options, ""


if __name__ == "__main__":
    main()
