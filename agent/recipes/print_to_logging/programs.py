"""Which prints stay because printing is what they are for, each with its reason.

By where the file lies, by what is around a call, and by the tests that read the output.
"""

from __future__ import annotations

import ast
import re

from agent.recipes.modules import Modules, read_dotted_name
from agent.recipes.print_to_logging import calls
from agent.recipes.print_to_logging.calls import Call, Context, Function
from repo_config.documents import table
from repo_config.project_files import ProjectFiles
from repo_config.tree import Tree

_APART = re.compile(
    r"(?:^|/)(?P<folder>tests?|testing|docs?|examples?|demos?|scripts?|bin|tools|bench|benchmarks?"
    r"|_?vendor|migrations|management/commands)/"
    r"|(?:^|/)(?P<file>(?:test_[^/]*|[^/]*_tests?|tests?|conftest|setup|noxfile|manage|__main__)\.py)$"
)
_ENTRY = re.compile(r"[\w.-]+\s*=\s*(?P<module>[A-Za-z_][\w.]*)\s*:\s*(?P<function>[A-Za-z_]\w*)")
_COMMANDS = frozenset({"command", "group"})
_PARSERS = frozenset({"ArgumentParser", "parse_args", "parse_known_args", "OptionParser", "docopt"})
_SHOWN_BASES = re.compile(r"(?:Command|Cmd|TestCase)$")
_PRINTS = re.compile(r"(?:^|_)p?print(?:_|$)")
_READS = re.compile(
    rb"capsys|capfd|redirect_std(?:out|err)|sys\.std(?:out|err)|\.print['\"]|captured_std(?:out|err)"
)
_Entries = frozenset[tuple[str, str]]


def find_entry_points(tree: Tree) -> _Entries:
    """Find module and function of every console script that the project declares."""
    files = ProjectFiles(tree)
    project = table(files.pyproject, "project")
    tables = [table(project, name) for name in ("scripts", "gui-scripts")]
    tables.append(table(files.pyproject, "tool", "poetry", "scripts"))
    lines = [f"{name} = {target}" for one in tables for name, target in one.items()]
    declared = files.ini("setup.cfg").get("options.entry_points", {})
    lines += declared.get("console_scripts", "").split("\n")
    found = [_ENTRY.match(line.strip()) for line in lines]
    return frozenset((one["module"], one["function"]) for one in found if one)


def explain_path(path: str) -> str:
    """Say why a file is left alone unless it is named, from its path; empty: it is not."""
    found = _APART.search(path)
    if not found:
        return ""
    place = f"folder {found['folder']}/" if found["folder"] else found["file"]
    return f"it is no part of the library by its place ({place})"


class Programs:
    def __init__(self, module: ast.Module, entries: frozenset[str]) -> None:
        """Look at a file.

        Args:
            module: Its syntax tree.
            entries: Functions of it that console scripts start.
        """
        self._entries = entries
        self._started: set[str] = set()
        self._called: dict[Function, set[str]] = {}
        outer: list[tuple[Function, Context]] = []
        for node, around, _ in calls.walk_nodes(module):
            if isinstance(node, Function) and not around.functions:
                outer.append((node, around))
            if not isinstance(node, ast.Call):
                continue
            name = (read_dotted_name(node.func) or "").rpartition(".")[2]
            for function in around.functions:
                self._called.setdefault(function, set()).add(name)
            if around.main_guard and not around.functions:
                self._started.add(name)
        starts = [(node, self._explain_start(node, around)) for node, around in outer]
        self.reason = next((f"`{node.name}` {why}" for node, why in starts if why), "")
        """Why the file is a program as a whole; empty: it is none."""

    def explain(self, call: Call) -> str:
        """Say why a call is left alone, from what is around it; empty: it is not."""
        context = call.context
        if context.main_guard:
            return 'it is below `if __name__ == "__main__"`, so it is the program\'s output'
        for node in context.classes:
            for base in node.bases:
                if _SHOWN_BASES.search(read_dotted_name(base) or ""):
                    return f"a class of {read_dotted_name(base)} prints it, whose output it is"
        for function in context.functions:
            if why := self._explain_start(function, context) or self._explain_talk(function):
                return f"`{function.name}` {why}"
        if call.block is None:
            return "its value is used"
        return ""

    def _explain_start(self, function: Function, context: Context) -> str:
        """Say how a function starts a program."""
        if function.name in self._entries and not context.classes:
            return "is a console script; this is its output"
        for decorator in function.decorator_list:
            called = decorator.func if isinstance(decorator, ast.Call) else decorator
            if (read_dotted_name(called) or "").rpartition(".")[2] in _COMMANDS:
                return "is a command; this is its output"
        if self._called.get(function, set()) & _PARSERS:
            return "parses the command line; this is its output"
        return ""

    def _explain_talk(self, function: Function) -> str:
        """Say why a function's output is for someone at a terminal."""
        if function.name in self._started:
            return "is the program; this is its output"
        if self._called.get(function, set()) & {"input", "getpass"}:
            return "talks with someone at a terminal"
        if _PRINTS.search(function.name.lower()):
            return "prints, as its name says"
        return ""


class Captures:
    def __init__(self, known: Modules) -> None:
        self._readers: list[tuple[str, frozenset[bytes], frozenset[str]]] = []
        for path in known.files:
            if "test" not in path or not explain_path(path):
                continue
            content = known.read_text(path)
            if not _READS.search(content) or (module := known.read_module(path)) is None:
                continue
            imported: set[str] = set()
            for node in ast.walk(module.node):
                if isinstance(node, ast.Import):
                    imported |= {one.name for one in node.names}
                elif isinstance(node, ast.ImportFrom):
                    source = known.name_origin(node, path)
                    imported |= {source, *(f"{source}.{one.name}" for one in node.names)}
            words = frozenset(re.findall(rb"\w+", content))
            self._readers.append((path, words, frozenset(imported)))

    def find(self, module: str, name: str) -> str:
        """Find the test file that reads output, knows a module, and names a function or class."""
        for path, words, imported in self._readers:
            if name.encode() in words and any(
                f"{module}.".startswith(f"{one}.") or one.startswith(f"{module}.")
                for one in imported
            ):
                return path
        return ""
