"""A session worker is killed (-9): its sessions send again within ten seconds, and nothing received is lost."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.support.installation import Installation
from tests.support.listeners import SocketListener
from tests.support.servers import wait_until

BACK_WITHIN_SECONDS = 10.0
TEXTS = 60


def test_sessions_send_again_after_a_kill_with_one_login_more(make_installation: Callable[..., Installation]) -> None:
    running = make_installation().start()
    friend = running.phone("5511922220000")
    phones = [running.phone(f"551192222000{number}") for number in range(1, 4)]
    sessions = [running.paired(f"sessao-{phone.number}", phone) for phone in phones]
    before = [phone.logins() for phone in phones]

    running.kill("workers sessions")
    for number, session in enumerate(sessions):
        wait_until(
            lambda session=session, number=number: session.try_send(friend.number, f"voltei {number}").ok,
            f"{session.name} sends again", BACK_WITHIN_SECONDS,
        )
    for number in range(len(sessions)):
        friend.wait_text(f"voltei {number}")
    assert running.pids("workers sessions")
    assert [phone.logins() for phone in phones] == [logins + 1 for logins in before]


def test_everything_sent_while_the_worker_dies_is_received_once(make_installation: Callable[..., Installation]) -> None:
    running = make_installation().start()
    alice, bob = running.phone("5511922220011"), running.phone("5511922220012")
    session = running.paired("recebedora", alice)
    with SocketListener(running.base, session.key, events=["message_received"]) as socket:
        for number in range(TEXTS):
            bob.do("send", to=alice.number, text=f"texto {number}")
            if number == TEXTS // 3:
                running.kill("workers sessions")

        def received() -> Counter[str]:
            return Counter(frame["data"]["content"] for frame in socket.events("message_received"))

        wait_until(lambda: len(received()) >= TEXTS, f"{TEXTS} message_received", 60)
        assert received() == Counter(f"texto {number}" for number in range(TEXTS))


def test_sends_in_flight_get_truthful_answers(make_installation: Callable[..., Installation]) -> None:
    """Whatever the API says of a send during which the worker died, the phone agrees."""
    running = make_installation().start()
    alice, bob = running.phone("5511922220021"), running.phone("5511922220022")
    session = running.paired("em-voo", alice)
    # An ack is on its way for so long that the phone shows the text before it comes.
    running.api("POST", "/api/sandbox/fault", {"numero": alice.number, "kind": "slow", "ms": 300})
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(lambda: [session.try_send(bob.number, f"em voo {number}") for number in range(20)])
        bob.wait_text("em voo 3")
        running.kill("workers sessions")
        answers = sending.result()
    running.api("DELETE", "/api/sandbox/fault")
    wait_until(lambda: session.try_send(bob.number, "fim").ok, "it sends again")
    bob.wait_text("fim")
    shown = Counter(bob.texts())
    assert any(not answer.ok for answer in answers), "the kill came while something was in flight"
    for number, answer in enumerate(answers):
        times = shown[f"em voo {number}"]
        if answer.ok:
            assert times == 1, answer.text
        elif answer.status_code in (400, 503):
            assert times == 0, answer.text
        else:
            assert answer.status_code == 504 and times <= 1, answer.text


def test_a_worker_that_is_stopped_waits_for_the_ack(make_installation: Callable[..., Installation]) -> None:
    running = make_installation().start()
    alice, bob = running.phone("5511922220031"), running.phone("5511922220032")
    session = running.paired("ainda-falta", alice)
    session.send(bob.number, "antes")
    running.api("POST", "/api/sandbox/fault", {"numero": alice.number, "kind": "slow", "ms": 700})
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(session.try_send, bob.number, "durante")
        bob.wait_text("durante")
        (worker,) = running.pids("workers sessions")
        os.kill(worker, signal.SIGTERM)
        answer = sending.result()
    assert answer.status_code == 200, answer.text
    assert bob.texts() == ["antes", "durante"]
