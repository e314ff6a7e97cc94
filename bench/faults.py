"""One session dials a black hole, one loses an ack, and the network is 300 ms slow: the others stay under 1 s."""

import threading
from collections.abc import Iterator

from bench.measure import Sender, deaths, fresh_installation, milliseconds, table
from tests.support.installation import Installation
from tests.support.servers import wait_until

HEALTHY = 28
FAULT_SECONDS = 60
LATENCY_MS = 300
LIMIT_SECONDS = 1.0


def phases(running: Installation) -> Iterator[tuple[object, ...]]:
    """The sends of the healthy sessions before, during and after the faults."""
    friend = running.phone("5511910000000")
    phones = [running.phone(f"55119100001{number:02}") for number in range(HEALTHY + 2)]
    stuck, forgotten, *healthy = [running.paired(f"sessao-{phone.number}", phone) for phone in phones]
    for session in healthy:  # a first message to somebody needs more round trips: keys are fetched
        session.send(friend.number, "primeira")

    def measure(phase: str, seconds: float) -> tuple[object, ...]:
        with Sender(healthy, friend) as sender:
            sender.ended.wait(seconds)
        slow = sum(took > LIMIT_SECONDS for took in sender.took)
        return (phase, len(sender.took), milliseconds(sender.took, 0.5), milliseconds(sender.took, 0.99),
                milliseconds(sender.took, 1), slow, len(sender.failed), len(deaths(running)))

    yield measure("undisturbed", 15)
    running.api("POST", "/api/sandbox/fault", {"numero": "*", "kind": "slow", "ms": LATENCY_MS})
    yield measure(f"{LATENCY_MS} ms of latency", 30)
    running.api("POST", "/api/sandbox/fault",
                {"numero": phones[0].number, "kind": "blackhole", "seconds": FAULT_SECONDS})
    running.api("POST", "/api/sandbox/fault", {"numero": phones[1].number, "kind": "lost_ack", "count": 1})
    stuck.api("POST", "/api/session/reconnect", {})
    lost = threading.Thread(target=forgotten.try_send, args=(friend.number, "sem ack"))
    lost.start()
    yield measure("and a black hole, a lost ack", FAULT_SECONDS)
    lost.join()
    running.api("DELETE", "/api/sandbox/fault")
    wait_until(lambda: stuck.status()["status"] == "connected", "the session in the black hole is back", 120)
    yield measure("after all faults", 15)


def main() -> None:
    """Run it and print the table."""
    print(f"\nFaults: {HEALTHY} healthy sessions beside two with a fault\n")
    with fresh_installation() as running:
        table(["phase", "sends", "p50 ms", "p99 ms", "max ms", "over 1 s", "failed", "deaths"], phases(running))
        print(f"\nprocesses that died: {deaths(running) or 'none'}")


if __name__ == "__main__":
    main()
