"""Options that concern a session's connection and the age of what it stores, with the real processes."""

from collections.abc import Callable

from tests.support.installation import Installation
from tests.support.listeners import WebhookReceiver
from tests.support.servers import wait_until
from tests.support.socks import SocksProxy

LIFETIME_SECONDS = "3"


def test_a_session_goes_through_its_proxy(installation: Installation, name: str) -> None:
    alice, bob = installation.phone("5511977770001"), installation.phone("5511977770002")
    with SocksProxy() as proxy:
        session = installation.paired(name, alice, proxy=proxy.url)
        assert proxy.asked, "WhatsApp was reached past the proxy"
        session.send(bob.number, "pelo proxy")
        bob.wait_text("pelo proxy")
        before = len(proxy.asked)
        session.api("PUT", "/api/config/config", {"proxy": ""})
        session.api("POST", "/api/session/reconnect", {})
        wait_until(lambda: session.try_send(bob.number, "direto").ok, "it sends without the proxy")
        assert len(proxy.asked) == before


def test_a_webhook_set_later_is_called_and_removed(installation: Installation, name: str) -> None:
    alice, bob = installation.phone("5511977770011"), installation.phone("5511977770012")
    session = installation.paired(name, alice)
    with WebhookReceiver() as first, WebhookReceiver() as second:
        for webhook in (first, second):
            body = {"webhookUrl": webhook.url, "status_webhook": True, "events": ["message_received"]}
            session.api("PUT", "/api/config/webhook", body)
            sent = bob.do("send", to=alice.number, text="toque")["id"]
            webhook.wait_event("message_received", lambda data, sent=sent: data["id"] == sent)
        assert len(first.bodies) == 1
        session.api("PUT", "/api/config/webhook", {"webhookUrl": None})
        assert session.status()["hasWebhook"] is False


def test_old_messages_go_by_themselves(make_installation: Callable[..., Installation]) -> None:
    running = make_installation(DELETE_TEMP_MENSAGE="true", TEMP_MENSAGE=LIFETIME_SECONDS).start()
    alice, bob = running.phone("5511977770021"), running.phone("5511977770022")
    session = running.paired("esquece-tudo", alice)
    sent = session.send(bob.number, "vai sumir")
    bob.wait_text("vai sumir")

    def stored() -> list[str]:
        page = session.api("GET", "/api/chat/messages")["data"]["messages"]
        return [message["mensagem_id"] for message in page]

    assert sent["id"] in stored()
    wait_until(lambda: running.api("POST", "/api/system/cleanup")["data"] and not stored(), "the message is gone", 30)
    assert bob.texts() == ["vai sumir"]
