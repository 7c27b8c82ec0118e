"""A local HTTP server that plays an OpenAI-compatible endpoint by a script, and remembers what it was asked."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Reply:
    """status, headers and body as they go out. drop: how many bytes of the body go out before the line is cut;
    delay: seconds before the body; drip: seconds between its bytes."""

    status: int = 200
    body: object = None
    headers: dict = field(default_factory=dict)
    drop: int | None = None
    delay: float = 0.0
    drip: float = 0.0


def chat(text: object, finish: str = "stop", tokens: tuple[int, int] = (100, 10), **message: object) -> dict:
    """The body of a good answer."""
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
    return {"id": "1", "object": "chat.completion", "model": "served-1", "choices": [choice], "usage": usage}


def words(body: dict) -> str:
    """All text of a request."""
    parts = [message["content"] for message in body["messages"]]
    return "\n".join(
        part if isinstance(part, str) else "\n".join(piece.get("text", "") for piece in part) for part in parts
    )


class Server:
    """`with Server(script) as server:` answers at `server.url`; `script(body, time)` gives a `Reply` or a good
    answer's text, `time` counting from 1 how often this very request was seen."""

    def __init__(self, script: Callable[[dict, int], Reply | str]):
        self.script, self.seen, self.headers, self.times = script, [], [], []
        self._lock, self._counts, self.flying, self.most = threading.Lock(), Counter(), 0, 0

    def __enter__(self) -> "Server":
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        raw = handler.rfile.read(int(handler.headers["Content-Length"]))
        body = json.loads(raw)
        with self._lock:
            self._counts[raw] += 1
            count = self._counts[raw]
            self.seen.append(body)
            self.headers.append(dict(handler.headers) | {"path": handler.path})
            self.times.append(time.monotonic())
            self.flying += 1
            self.most = max(self.most, self.flying)
        try:
            reply = self.script(body, count)
            self._send(handler, Reply(body=chat(reply)) if isinstance(reply, str) else reply)
        except OSError:
            pass  # the client is gone
        finally:
            with self._lock:
                self.flying -= 1

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        time.sleep(reply.delay)
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        if reply.drip:
            for place in range(len(data)):
                handler.wfile.write(data[place : place + 1])
                time.sleep(reply.drip)
        handler.wfile.write(data if reply.drop is None else data[: reply.drop])
        if reply.drop is not None:
            handler.close_connection = True
            handler.connection.close()
