"""Answers that no decent endpoint gives: each is an attempt in the log, on both databases, and the next one waits."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from flashapi.connections import Connections
from flashapi.models import now_ms
from flashapi.models.events import attempts
from flashapi.outgoing import Fetched, Fetcher, OutgoingFailed
from tests.support.facts import Session, add_endpoint, happen
from tests.support.servers import wait_until
from tests.webhooks.conftest import StartWorker
from tests.webhooks.test_delivery import rows

ALICE = Session("a-1", "sessao-de-alice", "")


@contextmanager
def answering(*answers: bytes) -> Iterator[str]:
    """The URL of an endpoint that gives these answers in turn, byte by byte as they stand, then 200."""
    left = list(answers)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return  # closed
                with peer:
                    request = b""
                    while b"\r\n\r\n" not in request or not request.endswith(b"}"):
                        request += peer.recv(65_536)
                    peer.sendall(left.pop(0) if left else b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def busy(retry_after: bytes) -> bytes:
    return b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nRetry-After: " + retry_after + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        (b"Mon, 01 Jan 2024 00:00:00 +99999999999999999", 1),
        (b"Mon, 01 Jan 99999999999999999999 00:00:00 GMT", 1),
        (b"Mon, 01 Jan 2024 00:00:00 GMT", 1),
        (b"\xff\xfe\x00\x85", 1),
        (b"nan", 1),
        (b"-1e999", 1),
        (b"-5", 1),
        (b"9" * 5_000, 600),
        (b"Fri, 31 Dec 9999 23:59:59 -2359", 600),
    ],
    ids=["offset", "year", "past", "bytes", "nan", "minus_infinite", "negative", "huge", "last_day"],
)
def test_unreadable_retry_after_counts_as_absent(
    connections: Connections, start_worker: StartWorker, retry_after: bytes, seconds: int
) -> None:
    with answering(busy(retry_after)) as url:
        add_endpoint(connections, ALICE.id, url)
        happen(connections, ALICE, told=False)
        start_worker()
        row = wait_until(lambda: next((row for row in rows(connections) if row.attempts), None), "it is recorded", 5)
    assert (row.status_code, row.error) == (503, "HTTP 503")
    waits = (row.next_at - now_ms()) / 1_000
    assert seconds - 1 <= waits + 0.5 and waits <= seconds * 1.25


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b"a\0b\0", "ab"),
        (b"\xed\xa0\x80!", "\ufffd\ufffd\ufffd!"),
        ("😀".encode() * 600, "😀" * 500),
        (b"\xff" * 600, "\ufffd" * 500),
        ("oi".encode("utf-16"), "\ufffd\ufffdoi"),
    ],
    ids=["nul", "surrogate", "four_bytes", "no_text", "utf16"],
)
def test_any_body_is_kept_as_text(
    connections: Connections, start_worker: StartWorker, body: bytes, kept: str
) -> None:
    with answering(b"HTTP/1.1 500 No\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)) as url:
        add_endpoint(connections, ALICE.id, url)
        happen(connections, ALICE, told=False)
        start_worker()
        wait_until(lambda: rows(connections)[0].attempts, "it is recorded", 5)
    with connections.reading() as connection:
        assert connection.execute(sa.select(attempts.c.response)).scalars().first() == kept


def test_any_failure_is_kept_as_text(
    connections: Connections, start_worker: StartWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Fetched:
        raise OutgoingFailed("n\0ome \ud800" + "x" * 600)

    monkeypatch.setattr(Fetcher, "post", fail)  # no real one is known to say such a thing
    add_endpoint(connections, ALICE.id, "http://127.0.0.1/")
    happen(connections, ALICE, told=False)
    start_worker()
    row = wait_until(lambda: next((row for row in rows(connections) if row.attempts), None), "it is recorded", 5)
    assert row.error == "nome ?" + "x" * 494


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 \xb2\xb200 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\0\xff\0\r\n\r\n",
    ],
    ids=["negative_chunk", "status", "chunk", "no_http"],
)
def test_unreadable_answer_is_a_failed_attempt(
    connections: Connections, start_worker: StartWorker, answer: bytes
) -> None:
    with answering(answer) as url:
        add_endpoint(connections, ALICE.id, url)
        happen(connections, ALICE, told=False)
        start_worker()
        row = wait_until(lambda: next((row for row in rows(connections) if row.attempts), None), "it is recorded", 5)
    assert row.error and row.failing_since and row.next_at > row.failing_since
