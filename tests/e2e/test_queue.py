"""The send queue end to end, on both databases: by its keys, under restriction, paused."""

from concurrent.futures import ThreadPoolExecutor

from tests.support.installation import Installation
from tests.support.listeners import SocketListener
from tests.support.queueing import keyed, make_lines, wait_empty
from tests.support.servers import wait_until

CALLERS = 50


def test_one_key_is_one_message(running: Installation) -> None:
    (line,) = make_lines(running, 1, "64")
    for text, extra in (("direta", {}), ("na fila", {"useQueue": True})):
        with ThreadPoolExecutor(CALLERS) as pool:
            calls = [pool.submit(keyed, line.session, line.friend.number, text, **extra) for _ in range(CALLERS)]
            answers = [call.result() for call in calls]
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["data"]["id"] for answer in answers}) == 1
        line.friend.wait_text(text)
    wait_empty([line])
    assert line.friend.texts() == ["direta", "na fila"]
    assert keyed(line.session, line.friend.number, "direta", delay=1).status_code == 400


def test_a_restricted_account_goes_on_with_those_who_wrote(running: Installation) -> None:
    (line,) = make_lines(running, 1, "67")
    warm = running.phone("5511967900003")
    warm.do("send", to=line.session.status()["phoneNumber"], text="oi, loja")
    phone = line.session.status()["phoneNumber"]
    line.session.api("PUT", "/api/config/queue", {"gap": 0})

    def knows_them() -> bool:
        chats = line.session.api("GET", "/api/chat/chats")["data"]
        return any(warm.jid in str(chat) for chat in (chats if isinstance(chats, list) else chats["chats"]))

    wait_until(knows_them, "the message has come")
    with SocketListener(running.base, line.session.key, events=["session_restricted"]) as socket:
        running.api("POST", "/api/sandbox/fault", {"numero": phone, "kind": "nack", "code": 463, "count": 1})
        cold = line.session.send(line.friend.number, "conversa nova", useQueue=True)
        restricted = socket.wait_event("session_restricted")
    assert restricted["data"]["code"] == "463"
    wait_until(
        lambda: line.session.api("GET", f"/api/chat/queue/{cold['id']}")["data"]["state"] == "scheduled", "it waits"
    )
    later = line.session.send(line.friend.number, "outra nova", useQueue=True)
    line.session.send(warm.number, "olá de volta", useQueue=True)
    warm.wait_text("olá de volta")
    assert line.session.api("GET", f"/api/chat/queue/{later['id']}")["data"]["state"] == "scheduled"
    refused = line.session.try_send(line.friend.number, "direta")
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) > 3_000
    assert line.session.status()["restriction"]["code"] == "463"
    assert line.friend.texts() == []


def test_the_guard_holds_queued_sends_and_refuses_direct_ones(running: Installation) -> None:
    (line,) = make_lines(running, 1, "68")
    line.session.api("PUT", "/api/config/queue", {"gap": 0, "pacing": {"perMinute": 3}})
    for number in range(5):
        line.session.send(line.friend.number, f"ritmo {number}", useQueue=True)
    line.friend.wait_text("ritmo 2")
    refused = line.session.try_send(line.friend.number, "direta")
    assert refused.status_code == 429 and 50 <= int(refused.headers["Retry-After"]) <= 60
    assert line.session.api("GET", "/api/chat/queue/status")["data"]["queueLength"] == 2
    line.session.api("PUT", "/api/config/queue", {"pacing": None})
    line.friend.wait_text("ritmo 4")
    assert line.friend.texts() == [f"ritmo {number}" for number in range(5)]


def test_a_paused_queue_waits_and_direct_sends_go_on(running: Installation) -> None:
    (line,) = make_lines(running, 1, "69")
    line.session.api("POST", "/api/chat/queue/pause")
    line.session.send(line.friend.number, "na fila", useQueue=True)
    line.session.send(line.friend.number, "urgente", useQueue=True, priority=5)
    cancelled = line.session.send(line.friend.number, "cancelada", useQueue=True)
    line.session.send(line.friend.number, "direta")
    line.session.api("DELETE", f"/api/chat/queue/{cancelled['id']}")
    assert line.friend.texts() == ["direta"]
    line.session.api("POST", "/api/chat/queue/resume")
    line.friend.wait_text("na fila")
    wait_empty([line])
    assert line.friend.texts() == ["direta", "urgente", "na fila"]
