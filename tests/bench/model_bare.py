"""`python -m tests.bench.model_bare FOLDER ROUNDS`: the other side of the model's bench.

A bare loop on the library that asks models for us, streamed as ours is: no record, no limits, no
gate, commands and tests in processes of this machine.
"""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pydantic_ai import messages as parts
from pydantic_ai.direct import model_request_stream
from pydantic_ai.models import Model, ModelRequestParameters, infer_model
from pydantic_ai.tools import ToolDefinition

from tests.bench import model
from tests.folders import lay_files

_SYSTEM = "You fix one bug. Call one tool at a time: plan, bash, edit; submit ends it."
_FIELDS = {
    "plan": ("title", "category", "steps", "files"), "bash": ("command",),
    "edit": ("path", "old", "new"), "submit": ("summary",),
}  # fmt: skip


async def _talk(folder: Path, asked: Model) -> None:
    lay_files(folder, dict(model.files()))
    system, ticket = parts.SystemPromptPart(_SYSTEM), parts.UserPromptPart(model.TICKET)
    messages: list[parts.ModelMessage] = [parts.ModelRequest([system, ticket])]
    while True:
        opened = model_request_stream(asked, messages, model_request_parameters=_list_tools())
        async with opened as stream:
            async for _ in stream:
                pass
        response = stream.get()
        results: list[parts.ModelRequestPart] = []
        for call in response.tool_calls:
            if call.tool_name == "submit":
                return
            content = _carry_out(folder, call.tool_name, call.args_as_dict())
            results.append(parts.ToolReturnPart(call.tool_name, content, call.tool_call_id))
        messages += [response, parts.ModelRequest(results)]


def _list_tools() -> ModelRequestParameters:
    def make_schema(fields: tuple[str, ...]) -> dict[str, Any]:
        return {"type": "object", "properties": {field: {"type": "string"} for field in fields}}

    tools = [
        ToolDefinition(name=name, parameters_json_schema=make_schema(fields))
        for name, fields in _FIELDS.items()
    ]
    return ModelRequestParameters(function_tools=tools)


def _carry_out(folder: Path, name: str, arguments: dict[str, Any]) -> str:
    match name:
        case "plan":
            return "agreed"
        case "edit":
            place = folder / arguments["path"]
            place.write_text(place.read_text().replace(arguments["old"], arguments["new"]))
            return "edited"
        case _:
            done = subprocess.run(
                ["bash", "-c", arguments["command"]],
                cwd=folder, capture_output=True, text=True, check=False,
                env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
            )  # fmt: skip
            return done.stdout


async def _talk_in_rounds(folder: Path, rounds: int) -> None:
    async with infer_model(os.environ["MERGEWRIGHT_MODEL"]) as model:
        for _ in range(rounds):
            await _talk(folder, model)


if __name__ == "__main__":
    asyncio.run(_talk_in_rounds(Path(sys.argv[1]) / "bare", int(sys.argv[2])))
