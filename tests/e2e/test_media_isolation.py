"""A session that WhatsApp's media servers never answer holds up no file of the others."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.support import samples
from tests.support.installation import Installation, Session, timed
from tests.support.servers import wait_until

SILENT_SECONDS = 600
PATIENCE_SECONDS = 15.0
GOOD_WITHIN_SECONDS = PATIENCE_SECONDS + 10.0
AT_ONCE_WITHIN_SECONDS = 8.0
PICTURE = base64.b64encode(samples.picture()).decode()
SILENT = "Os servidores de mídia do WhatsApp não responderam a tempo; nada foi enviado"


def send_picture(session: Session, to: str, caption: str) -> requests.Response:
    body = {"to": to, "image": PICTURE, "caption": caption}
    return session.installation.request("POST", "/api/chat/send-image", body, session.key)


def refusal(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["message"]


def test_silent_media_servers_hold_up_their_own_session_only(make_installation: Callable[..., Installation]) -> None:
    running = make_installation().start()
    friend = running.phone("5511944440009")
    phones = [running.phone(f"551194444000{number}") for number in range(3)]
    first, second, healthy = [running.paired(f"arquivos-{phone.number}", phone) for phone in phones]
    for phone in phones[:2]:
        fault = {"numero": phone.number, "kind": "media_silent", "seconds": SILENT_SECONDS}
        running.api("POST", "/api/sandbox/fault", fault)

    def send_well(caption: str) -> None:
        answer = send_picture(healthy, friend.number, caption)
        assert answer.status_code == 200, answer.text

    with ThreadPoolExecutor(2) as pool:
        stuck = [pool.submit(send_picture, each, friend.number, "nunca chega") for each in (first, second)]
        assert timed(lambda: send_well("espera a vez")) < GOOD_WITHIN_SECONDS
        assert [refusal(each.result()) for each in stuck] == [(503, SILENT)] * 2
        again = pool.submit(send_picture, first, friend.number, "nunca chega")
        assert timed(lambda: send_well("não espera")) < AT_ONCE_WITHIN_SECONDS, "what hangs has no slot"
        assert refusal(again.result()) == (503, SILENT)
    first.send(friend.number, "texto passa")
    friend.wait_text("texto passa")
    captions = [entry["caption"] for entry in friend.inbox() if entry["caption"]]
    assert captions == ["espera a vez", "não espera"]
    running.api("DELETE", "/api/sandbox/fault")
    wait_until(lambda: send_picture(first, friend.number, "voltou").ok, "files of the first session pass again")
