"""The HTTP server: one script for all requests, a log of what came, faults on order."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.processes import Silent, answering
from tests.scripted import judged, wires
from tests.scripted.faults import KEY
from tests.scripted.script import Answer, Fault, Said, Script, Seen

NAMES = {"chat": "openai-chat", "responses": "openai", "anthropic": "anthropic", "gemini": "google"}


#: What Gemini calls errors.
_GEMINI = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}


class Server:
    """What was asked, and where."""

    def __init__(self, script: Script) -> None:
        self.requests: list[Seen] = []
        self.refused: list[str] = []
        """What a provider would not have taken."""
        self.address = ""
        self._script = script
        self._lock = threading.Lock()

    def answer(self, path: str, raw: bytes, key: str) -> tuple[Seen, Answer]:
        """Note a request, and look up what is said to it; in order where the script is a list."""
        with self._lock:
            request = wires.seen(len(self.requests) + 1, path, raw, key)
            self.requests.append(request)
        if wrong := judged.objection(request.wire, request.body):
            self.refused.append(f"request {request.number}: {wrong}")
            return request, Fault(status=400, code="invalid_request_error")
        if callable(self._script):
            return request, self._script(request)
        if request.number > len(self._script):
            problem = f"the script has no reply {request.number}"
            return request, Fault(status=400, code="invalid_request_error", body=problem)
        return request, self._script[request.number - 1]

    def environ(self, wire: str = "chat", name: str = "scripted") -> dict[str, str]:
        """Return variables with which every role of a run is this model."""
        return {
            "MERGEWRIGHT_MODEL": f"{NAMES[wire]}:{name}",
            "MERGEWRIGHT_MODEL_TOKENS": "5000000",
            "OPENAI_BASE_URL": f"{self.address}/v1",
            "OPENAI_API_KEY": KEY,
            "ANTHROPIC_BASE_URL": self.address,
            "ANTHROPIC_API_KEY": KEY,
            "GOOGLE_GEMINI_BASE_URL": self.address,
            "GOOGLE_API_KEY": KEY,
        }


@contextmanager
def serving(script: Script) -> Iterator[Server]:
    """Serve until the block ends; then fail if a request was not as it has to be."""
    server = Server(script)

    class Handler(_Handler):
        scripted = server

    with answering(Handler) as port:
        server.address = f"http://127.0.0.1:{port}"
        yield server
    assert not server.refused, "\n".join(server.refused)


class _Handler(Silent):
    protocol_version = "HTTP/1.1"
    # A reply goes out in pieces; each would wait 40 ms for the client's kernel to say that it has
    # the one before.
    disable_nagle_algorithm = True
    scripted: Server

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        path = self.path.partition("?")[0]
        if wires.of(path) is None:
            self._send(404, {}, json.dumps({"error": {"message": f"no {self.path}"}}))
            return
        key = self.headers.get("x-api-key") or self.headers.get("x-goog-api-key")
        key = key or self.headers.get("Authorization", "").removeprefix("Bearer ")
        request, answer = self.scripted.answer(path, raw, key)
        # The client may have closed the connection.
        with suppress(BrokenPipeError, ConnectionResetError):
            if isinstance(answer, Fault):
                self._fail(request, answer)
            elif request.stream:
                self._stream(wires.events(request, answer), done=request.wire == "chat")
            else:
                self._send(200, {}, json.dumps(wires.whole(request, answer)))

    def _fail(self, request: Seen, fault: Fault) -> None:
        if fault.late and request.stream:
            self._fail_late(request, json.loads(fault.body))
        elif fault.status >= 400:
            error: dict[str, Any] = {"message": f"scripted {fault.code}", "type": fault.code}
            body: dict[str, Any] = {"error": {**error, "code": fault.code}}
            if request.wire == "anthropic":
                body = {"type": "error", "error": error}
            if request.wire == "gemini":
                status = _GEMINI.get(fault.status, "INTERNAL")
                body = {"error": {"code": fault.status, "message": fault.code, "status": status}}
            self._send(fault.status, fault.headers, fault.body or json.dumps(body))
        elif fault.body:
            self._send(200, fault.headers, fault.body)
        elif fault.empty:
            if request.stream:
                self._stream(wires.events(request, Said()), done=request.wire == "chat")
            else:
                self._send(200, {}, json.dumps(wires.whole(request, Said())))
        else:
            self._break_off(request, fault)

    def _fail_late(self, request: Seen, error: dict[str, Any]) -> None:
        """Begin a reply, and then say that it failed, as the wire has it."""
        reply = Said(text="I am about to say something that never comes to its end. " * 3)
        begun = list(wires.events(request, reply))[:4]
        name = ""
        if request.wire == "anthropic":
            name = "error"
        if request.wire == "responses":
            # The type is that of the event here.
            name, flat = "error", error["error"]
            error = {**flat, "type": "error", "sequence_number": len(begun)}
        self._stream(iter([*begun, (name, error)]), done=False)

    def _break_off(self, request: Seen, fault: Fault) -> None:
        """Begin a reply, and let it stall or end there."""
        reply = Said(text="I am about to say something that never comes to its end. " * 3)
        # A body that is over leaves the connection open; closed unsaid, it would be used again.
        self.close_connection = not (fault.over and request.stream)
        if not request.stream:
            whole = json.dumps(wires.whole(request, reply)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            self.wfile.write(whole[: len(whole) // 2])
            self.wfile.flush()
        else:
            self._begin_stream()
            begun = list(wires.events(request, reply))[:4]
            for name, data in begun:
                self._event(name, data)
        if fault.stall_seconds:
            threading.Event().wait(fault.stall_seconds)
        if fault.over and request.stream:
            self.wfile.write(b"0\r\n\r\n")
            self.wfile.flush()

    def _send(self, status: int, headers: dict[str, str], body: str) -> None:
        raw = body.encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def _begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _event(self, name: str, data: dict[str, Any] | str) -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        raw = (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()
        self.wfile.write(f"{len(raw):x}\r\n".encode() + raw + b"\r\n")
        self.wfile.flush()

    def _stream(self, events: Iterator[wires.Event], *, done: bool) -> None:
        self._begin_stream()
        for name, data in events:
            self._event(name, data)
        if done:
            self._event("", "[DONE]")
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()
