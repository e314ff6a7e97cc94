"""Each phone shows the device's own name, whatever starts beside it: Go keeps one for the whole process."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.support.installation import Installation

HANDSHAKE_STEP_MS = 500
"""Long enough that all of them are on their way to register at the same time."""


def test_sessions_that_start_at_once_register_under_their_own_names(
    make_installation: Callable[..., Installation],
) -> None:
    running = make_installation().start()  # one worker process for the sandbox
    old = running.paired("pareada", running.phone("5511922240000"), deviceName="Antiga", browser="Edge")
    phones = [running.phone(f"551192224000{number}") for number in (1, 2)]
    named = [("Loja", "Firefox"), ("Suporte", "Safari")]
    running.api("POST", "/api/sandbox/fault", {"kind": "slow", "ms": HANDSHAKE_STEP_MS})
    with ThreadPoolExecutor(3) as pool:
        starting = [
            pool.submit(running.session, f"nomeada-{name}", deviceName=name, browser=browser)
            for name, browser in named
        ]
        pool.submit(old.api, "PUT", "/api/session/restart").result()
        sessions = [each.result() for each in starting]
    running.api("DELETE", "/api/sandbox/fault")
    shown = [
        phone.do("scan", qrcode=session.fresh_qrcode()) for phone, session in zip(phones, sessions, strict=True)
    ]
    assert [(each["name"], each["browser"]) for each in shown] == [("Loja", "FIREFOX"), ("Suporte", "SAFARI")]
