"""A phone sends sixty texts while the session's worker is killed (-9) and comes back: each must be received once."""

import statistics
import time
from collections import Counter
from collections.abc import Iterator

from bench.measure import fresh_installation, table
from tests.support.installation import Installation, Phone, Session
from tests.support.listeners import SocketListener
from tests.support.servers import wait_until

RUNS = 5
TEXTS = 60
KILL_AFTER = 20


def run(running: Installation, session: Session, alice: Phone, bob: Phone, number: int) -> Counter[str]:
    """One run: how often each text was received, once the last one is there."""
    with SocketListener(running.base, session.key, events=["message_received"]) as socket:
        for text in range(TEXTS):
            bob.do("send", to=alice.number, text=f"{number}/{text}")
            if text == KILL_AFTER:
                running.kill("workers sessions")
        running.wait_ready()
        session.wait_state("connected")
        bob.do("send", to=alice.number, text=f"{number}/fim")
        wait_until(
            lambda: any(frame["data"]["content"] == f"{number}/fim" for frame in socket.events("message_received")),
            "the text after the last one",
        )
        received = Counter(frame["data"]["content"] for frame in socket.events("message_received"))
    del received[f"{number}/fim"]
    return received


def main() -> None:
    """Run it and print the table."""
    print(f"\nReceived through a crash: {TEXTS} texts, the worker killed after {KILL_AFTER}\n")
    counts: list[int] = []

    def rows(running: Installation) -> Iterator[tuple[object, ...]]:
        alice, bob = running.phone("5511920000001"), running.phone("5511920000002")
        session = running.paired("recebedora", alice)
        for number in range(1, RUNS + 1):
            began = time.monotonic()
            received = run(running, session, alice, bob, number)
            counts.append(len(received))
            yield number, len(received), received.total() - len(received), f"{time.monotonic() - began:.1f}"

    with fresh_installation() as running:
        table(["run", f"received of {TEXTS}", "twice", "seconds"], rows(running))
    print(f"\nmedian {statistics.median(counts):.0f}, worst {min(counts)} of {TEXTS}")


if __name__ == "__main__":
    main()
