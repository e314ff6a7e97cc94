"""The door around Go's maps: closed for the instant of a start or stop, open again early, one act at a time."""

import threading
import time

from workers.door import CLOSED_AT_MOST_SECONDS, Door


def passes(door: Door, within: float) -> bool:
    thread = threading.Thread(target=door.pass_through, daemon=True)
    thread.start()
    thread.join(within)
    return not thread.is_alive()


def test_calls_pass_while_nobody_acts() -> None:
    assert passes(Door(), 1)


def test_a_call_waits_for_the_act_to_give_its_first_sign() -> None:
    door = Door()
    with door.acting() as open_early:
        assert not passes(door, 0.05)
        open_early()
        assert passes(door, 1)


def test_the_door_opens_when_the_act_fails() -> None:
    door = Door()
    try:
        with door.acting():
            raise RuntimeError("start failed")
    except RuntimeError:
        assert passes(door, 1)


def test_acts_follow_one_another() -> None:
    door = Door()
    order: list[str] = []

    def act(name: str) -> None:
        with door.acting() as open_early:
            open_early()  # even an act that has opened the door for calls keeps other acts out
            order.append(f"{name} begins")
            time.sleep(CLOSED_AT_MOST_SECONDS)
            order.append(f"{name} ends")

    threads = [threading.Thread(target=act, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    first, second = order[0][0], order[2][0]
    assert order == [f"{first} begins", f"{first} ends", f"{second} begins", f"{second} ends"]
    assert first != second
