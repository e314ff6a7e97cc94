"""Thirty sessions are created, paired, restarted and stopped in ten rounds while others send: no process may die."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from bench.measure import Sender, deaths, fresh_installation, milliseconds, table
from tests.support.installation import Installation, Phone, Session

SESSIONS = 30
ROUNDS = 10
AT_ONCE = 10


def turn(running: Installation, phone: Phone, name: str, number: int) -> None:
    """One session's round. Every second round ends by deleting it, the others by disconnecting the phone."""
    session = running.session(f"{name}-{number}") if number % 2 else running.session(name)
    session.pair(phone)
    session.api("PUT", "/api/session/restart", {})
    session.wait_state("connected", 60)
    session.api("POST", "/api/session/reconnect", {})
    session.wait_state("connected", 60)
    if number % 2:
        session.api("DELETE", f"/api/session/desconect/{session.id}")
        session.wait_state("disconnected", 60)
    running.api("DELETE", f"/api/session/delete/{session.id}")


def rounds(running: Installation) -> Iterator[tuple[object, ...]]:
    """Each round's figures."""
    friend = running.phone("5511900000000")
    senders: list[Session] = [running.paired(f"constante-{n}", running.phone(f"551190000010{n}")) for n in range(3)]
    phones = [running.phone(f"55119000002{number:02}") for number in range(SESSIONS)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(1, ROUNDS + 1):
            began = time.monotonic()
            with Sender(senders, friend) as sender:
                turns = [pool.submit(turn, running, phone, f"girando-{phone.number}", number) for phone in phones]
                for finished in turns:
                    finished.result()
            seconds = time.monotonic() - began
            yield (
                number, f"{seconds:.1f}", len(sender.took), milliseconds(sender.took, 0.5),
                milliseconds(sender.took, 0.99), milliseconds(sender.took, 1), len(sender.failed), len(deaths(running)),
            )


def main() -> None:
    """Run it and print the table."""
    print(f"\nChurn: {SESSIONS} sessions, {AT_ONCE} at once, beside three that send\n")
    with fresh_installation() as running:
        headings = ["round", "seconds", "sends", "p50 ms", "p99 ms", "max ms", "failed sends", "deaths"]
        table(headings, rounds(running))
        print(f"\nprocesses that died: {deaths(running) or 'none'}")


if __name__ == "__main__":
    main()
