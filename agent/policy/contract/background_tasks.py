"""Hold changed code to the one system for work aside that the project has chosen.

A second one means second workers, retries and monitoring, or work that is lost with the process
where the project's own keeps it. It comes in by an import, through a module of the project, or as
an argument that FastAPI fills by its annotation. Threads begun while a request is answered are such
a system too, made by hand; tasks of the event loop that nobody keeps may be collected before they
end. Both are for the reviewer.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.domain import Finding, Severity
from agent.policy import layout
from agent.policy.contract import handlers, library_uses, task_systems
from agent.policy.proposal import Hit, Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.view import View, Visit

BACKGROUND_TASKS = Rule(
    id="background-tasks",
    demands="No file brings in a system for background tasks other than `background_tasks`.",
    severity=Severity.BLOCK,
    bad="async def order(tasks: BackgroundTasks):  # and background_tasks is celery",
    good="async def order():\n    send_receipt.delay(order.pk)",
)
BACKGROUND_TASKS_USE = Rule(
    id="background-tasks-use",
    demands="What a file has of another system for background tasks does not grow.",
    severity=Severity.REVIEW,
    bad="queue.enqueue(send)  # once more in a file that imports rq, and it is celery",
    good="send.delay()",
)
HANDLER_THREAD = Rule(
    id="handler-thread",
    demands="What answers requests begins no threads or processes where a system is configured.",
    severity=Severity.REVIEW,
    bad="def order(request):\n    Thread(target=send).start()  # and background_tasks is celery",
    good="def order(request):\n    send.delay()",
)
DANGLING_TASK = Rule(
    id="dangling-task",
    demands="Tasks of the event loop are kept by somebody until they end.",
    severity=Severity.REVIEW,
    bad="asyncio.create_task(send())",
    good="tasks.add(task := asyncio.create_task(send()))\ntask.add_done_callback(tasks.discard)",
)
RULES = (BACKGROUND_TASKS, BACKGROUND_TASKS_USE, HANDLER_THREAD, DANGLING_TASK)

_BEGUN = frozenset(
    {
        "threading.Thread",
        "threading.Timer",
        "multiprocessing.Process",
        "multiprocessing.context.Process",
        "_thread.start_new_thread",
    }
)
_TASKS = re.compile(
    r"asyncio\.(?:create_task|ensure_future)"
    r"|asyncio\.(?:get_event_loop|get_running_loop)\.\(\)\.create_task"
)


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for each new touch of another system, and for work begun by hand."""
    allowed = proposal.config.background_tasks
    if allowed != "any":
        for file in proposal.python:
            yield from _systems(file, allowed)

    def application(file: PythonFile) -> bool:
        return not layout.is_apart(file.path)

    def begun(view: View) -> Iterator[Hit]:
        return _begun(view, is_django=proposal.project.framework == "django")

    if allowed != "any":
        for file, hit in proposal.fresh(begun, application):
            yield HANDLER_THREAD.at(
                file.path,
                f"{hit.message}; work aside is for {_system(allowed)}",
                "Hand the work to it, or do it before the answer.",
                hit.line,
            )
    for file, hit in proposal.fresh(_dangling, application):
        yield DANGLING_TASK.at(
            file.path,
            f"{hit.message}; the event loop holds tasks only weakly",
            "Keep the task in a set until it is done, or use a TaskGroup.",
            hit.line,
        )


def _system(allowed: str) -> str:
    return "nothing here" if allowed == "none" else allowed


def _systems(file: PythonFile, allowed: str) -> Iterator[Finding]:
    def belongs(dotted: str) -> str | None:
        return task_systems.system_of(dotted, allowed)

    uses = library_uses.of(file.after, belongs, annotations=True)
    if not uses:
        return
    only = "there are to be none" if allowed == "none" else f"the only one here is {allowed}"
    before = library_uses.of(file.before, belongs, annotations=True)
    for use, had in library_uses.brought(file, uses, before):
        if had:
            yield BACKGROUND_TASKS_USE.at(
                file.path,
                f"uses {use.what} of {use.library} once more; for background tasks {only}",
                "Move this work when the ticket allows.",
                use.line,
            )
        else:
            through = " through another module" if use.how == "reach" else ""
            yield BACKGROUND_TASKS.at(
                file.path,
                f"brings in {use.what}{through}, for background tasks; {only}",
                f"{_instead(allowed)}, or change background_tasks in the configuration first.",
                use.line,
            )


def _instead(allowed: str) -> str:
    return "Do the work before the answer" if allowed == "none" else f"Use {allowed}"


def _begun(view: View, *, is_django: bool) -> Iterator[Hit]:
    """Yield the threads and processes that are begun while a request is answered."""
    calls = [
        (visit, found)
        for visit in view.all(ast.Call)
        if (found := view.names(visit.node.func, visit.scope) & _BEGUN)
    ]
    if not calls:
        return
    answering = {one.visit.node: one.name for one in handlers.of(view, is_django=is_django)}
    for visit, found in calls:
        inside = (answering.get(around.node) for around in visit.around())  # type: ignore[call-overload]
        if name := next((one for one in inside if one), None):
            what = min(found)
            yield Hit(f"{name}: {what}", visit.node.lineno, f"begins a {what} in {name}")


def _dangling(view: View) -> Iterator[Hit]:
    for visit in view.all(ast.Call):
        if not _is_dropped(visit):
            continue
        for name in view.names(visit.node.func, visit.scope):
            if _TASKS.fullmatch(name):
                what = name.replace(".()", "()")
                yield Hit(
                    f"{visit.qualname}: {what}",
                    visit.node.lineno,
                    f"begins a task by {what} and keeps it nowhere",
                )
                break


def _is_dropped(visit: Visit[ast.Call]) -> bool:
    return visit.up is not None and isinstance(visit.up.node, ast.Expr)
