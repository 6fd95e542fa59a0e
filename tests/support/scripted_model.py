"""A model that says what a test wrote down: an OpenAI-compatible server on loopback.

    with scripted_model.serve(tool="agent_sessions_watch", sentence="Done.") as model:
        home.configure(model.config())
        ...
        assert len(model.asked("main")) == 2

It runs in a thread of the test and keeps no state: a conversation whose last message is a tool's
result is answered with the sentence, any other one with the tool call. So each new worker gets the
same two answers. Hermes streams what it asks its main model, and does not stream what it asks the
judge; both are answered. The judge always says "continue".
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MAIN, JUDGE, AUX = "script-main", "script-judge", "script-aux"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One question that the model was asked."""

    model: str
    at: float
    """Seconds since the epoch."""
    messages: list[Json]
    tools: frozenset[str]

    @property
    def system(self) -> str:
        """The system prompt."""
        return "\n".join(str(m.get("content")) for m in self.messages if m["role"] == "system")

    @property
    def last(self) -> Json:
        """The last message."""
        return self.messages[-1]


@dataclass(slots=True)
class Model:
    """The server, as the test sees it."""

    tool: str
    arguments: Mapping[str, object]
    sentence: str
    url: str = ""
    questions: list[Asked] = field(default_factory=list)

    def asked(self, model: str) -> list[Asked]:
        """What one model was asked: `main`, `judge` or `aux`."""
        return [each for each in list(self.questions) if each.model == f"script-{model}"]

    def config(self, more: str = "") -> str:
        """A Hermes config.yaml that knows only this model, and downloads nothing.

        Without `allow_lazy_installs: false` hermes-agent 0.19.0 runs `pip install edge-tts` at its
        first start, and without `tirith_enabled: false` it fetches a scanner from GitHub.
        """
        where = f'provider: custom, base_url: "{self.url}", api_key: sk-local'
        aux = ("title_generation", "compression")
        auxiliary = "".join(f"  {each}: {{{where}, model: {AUX}}}\n" for each in aux)
        return (
            f"model: {{{where}, default: {MAIN}, context_length: 200000}}\n"
            f"auxiliary:\n  goal_judge: {{{where}, model: {JUDGE}}}\n{auxiliary}"
            "security: {allow_lazy_installs: false, tirith_enabled: false}\n"
            "kanban: {dispatch_interval_seconds: 1, auto_decompose: false}\n"
            "skills: {creation_nudge_interval: 0}\n"
            "memory: {nudge_interval: 0}\n"
            f"{more}"
        )

    def answer(self, question: Json) -> Json:
        """The message that answers a request."""
        tools = frozenset(each["function"]["name"] for each in question.get("tools") or ())
        asked = Asked(question.get("model", ""), time.time(), question["messages"], tools)
        self.questions.append(asked)
        if asked.model == JUDGE:
            verdict = {"verdict": "continue", "reason": "nobody asked to stop"}
            return {"role": "assistant", "content": json.dumps(verdict)}
        if asked.model == MAIN and asked.last["role"] != "tool":
            function = {"name": self.tool, "arguments": json.dumps(dict(self.arguments))}
            call = {"id": f"call_{len(self.questions)}", "type": "function", "function": function}
            return {"role": "assistant", "content": None, "tool_calls": [call]}
        return {"role": "assistant", "content": self.sentence}


@contextlib.contextmanager
def serve(
    *, tool: str, sentence: str, arguments: Mapping[str, object] | None = None
) -> Iterator[Model]:
    """Answer on a free port of loopback until the block ends."""
    model = Model(tool, arguments or {}, sentence)

    class Handler(_Handler):
        script = model

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        model.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield model
        finally:
            server.shutdown()
            thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    script: Model
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:  # type: ignore[explicit-override]
        """Nothing: a test's output is its own."""

    def do_GET(self) -> None:
        """The list of models, which Hermes asks for the size of a context."""
        models = [
            {"id": each, "object": "model", "owned_by": "test", "context_length": 200000}
            for each in (MAIN, JUDGE, AUX)
        ]
        self._json({"object": "list", "data": models})

    def do_POST(self) -> None:
        """A chat completion."""
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.path.endswith("/chat/completions"):
            self.send_error(404)
            return
        message = self.script.answer(question)
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        about = {"id": "chatcmpl-1", "created": int(time.time()), "model": question["model"]}
        if question.get("stream"):
            self._stream(about, message, finish, usage)
        else:
            choice = {"index": 0, "message": message, "finish_reason": finish}
            whole = {**about, "object": "chat.completion", "choices": [choice], "usage": usage}
            self._json(whole)

    def _json(self, data: Json) -> None:
        text = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _stream(self, about: Json, message: Json, finish: str, usage: Json) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        calls = [{"index": i, **call} for i, call in enumerate(message.get("tool_calls", ()))]
        told = {"tool_calls": calls} if calls else {"content": message["content"]}
        deltas: list[tuple[Json, str | None]] = [
            ({"role": "assistant"}, None),
            (told, None),
            ({}, finish),
        ]
        for delta, reason in deltas:
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            self._chunk({**about, "object": "chat.completion.chunk", "choices": [choice]})
        self._chunk({**about, "object": "chat.completion.chunk", "choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def _chunk(self, data: Json) -> None:
        self.wfile.write(b"data: " + json.dumps(data).encode() + b"\n\n")
        self.wfile.flush()
