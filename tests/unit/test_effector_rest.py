"""HTTP of actuators against a server that dribbles, floods or packs: every exchange ends in time and in bounds, and nothing is claimed."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from interferon.effector import exchange
from interferon.effector.answers import Unanswered
from interferon.effector.rest import Rest

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def dribbles(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    for _ in range(100):
        try:
            handler.wfile.write(b" ")
        except OSError:  # who asked is gone
            return
        time.sleep(0.05)


def body(content: bytes, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def test_a_product_that_dribbles_is_not_waited_for_beyond_the_time_of_one_exchange() -> None:
    with serving(dribbles) as url:
        begin = time.monotonic()
        with pytest.raises(Unanswered, match="did not answer in time"):
            Rest(url, "", 0.3).read(url, object, {})
        assert time.monotonic() - begin < 1.5


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (body(b"[" + b" " * exchange.MOST_BYTES + b"]"), "answers more than 1048576 bytes"),
        (body(b"x", content_encoding="gzip"), "answers in gzip, which was not asked for"),
        (body(b"{"), "answers otherwise than agreed"),
    ],
    ids=["a flood", "packed", "no JSON"],
)
def test_an_answer_out_of_bounds_tells_nothing(answer: Answer, why: str) -> None:
    with serving(answer) as url, pytest.raises(Unanswered, match=why):
        Rest(url, "", 5).read(url, object, {})


def test_an_answer_within_bounds_is_read() -> None:
    with serving(body(b'{"a": 1}')) as url:
        assert Rest(url, "", 5).read(url, dict[str, int], {}) == {"a": 1}
