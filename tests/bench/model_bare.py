"""`python -m tests.bench.model_bare FOLDER bare ROUNDS`: the other side of the model's bench.

A loop of the standard library on chat completions that carries the same calls out: no record, no
limits, no gate, tests by pytest in a process of this Python. Prints `begun` as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.bench import model

_SYSTEM = "You mend one bug. Call one tool at a time: plan, bash, edit; submit ends it."
_FIELDS = {
    "plan": ("title", "category", "steps", "files"), "bash": ("command",),
    "edit": ("path", "old", "new"), "submit": ("summary",),
}  # fmt: skip


def talk(folder: Path, way: HTTPConnection, path: str) -> None:
    """Have the bug mended once."""
    for name, text in model.files():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": _SYSTEM},
        {"role": "user", "content": model.TICKET},
    ]
    while True:
        body = json.dumps({"model": "scripted", "messages": messages, "tools": _tools()})
        headers = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
        way.request("POST", path, body, {**headers, "Content-Type": "application/json"})
        said = json.loads(way.getresponse().read())["choices"][0]["message"]
        messages.append(said)
        for call in said["tool_calls"]:
            asked = call["function"]
            if asked["name"] == "submit":
                return
            content = _carried(folder, asked["name"], json.loads(asked["arguments"]))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": content})


def _tools() -> list[dict[str, Any]]:
    return [
        {
            "type": "function",
            "function": {
                "name": name,
                "parameters": {
                    "type": "object",
                    "properties": {field: {"type": "string"} for field in fields},
                },
            },
        }
        for name, fields in _FIELDS.items()
    ]


def _carried(folder: Path, name: str, asked: dict[str, Any]) -> str:
    match name:
        case "plan":
            return "agreed"
        case "edit":
            place = folder / asked["path"]
            place.write_text(place.read_text().replace(asked["old"], asked["new"]))
            return "edited"
        case _:
            done = subprocess.run(
                ["bash", "-c", asked["command"]],
                cwd=folder, capture_output=True, text=True, check=False,
                env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            )  # fmt: skip
            return done.stdout


def main() -> None:
    """Have the conversations, and tell when they began."""
    folder, rounds = Path(sys.argv[1]) / "bare", int(sys.argv[3])
    address = urlsplit(os.environ["OPENAI_BASE_URL"])
    way = HTTPConnection(address.hostname or "", address.port)
    begun = []
    for _ in range(rounds):
        begun.append(time.monotonic())
        talk(folder, way, f"{address.path}/chat/completions")
    print(json.dumps({"begun": begun}))


if __name__ == "__main__":
    main()
