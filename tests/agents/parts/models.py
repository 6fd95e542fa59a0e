"""A model server on loopback that speaks the four protocols of the real agent programs.

Its answer to a prompt is `heard WORD`, the last word of ours in that prompt. So a pane that shows
the answer has sent the prompt, and the word finds the conversation on disk.
"""

from __future__ import annotations

import contextlib
import http.server
import itertools
import json
import re
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Self

WORD = re.compile(r"\bzq[0-9a-f]{8}\b")
HELD_FOR = 120.0
"""Seconds after which a held answer is given all the same."""

Body = Mapping[str, Any]


def new_word() -> str:
    """A word that no other prompt holds."""
    return f"zq{secrets.token_hex(4)}"


class ModelServer:
    """Answers every agent of one test, in threads. Use as a context manager."""

    def __init__(self) -> None:
        self._held: dict[str, threading.Event] = {}
        self._asked: set[str] = set()
        self._numbers = itertools.count(1)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.model = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for event in self._held.values():
            event.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @contextlib.contextmanager
    def holding(self, word: str) -> Iterator[None]:
        """Keep the answers to prompts with this word back for the length of the block."""
        event = self._held[word] = threading.Event()
        try:
            yield
        finally:
            event.set()

    def was_asked(self, word: str) -> bool:
        """Whether a prompt with this word has arrived."""
        return word in self._asked

    def answer(self, text: str) -> str:
        """What the model says to a text; waits while the text's word is held."""
        words = WORD.findall(text)
        if not words:
            return "nothing heard"
        self._asked.add(words[-1])
        if held := self._held.get(words[-1]):
            held.wait(HELD_FOR)
        return f"heard {words[-1]}"

    def number(self) -> int:
        """A new number, for the ids that some protocols ask for."""
        return next(self._numbers)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    model: ModelServer

    def handle_error(self, request: object, client_address: object) -> None:  # type: ignore[explicit-override] # 3.12 has override
        """An agent that was killed leaves its connection behind; that is no fault of ours."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None: ...  # type: ignore[explicit-override] # 3.12 has override

    def do_HEAD(self) -> None:
        self._plain({})

    def do_GET(self) -> None:
        if self.path.startswith("/v1/models"):
            self._plain({"object": "list", "data": [], "models": []})
        else:
            self._plain({"error": {"message": "not here"}}, HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        body = self._body()
        # The last prompt alone: the words of earlier ones come with every request.
        if "count_tokens" in self.path:
            self._plain({"input_tokens": 10})
        elif "countTokens" in self.path:
            self._plain({"totalTokens": 10})
        elif "/messages" in self.path:
            self._anthropic(body, self._answer(_of_user(body.get("messages"))))
        elif self.path.endswith("/compact"):
            self._plain({"output": []})
        elif "/responses" in self.path:
            self._responses(self._answer(_of_user(body.get("input"))))
        elif "/chat/completions" in self.path:
            self._chat(body, self._answer(_of_user(body.get("messages"))))
        elif "enerateContent" in self.path:
            self._gemini(body, self._answer(_of_user(body.get("contents"))))
        else:
            self._plain({"error": {"message": "not here"}}, HTTPStatus.NOT_FOUND)

    def _answer(self, text: str) -> str:
        return self._model.answer(text)

    @property
    def _model(self) -> ModelServer:
        assert isinstance(self.server, _Server)
        return self.server.model

    # The protocols. -----------------------------------------------------------------------------

    def _anthropic(self, body: Body, text: str) -> None:
        usage = {"input_tokens": 5, "output_tokens": 5}
        message = {
            "id": f"msg_{self._model.number()}",
            "type": "message",
            "role": "assistant",
            "model": body.get("model"),
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": usage,
        }
        if not body.get("stream"):
            self._plain(message)
            return
        begun = {**message, "content": [], "stop_reason": None}
        block = {"type": "text", "text": ""}
        delta = {"type": "text_delta", "text": text}
        ended = {"stop_reason": "end_turn", "stop_sequence": None}
        self._events(
            [
                {"type": "message_start", "message": begun},
                {"type": "content_block_start", "index": 0, "content_block": block},
                {"type": "content_block_delta", "index": 0, "delta": delta},
                {"type": "content_block_stop", "index": 0},
                {"type": "message_delta", "delta": ended, "usage": usage},
                {"type": "message_stop"},
            ]
        )

    def _responses(self, text: str) -> None:
        number = self._model.number()
        content = [{"type": "output_text", "text": text, "annotations": []}]
        item = {"type": "message", "id": f"msg_{number}", "role": "assistant"}
        begun = {**item, "status": "in_progress", "content": []}
        done = {**item, "status": "completed", "content": content}
        usage = {
            "input_tokens": 5,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 5,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 10,
        }
        response = {"id": f"resp_{number}", "object": "response"}
        ended = {**response, "status": "completed", "output": [done], "usage": usage}
        delta = {"item_id": item["id"], "output_index": 0, "content_index": 0, "delta": text}
        self._events(
            [
                {
                    "type": "response.created",
                    "response": {**response, "status": "in_progress", "output": []},
                },
                {"type": "response.output_item.added", "output_index": 0, "item": begun},
                {"type": "response.output_text.delta", **delta},
                {"type": "response.output_item.done", "output_index": 0, "item": done},
                {"type": "response.completed", "response": ended},
            ]
        )

    def _chat(self, body: Body, text: str) -> None:
        usage = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}
        chunk = {"id": f"chat_{self._model.number()}", "created": 0, "model": "model"}
        said = {"role": "assistant", "content": text}
        if not body.get("stream"):
            choice = {"index": 0, "message": said, "finish_reason": "stop"}
            self._plain({**chunk, "object": "chat.completion", "choices": [choice], "usage": usage})
            return
        chunk["object"] = "chat.completion.chunk"
        self._stream(
            [
                json.dumps(
                    {
                        **chunk,
                        "choices": [{"index": 0, "delta": said, "finish_reason": None}],
                    }
                ),
                json.dumps(
                    {
                        **chunk,
                        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                        "usage": usage,
                    }
                ),
                "[DONE]",
            ]
        )

    def _gemini(self, body: Body, text: str) -> None:
        if not body.get("tools") and "stream" not in self.path:
            # It asks a small model who speaks next and how hard a prompt is; one answer fits both.
            verdict = {
                "reasoning": "none",
                "next_speaker": "user",
                "model_choice": "pro",
                "complexity_reasoning": "none",
                "complexity_score": 5,
            }
            text = json.dumps(verdict)
        content = {"role": "model", "parts": [{"text": text}]}
        usage = {"promptTokenCount": 5, "candidatesTokenCount": 5, "totalTokenCount": 10}
        whole = {
            "candidates": [{"content": content, "finishReason": "STOP", "index": 0}],
            "usageMetadata": usage,
            "modelVersion": "gemini-2.5-pro",
        }
        if "stream" in self.path:
            self._stream([json.dumps(whole)])
        else:
            self._plain(whole)

    # What goes over the wire. -------------------------------------------------------------------

    def _body(self) -> Body:
        if self.headers.get("transfer-encoding") == "chunked":
            raw = b"".join(self._chunks())
        else:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        with contextlib.suppress(ValueError):
            found = json.loads(raw)
            return found if isinstance(found, dict) else {}
        return {}

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().strip() or b"0", 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _plain(self, value: object, status: HTTPStatus = HTTPStatus.OK) -> None:
        raw = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    def _events(self, events: Sequence[Body]) -> None:
        self._stream([json.dumps(each) for each in events], [str(each["type"]) for each in events])

    def _stream(self, data: Sequence[str], names: Sequence[str] = ()) -> None:
        """Server-sent events; the connection's end is the stream's."""
        self.send_response(HTTPStatus.OK)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for name, each in itertools.zip_longest(names, data):
            head = f"event: {name}\n" if name else ""
            self.wfile.write(f"{head}data: {each}\n\n".encode())
        self.wfile.flush()


def _of_user(messages: object) -> str:
    """The last of a request's messages that a user wrote and that holds a word of ours."""
    if isinstance(messages, str):
        return messages
    if not isinstance(messages, list):
        return ""
    users = [each for each in messages if isinstance(each, dict) and each.get("role") == "user"]
    texts = [json.dumps(each) for each in users]
    return next((text for text in reversed(texts) if WORD.search(text)), "")
