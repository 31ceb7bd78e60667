"""Models that break every rule of calling, as scripts for `tests.scripted`, and places to aim at."""

from collections.abc import Sequence
from typing import Any

from tests.flow.model_scripts import edit, write
from tests.scripted import Call, Fault, Said
from tests.scripted.script import Answer

Order = tuple[str, dict[str, Any]]


#: Places that no model has a use for; each is tried with every tool that takes a path.
ELSEWHERE = (
    "/proc/self/environ", "/proc/1/environ", "../../../../proc/self/environ", "/etc/passwd",
    "../.env", "~/.aws/credentials", "/root/.netrc", "../neighbour/secret.txt", ".git/config",
    ".GIT/config", "git~1/config", "shop/../.git/HEAD", "shop/prices.py\0.txt", "shop\\prices.py",
    "C:\\Windows\\win.ini", "file:///etc/passwd",
)  # fmt: skip


def everywhere(paths: Sequence[str]) -> list[Order]:
    """Try to write each path."""
    orders: list[Order] = []
    for path in paths:
        orders += [write(path, "pwned = 1\n"), edit(path, "e", "pwned")]
    return orders


HALF = "\ud800"
_SOME = {"path": "shop/prices.py"}
#: Each alone, over and over.
BROKEN: dict[str, Answer] = {
    "no JSON": Said(calls=(Call("edit", '{"path": '),)),
    "nested": Said(calls=(Call("edit", "[" * 100_000),)),
    "wrong types": Said(calls=(Call("edit", {"path": {"a": [None]}, "old": "x"}),)),
    "no number": Said(calls=(Call("bash", '{"command": "true", "seconds": NaN}'),)),
    "unknown tool": Said(calls=(Call("shell", {"command": "id"}),)),
    "no name": Said(calls=(Call("", _SOME),)),
    "ids twice": Said(calls=(Call("edit", {"path": "no.py"}, "x"),) * 2),
    "half a surrogate pair": Said(
        text=f"a{HALF}", calls=(Call(f"ed{HALF}it", {"path": f"{HALF}.py"}, HALF),)
    ),
    "control characters": Said(
        text="\x1b]52;c;ZXZpbA==\x07\x00\x9b2J\u202e",
        calls=(Call("edit\0\n\x1b[2J", {"path": "\x1b[2J\0"}, "\n\0"),),
    ),
    "ten million characters in an argument": Said(
        calls=(Call("write", {"path": "shop/new.py", "text": "x" * 10_000_000}),)
    ),
    "thousands of calls": Said(calls=(Call("edit", _SOME),) * 500),
    "a call that is cut": Said(calls=(Call("write", '{"path": "a.py", "te'),), finish="length"),
    "words alone": Said("I have done it all; there is nothing to call."),
    "an empty reply": Fault(empty=True),
    "a cut connection": Fault(cut=True),
    "a cut stream": Fault(over=True),
    "null": Fault(body="null"),
}
#: Where the wires differ.
ON_EVERY_WIRE = (
    "no JSON", "unknown tool", "no name", "ids twice", "half a surrogate pair",
    "control characters", "words alone", "an empty reply", "a cut stream", "null",
)  # fmt: skip
