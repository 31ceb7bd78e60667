"""Models over real wires: what goes out, what comes back, and every way of failing."""

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import anyio
import pytest

from agent import settings as given
from agent import wiring
from agent.errors import (
    BudgetSpent,
    Cancelled,
    ModelRefused,
    ModelRequestRejected,
    ModelUnavailable,
    ModelUnusable,
    TimeSpent,
)
from agent.llm import provided
from agent.llm.provided import ProvidedModels
from agent.llm.routes import Catalogue
from agent.llm.spendings import CountedModels
from agent.models.chat import (
    LEAST_TOKENS,
    MOST_TOKENS,
    ChatModel,
    ChatRequest,
    ModelTurn,
    Reply,
    ToolResult,
    ToolSpec,
    ToolTurn,
    Usage,
    UserTurn,
)
from agent.models.model_use import SpendingLimits
from agent.models.record import replace
from agent.telemetry import metrics
from tests import scripted
from tests.fakes import Ledger, make_reply
from tests.scripted import Call, Fault, Said, Script, Server
from tests.scripted.faults import KEY, fault

READ = ToolSpec(
    name="read",
    description="Read a file.",
    parameters={
        "type": "object",
        "properties": {"path": {"type": "string"}},
        "required": ["path"],
        "additionalProperties": False,
    },
)
ASKED = UserTurn(text="Mend the paginator.")
REQUEST = ChatRequest(role="editor", system="You edit.", tools=(READ,), messages=(ASKED,))
TWO_CALLS = Said(
    "Let me look.",
    (Call("read", {"path": "a.py"}), Call("read", {"path": "ü/b.py"})),
    input_tokens=1000, output_tokens=50, cached_tokens=800,
)  # fmt: skip
WIRES = ("chat", "responses", "anthropic", "gemini")

Open = Callable[..., tuple[ChatModel, Server]]


@pytest.fixture
def ledger() -> list[Ledger]:
    """List where the models that were opened are counted."""
    return []


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path, ledger) -> Iterator[Open]:
    """Return what starts a server with a script, and asks it."""
    with ExitStack() as stack:

        def start(script: Script, wire: str = "chat", **more: str) -> tuple[ChatModel, Server]:
            server = stack.enter_context(scripted.serving(script))
            environ = {**server.environ(wire), "MERGEWRIGHT_HOME": str(tmp_path), **more}
            for name, value in environ.items():
                monkeypatch.setenv(name, value)
            models = wiring.make_models(given.load_settings())
            assert isinstance(models, ProvidedModels)
            stack.callback(models.close)
            ledger.append(Ledger())
            limits = SpendingLimits("r1", 7, 1_000.0)
            return CountedModels(models, ledger[-1], limits), server

        yield start


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Skip the waits between tries; list how long those of the provider's client would have been."""
    naps: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float, *rest: object) -> None:
        # Loops of servers and connections sleep for nothing.
        naps.extend([seconds] if seconds else [])
        await real(0)

    monkeypatch.setattr(anyio, "sleep", sleep)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    return naps


def returned(reply: Reply, *contents: str) -> ToolTurn:
    pairs = zip(reply.calls, contents, strict=True)
    return ToolTurn(
        results=tuple(
            ToolResult(call_id=call.call_id, name=call.name, content=content)
            for call, content in pairs
        )
    )


def test_a_key_that_changes_in_its_file_is_used_by_the_next_request(opened, tmp_path, monkeypatch):
    models, server = opened([Said("One."), Said("Two."), Said("Three.")], "anthropic")
    file, old = tmp_path / "key", os.environ["ANTHROPIC_API_KEY"]
    monkeypatch.setenv("ANTHROPIC_API_KEY_FILE", str(file))
    for text, used in ((f"{old}\n", old), ("sk-the-next-key\n", "sk-the-next-key"), ("", None)):
        file.write_text(text)
        models.reply(REQUEST)
        assert server.requests[-1].key == (used or "sk-the-next-key"), (
            "an empty file changes nothing"
        )


@pytest.mark.parametrize(
    ("wire", "stream"),
    [("chat", "off"), *((wire, "on") for wire in WIRES)],
)
def test_a_conversation_with_parallel_calls_goes_both_ways(opened, wire, stream):
    models, server = opened([TWO_CALLS, Said("Done.")], wire, MERGEWRIGHT_MODEL_STREAM=stream)
    first = models.reply(REQUEST)
    assert (first.text, first.finish) == ("Let me look.", "calls")
    assert [(c.name, json.loads(c.arguments)) for c in first.calls] == [
        ("read", {"path": "a.py"}),
        ("read", {"path": "ü/b.py"}),
    ]
    assert len({call.call_id for call in first.calls}) == 2
    assert first.usage == Usage(input_tokens=1000, output_tokens=50, cache_read_tokens=800)
    # What is kept is JSON, and makes the next request as the reply itself would.
    kept = Reply.model_validate_json(first.model_dump_json())
    messages = (ASKED, ModelTurn(reply=kept), returned(kept, "x = 1", "y = 2"))
    last = models.reply(replace(REQUEST, messages=messages, model=kept.model))
    assert (last.text, last.calls, last.finish) == ("Done.", (), "stop")
    one, two = server.requests
    assert (one.system, one.tools, one.messages) == (
        "You edit.",
        ("read",),
        (("user", "Mend the paginator."),),
    )
    assert [kind for kind, _ in two.messages] == [
        *("user", "assistant", "call", "call", "result", "result")
    ]
    assert [text for kind, text in two.messages if kind == "result"] == ["x = 1", "y = 2"]
    assert {one.stream, two.stream} == {stream == "on"}
    assert {one.wire, two.wire} == {wire}


def test_the_stable_beginning_is_marked_for_the_cache_of_anthropic(opened):
    models, server = opened([Said("Done.")], "anthropic")
    models.reply(REQUEST)
    body = server.requests[0].body
    mark = {"type": "ephemeral", "ttl": "5m"}
    assert body["tools"][-1]["cache_control"] == mark
    assert body["system"][-1]["cache_control"] == mark


THOUGHT = "Ü is one letter, and so on. " * 4_700
#: For each wire a model that thinks; what says so; whether a call can be forced then.
THINKING = {
    "chat": ("openai-chat:gpt-5@high", {"reasoning_effort": "high"}, "required"),
    "responses": ("openai:gpt-5@high", {"reasoning": {"effort": "high"}}, "required"),
    "anthropic": (
        "anthropic:claude-haiku-4-5@max",
        {"thinking": {"type": "enabled", "budget_tokens": 16_384}},
        {"type": "auto"},
    ),
    "gemini": ("google:gemini-2.5-flash@high", {}, None),
}


@pytest.mark.parametrize("wire", WIRES)
def test_a_thought_goes_back_as_it_came_however_long_it_is(opened, wire):
    name, level, forced = THINKING[wire]
    said = Said("Let me look.", TWO_CALLS.calls, thought=THOUGHT)
    models, server = opened([said, Said("Done.")], wire, MERGEWRIGHT_MODEL=name)
    request = replace(REQUEST, must_call=True)
    first = models.reply(request)
    assert (first.model, first.text) == (name, "Let me look.")
    kept = Reply.model_validate_json(first.model_dump_json())
    messages = (ASKED, ModelTurn(reply=kept), returned(kept, "x = 1", "y = 2"))
    models.reply(replace(request, messages=messages, model=kept.model))
    body = server.requests[1].body
    assert {key: body[key] for key in level} == level
    assert body.get("tool_choice") == forced
    sent_back = {
        "chat": lambda: body["messages"][2]["reasoning_content"],
        "responses": lambda: [body["input"][1][key] for key in ("id", "summary", "encrypted_content")],
        "anthropic": lambda: body["messages"][1]["content"][:2],
        "gemini": lambda: [
            body["contents"][1]["parts"][0], body["contents"][1]["parts"][2]["thoughtSignature"],
        ],
    }  # fmt: skip
    assert (
        sent_back[wire]()
        == {
            "chat": THOUGHT,
            "responses": ["rs_1", [{"type": "summary_text", "text": THOUGHT}], said.signature],
            "anthropic": [
                {"type": "thinking", "thinking": THOUGHT, "signature": said.signature},
                {"type": "redacted_thinking", "data": said.signature[::-1]},
            ],
            "gemini": [{"text": THOUGHT, "thought": True}, said.signature],
        }[wire]
    )


def test_a_level_is_of_one_model_and_no_part_of_its_name(opened):
    def refuse(seen):
        return Fault(status=503) if seen.model == "gpt-5" else Said("Done.")

    chain = {
        "MERGEWRIGHT_MODEL": "openai-chat:gpt-5@low,openai-chat:own@off",
        "MERGEWRIGHT_MODEL_CONTEXT": "openai-chat:own=20000",
        "MERGEWRIGHT_MODEL_PRICES": "openai-chat:own@high=2/10",
    }
    models, server = opened(refuse, **chain)
    reply = models.reply(REQUEST)
    assert models.list_chain("editor") == ("openai-chat:gpt-5@low", "openai-chat:own@off")
    assert reply.model == "openai-chat:own@off"
    assert reply.cost_usd
    assert models.find_window(reply.model) == 20_000
    assert models.find_window("openai-chat:gpt-5@low") == 400_000
    first, last = server.requests[0], server.requests[-1]
    assert first.body["reasoning_effort"] == "low"
    assert (last.model, last.body.get("reasoning_effort")) == ("own", None)


def test_calls_of_another_model_are_answered_without_thought_where_it_is_refused(opened):
    models, server = opened(
        [Said("Done.")], "anthropic", MERGEWRIGHT_MODEL=THINKING["anthropic"][0]
    )
    other = make_reply(("read", {"path": "a.py"}))
    messages = (ASKED, ModelTurn(reply=other), returned(other, "x = 1"))
    models.reply(replace(REQUEST, messages=messages, most_tokens=LEAST_TOKENS))
    assert "thinking" not in server.requests[0].body


@pytest.mark.parametrize(
    ("wire", "most", "tries", "words"),
    [
        ("chat", 16_384, 2, "max_tokens is too large: {}. This model supports at most 16384."),
        ("anthropic", 8_192, 3, "max_tokens: {} > 8192, which is the maximum for scripted"),
    ],
)
def test_a_limit_that_a_provider_refuses_is_halved_and_that_is_remembered(
    opened, wire, most, tries, words
):
    def answer(seen):
        asked = seen.body.get("max_tokens") or seen.body["max_completion_tokens"]
        if asked <= most:
            return Said("Done.")
        error = {"type": "invalid_request_error", "message": words.format(asked)}
        return Fault(status=400, body=json.dumps({"type": "error", "error": error}))

    models, server = opened(answer, wire)
    assert models.reply(REQUEST).text == "Done."
    asked = len(server.requests)
    assert asked == tries
    assert models.reply(REQUEST).text == "Done."
    assert len(server.requests) == asked + 1


# --- faults -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wire", "stream", "passing"),
    [
        ("chat", "on", "limited"),
        ("anthropic", "on", "overloaded"),
        ("chat", "off", Fault(body="<html>proxy</html>")),
        ("anthropic", "on", Fault(empty=True)),
        ("gemini", "on", Fault(cut=True)),
        *((wire, "on", Fault(over=True)) for wire in WIRES),
        ("anthropic", "on", fault("anthropic", "overloaded", late=True)),
    ],
    ids=["limited", "overloaded", "no JSON", "empty", "cut off", *WIRES, "in the midst"],
)
def test_MO8_what_may_pass_is_tried_again(opened, quick, passing, stream, wire):
    first = fault(wire, passing) if isinstance(passing, str) else passing
    models, server = opened([first, Said("Done.")], wire, MERGEWRIGHT_MODEL_STREAM=stream)
    assert models.reply(REQUEST).text == "Done."
    assert len(server.requests) == 2


def test_what_may_be_charged_for_is_tried_twice_in_all_and_counted(opened, quick, ledger):
    lost = Fault(cut=True)
    script = [lost, Said("Done.", input_tokens=70, output_tokens=2), lost, lost]
    models, server = opened(script, MERGEWRIGHT_MODEL_PRICES="openai-chat:scripted=2/10")
    request = replace(REQUEST, model="openai-chat:scripted")
    worst, reply = models.estimate_worst(request), models.reply(request)
    # It broke off at once, so it cannot have written much.
    assert reply.usage.tokens == 72
    assert 0 < reply.lost_tokens < worst.tokens // 2
    assert sum(ledger[0].usd) == pytest.approx(reply.cost_usd)
    assert reply.passed_over == ("openai-chat:scripted: the connection to it broke",)
    with pytest.raises(ModelUnavailable):
        models.reply(REQUEST)
    assert len(server.requests) == len(ledger[0].usd) == 4
    assert 0 < ledger[0].usd[-1] < worst.usd / 2


def test_requests_errors_tokens_and_dollars_are_counted_by_model_and_role(opened, quick, ledger):
    def read() -> dict[str, float]:
        return {
            f"{sample.name[18:]} {sample.labels.get('kind', '')}".strip(): sample.value
            for family in metrics.REGISTRY.collect()
            for sample in family.samples
            if sample.labels.get("model") == "counted" and sample.labels["role"] == "editor"
        }

    said = Said("Done.", input_tokens=1000, output_tokens=50, cached_tokens=800)
    script = [fault("chat", "limited"), said, Fault(cut=True), Fault(cut=True)]
    model = "openai-chat:counted"
    models, _ = opened(
        script, MERGEWRIGHT_MODEL=model, MERGEWRIGHT_MODEL_PRICES=f"{model}=1000/2000"
    )
    reply = models.reply(REQUEST)
    counted = read()
    assert counted["requests_total"] == counted["request_seconds_count"] == 1, "the client's retry"
    tokens = {kind: counted[f"tokens_total {kind}"] for kind in ("input", "cached_input", "output")}
    assert tokens == {"input": 200, "cached_input": 800, "output": 50}
    assert counted["usd_total"] == pytest.approx(reply.cost_usd)
    with pytest.raises(ModelUnavailable):
        models.reply(REQUEST)
    after = read()
    assert after["requests_total"] == 3
    assert after["errors_total unavailable"] == 2
    assert after["usd_total"] == pytest.approx(sum(ledger[0].usd))
    limited, _ = opened([fault("chat", "limited", after=9999)] * 9, MERGEWRIGHT_MODEL=model)
    with pytest.raises(ModelUnavailable):
        limited.reply(REQUEST)
    assert read()["errors_total limited"] == 1


@pytest.mark.parametrize("wire", ["chat", "gemini"])
def test_a_redirect_is_not_followed_so_no_key_goes_elsewhere(opened, quick, wire):
    _, other = opened([])
    moved = Fault(status=307, headers={"Location": f"{other.address}/v1/messages"}, body="-")
    models, _ = opened(lambda seen: moved, wire)
    with pytest.raises((ModelUnavailable, ModelRefused, ModelUnusable)):
        models.reply(REQUEST)
    assert other.requests == []


@pytest.mark.parametrize("wire", ["responses", "anthropic", "gemini"])
def test_a_key_that_is_missing_is_named(opened, monkeypatch, wire):
    models, _ = opened([], wire)
    name = {"responses": "OPENAI", "anthropic": "ANTHROPIC", "gemini": "GOOGLE"}[wire]
    monkeypatch.delenv(f"{name}_API_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(ModelUnusable, match=f"{name}_API_KEY"):
        models.reply(REQUEST)
    assert f"{name}_API_KEY" in models.explain_missing("editor")


def test_a_provider_that_there_is_not_is_named(opened):
    models, _ = opened([], MERGEWRIGHT_MODEL="opnai:gpt-4o", MERGEWRIGHT_MODEL_TOKENS="9")
    assert "opnai:gpt-4o" in models.explain_missing("editor")


@pytest.mark.parametrize(("wire", "stream"), [("chat", "off"), ("anthropic", "on")])
def test_a_model_that_stalls_in_its_reply_is_asked_again(opened, quick, wire, stream):
    more = {"MERGEWRIGHT_MODEL_SILENCE_SECONDS": "1", "MERGEWRIGHT_MODEL_STREAM": stream}
    models, server = opened([Fault(stall_seconds=4), Said("Done.")], wire, **more)
    # To load a provider's library may take longer than that.
    models.explain_missing("editor")
    assert models.reply(REQUEST).text == "Done."
    assert len(server.requests) == 2


@pytest.mark.parametrize("wire", ["chat", "anthropic"])
def test_a_wait_that_is_asked_for_is_kept(opened, quick, wire):
    after = fault(wire, "limited", after=7)
    models, _ = opened([after, Said("Done.")], wire)
    models.reply(REQUEST)
    assert quick == [7.0]


def test_a_long_wait_is_the_runs_and_not_the_steps(opened, quick):
    after = fault("chat", "limited", after=3600)
    models, server = opened(lambda seen: after)
    now = time.time()
    with pytest.raises(ModelUnavailable, match=r"429.*\d{4}-\d\d-\d\d") as told:
        models.reply(REQUEST)
    assert told.value.until == pytest.approx(now + 3600, abs=60)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("wire", "kind", "problem", "fact"),
    [
        ("chat", "key", ModelUnusable, r"401.*OPENAI_API_KEY"),
        ("gemini", "key", ModelUnusable, r"400.*GOOGLE_API_KEY"),
        ("anthropic", "name", ModelUnusable, "404"),
        ("anthropic", "money", ModelUnusable, "400"),
        ("chat", "full", ModelRequestRejected, "too long"),
        ("responses", "full", ModelRequestRejected, "too long"),
        ("anthropic", "full", ModelRequestRejected, "too long"),
        ("gemini", "full", ModelRequestRejected, "too long"),
        ("anthropic", "request", ModelRequestRejected, r"400.*MERGEWRIGHT_MODEL"),
    ],
)
def test_what_never_passes_is_tried_once(opened, quick, caplog, wire, kind, problem, fact):
    models, server = opened(lambda seen: fault(wire, kind), wire)
    with pytest.raises(problem, match=fact) as told:
        models.reply(REQUEST)
    assert type(told.value) is problem
    assert (len(server.requests), quick) == (1, [])
    assert server.requests[0].key == KEY
    assert KEY not in f"{told.value!r} {caplog.text}"


@pytest.mark.parametrize(
    ("others", "problem"),
    [
        (fault("chat", "key"), ModelRequestRejected),
        (fault("chat", "full"), ModelRequestRejected),
        (Fault(status=400, code="invalid_prompt"), ModelRefused),
        (fault("chat", "limited", after=3000), ModelUnavailable),
    ],
    ids=["key", "full", "declined", "limited"],
)
def test_what_a_chain_came_to_is_what_helps_soonest(opened, quick, others, problem):
    def by_name(seen: scripted.Seen) -> Fault:
        return fault("chat", "request") if seen.model == "first" else others

    models, _ = opened(by_name, MERGEWRIGHT_MODEL="openai-chat:first,openai-chat:second")
    with pytest.raises(problem) as told:
        models.reply(REQUEST)
    assert type(told.value) is problem


@pytest.mark.parametrize(
    ("kind", "late", "wire"),
    [
        ("limited", False, "chat"), ("broken", True, "anthropic"), ("proxy", False, "gemini"),
        ("cut", False, "chat"),
    ],
)  # fmt: skip
def test_a_key_that_is_repeated_gets_no_further(opened, quick, caplog, kind, late, wire):
    bodies = {
        "proxy": Fault(body=f"<html>{KEY}</html>"),
        # Where words are cut, it is taken out whole.
        "cut": Fault(status=500, body=json.dumps({"error": {"message": "x" * 280 + f" {KEY}"}})),
    }
    said = bodies.get(kind) or fault(wire, kind, late=late)
    models, _ = opened(lambda seen: said, wire)
    with pytest.raises(ModelUnavailable) as told:
        models.reply(REQUEST)
    assert KEY[:10] not in f"{told.value!r} {told.value.details} {caplog.text}"


@pytest.mark.parametrize("wire", WIRES)
def test_a_reply_that_refuses_or_was_cut_says_so_and_is_final(opened, wire):
    ends = [Said("I will not do this.", finish="refused"), Said("And then", finish="length")]
    models, server = opened(ends, wire)
    refusal, cut = models.reply(REQUEST), models.reply(REQUEST)
    assert (refusal.finish, refusal.text, cut.finish) == (
        "refused",
        "I will not do this.",
        "length",
    )
    # It has been paid for, so the caller counts it before the run is ended.
    assert refusal.usage.tokens > 0
    assert len(server.requests) == 2


def test_the_next_of_the_chain_answers_and_is_asked_first_from_then_on(opened, quick):
    def by_name(seen: scripted.Seen) -> scripted.Said | Fault:
        return Fault(status=503) if seen.model == "first" else Said("Done.")

    chain = "openai-chat:first,openai-chat:second"
    models, server = opened(by_name, MERGEWRIGHT_MODEL=chain)
    reply = models.reply(REQUEST)
    assert reply.model == "openai-chat:second"
    assert reply.passed_over == ("openai-chat:first: 503, server_error",)
    asked = len(server.requests)
    messages = (ASKED, ModelTurn(reply=reply), UserTurn(text="Sure?"))
    models.reply(replace(REQUEST, messages=messages, model=reply.model))
    assert [request.model for request in server.requests[asked:]] == ["second"]


def test_a_stop_ends_the_wait_at_once(opened):
    models, _ = opened([Fault(stall_seconds=20)])
    stopped = threading.Event()
    threading.Timer(0.3, stopped.set).start()
    begun = time.monotonic()
    with pytest.raises(Cancelled):
        models.reply(REQUEST, stopped)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(("wire", "stream"), [("chat", "off"), ("anthropic", "on")])
def test_a_model_is_waited_for_no_longer_than_the_run_has(opened, wire, stream):
    models, server = opened([Fault(stall_seconds=20)], wire, MERGEWRIGHT_MODEL_STREAM=stream)
    # To load a provider's library may take longer than that.
    models.explain_missing("editor")
    with pytest.raises(TimeSpent, match=r"limits\."):
        models.reply(REQUEST, seconds=1.4)
    assert len(server.requests) == 1


def test_a_window_is_as_set_or_as_known_or_as_usual(opened):
    set_by_hand = {"MERGEWRIGHT_MODEL_CONTEXT": "openai-chat:scripted=16384,openai:gpt-4o=20000"}
    models, _ = opened([], **set_by_hand)
    named = {"openai-chat:scripted": 16_384, "openai:gpt-4o": 20_000}
    known = {"anthropic:claude-haiku-4-5": 200_000, "openai-chat:nobody-knows": 128_000}
    assert {name: models.find_window(name) for name in named | known} == named | known


# --- money ------------------------------------------------------------------------------------


def test_what_a_server_does_not_count_is_counted_at_the_most_it_can_be(opened):
    models, _ = opened([Said("Done.", counted=False)])
    reply = models.reply(REQUEST)
    assert reply.usage.input_tokens >= REQUEST.sent_bytes // 2
    assert 4 <= reply.usage.output_tokens <= REQUEST.most_tokens


def test_no_request_costs_more_than_its_worst(opened):
    models, _ = opened(greedy, MERGEWRIGHT_MODEL_PRICES="openai-chat:scripted=2/10")
    request = replace(REQUEST, model="openai-chat:scripted")
    for _ in range(4):
        worst, reply = models.estimate_worst(request), models.reply(request)
        assert reply.cost_usd is not None
        assert worst.usd is not None
        assert worst.tokens >= reply.usage.tokens
        assert worst.usd >= reply.cost_usd > worst.usd / 2
        messages = (*request.messages, ModelTurn(reply=reply), UserTurn(text="ü" * 500))
        request = replace(request, messages=messages, model=reply.model)


def greedy(seen: scripted.Seen) -> scripted.Said:
    """Count as many tokens as there can be: one for two bytes, and a reply of full length."""
    functions = [tool["function"] for tool in seen.body["tools"]]
    told = [seen.system, *(text for _, text in seen.messages)]
    for function in functions:
        told += [function["name"], function["description"], json.dumps(function["parameters"])]
    sent = sum(len(text.encode()) for text in told)
    return Said("x" * 40, input_tokens=sent // 2, output_tokens=MOST_TOKENS)


def test_what_a_provider_keeps_is_priced_as_read_and_what_it_lost_anew(opened, monkeypatch):
    opus = "anthropic:claude-opus-4-1"
    answers = [
        Said("Well.", input_tokens=100_000, output_tokens=100),
        Said("Well.", input_tokens=101_000, output_tokens=100, cached_tokens=100_000),
        Said("Well.", input_tokens=102_000, output_tokens=100, cached_tokens=0),
    ]
    models, _ = opened(answers, "anthropic", MERGEWRIGHT_MODEL=opus)
    request = replace(REQUEST, most_tokens=10_000)
    asked = []
    for _ in answers:
        reply = models.reply(request)
        messages = (*request.messages, ModelTurn(reply=reply), UserTurn(text="ü" * 1_000))
        request = replace(request, messages=messages, model=opus)
        asked.append(request)
    replied = 10_000 * 75 / 1e6

    def price(request, seconds=0.0):
        now = time.time() + seconds
        monkeypatch.setattr(provided, "read_clock", lambda: now)
        return pytest.approx(models.estimate_worst(request).usd - replied, abs=0.05)

    first, second, third = asked
    read, written = 1.5 / 1e6, 18.75 / 1e6
    assert 100_100 * read == price(first)
    assert 101_100 * read == price(second)
    assert 102_100 * written == price(third), "the last reply shows that nothing is kept"
    assert 101_100 * written == price(second, 600), "it keeps it for five minutes"
    cut = replace(second, messages=(UserTurn(text="Cut."), *second.messages[1:]))
    assert models.estimate_worst(cut).usd - replied < 0.1, "it is counted by its length"


def test_a_run_is_not_stopped_by_what_it_reserves_before_its_money_is_spent(
    opened, monkeypatch, ledger
):
    model = "anthropic:claude-opus-4-1"
    models, _ = opened([], MERGEWRIGHT_MODEL=model, MERGEWRIGHT_MODEL_CONTEXT=f"{model}=2000000")
    request, limits = replace(REQUEST, model=model, most_usd=3.0), []

    def answer(self, request, stopped=None, seconds=None):
        limits.append(request.most_tokens)
        last = request.messages[-2].reply.usage.tokens if len(request.messages) > 1 else 0
        usage = Usage(
            input_tokens=last + 2_500,
            output_tokens=1_500,
            cache_read_tokens=last,
            cache_write_tokens=2_500,
        )
        cost = Catalogue().price_reply(model, usage)
        update = {"model": model, "usage": usage, "cost_usd": cost}
        return replace(make_reply(), **update | {"sent_bytes": request.sent_bytes})

    monkeypatch.setattr(ProvidedModels, "reply", answer)
    with pytest.raises(BudgetSpent, match=r"could cost \$0.* MERGEWRIGHT_MODEL_USD"):
        while True:
            turn = ModelTurn(reply=models.reply(request))
            messages = (*request.messages, turn, UserTurn(text="x" * 8_000))
            request = replace(request, messages=messages)
    assert 2.0 < sum(ledger[0].usd) <= 3.0
    assert limits[0] == MOST_TOKENS
    assert limits == sorted(limits, reverse=True)
    assert LEAST_TOKENS <= limits[-1] < MOST_TOKENS


# --- what no reply should be ------------------------------------------------------------------


def test_a_reply_that_takes_too_long_is_broken_off(opened, quick, monkeypatch):
    monkeypatch.setattr(provided, "_REPLY_SECONDS", 0.5)
    models, server = opened(lambda _: Fault(stall_seconds=4))
    models.explain_missing("editor")
    with pytest.raises(ModelUnavailable, match="in time"):
        models.reply(REQUEST)
    # It may have been charged for, so it is not asked for as often as can be.
    assert len(server.requests) == 2
