"""How real sessions are linked: by QR code, by pairing code, and how links end."""

from __future__ import annotations

import base64
import io

import pytest
import segno

from tests.sandbox.conftest import NewPhone, NewSession
from tests.sandbox.harness import NetworkProcess, Refused, wait_until


def picture(text: str) -> str:
    """The PNG data URL of a QR code, as an API hands it out."""
    buffer = io.BytesIO()
    segno.make_qr(text).save(buffer, kind="png", scale=4)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def test_a_scanned_picture_links_the_session(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, session = new_phone("Alice"), new_session()
    session.ask("connect")
    code = session.wait("qr")["text"]
    linked = network.ask("phone.scan", numero=alice, qrcode=picture(code))
    assert linked == {"jid": f"{alice}:1@s.whatsapp.net", "name": "Neonize", "browser": "SAFARI"}
    assert session.wait("PairStatus")["jid"] == f"{alice}:1@s.whatsapp.net"
    session.wait("Connected")
    phone = network.phone(alice)
    assert (phone["devices"], phone["logins"]) == (1, 1)


def test_a_used_code_and_a_foreign_code_are_refused(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.ask("connect")
    code = session.wait("qr")["text"]
    foreign = code.replace(code.partition("#")[2].partition(",")[0], "unknown-ref")
    with pytest.raises(Refused, match=r"400 .*expirou"):
        network.ask("phone.scan", numero=alice, qrcode=foreign)
    with pytest.raises(Refused, match=r"400 .*qrcode"):
        network.ask("phone.scan", numero=alice, qrcode="https://example.org/")
    network.ask("phone.scan", numero=alice, qrcode=code)
    session.wait("Connected")
    with pytest.raises(Refused, match=r"400 .*expirou"):
        network.ask("phone.scan", numero=bob, qrcode=code)


def test_a_code_dies_with_its_session(network: NetworkProcess, new_phone: NewPhone, new_session: NewSession) -> None:
    alice, session = new_phone("Alice"), new_session()
    session.ask("connect")
    code = session.wait("qr")["text"]
    session.close()

    def refused() -> Refused | None:
        try:
            network.ask("phone.scan", numero=alice, qrcode=code)
        except Refused as refusal:
            return refusal
        return None

    assert wait_until(refused, "the refusal").status in (400, 504)
    assert network.phone(alice)["devices"] == 0


def test_a_pairing_code_links_the_session(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, session = new_phone("Alice"), new_session()
    session.ask("connect")
    session.wait("qr")
    code = session.ask("pair_phone", number=alice)
    assert len(code) == 9 and code[4] == "-"
    wrong = "1" * 8 if code[0] != "1" else "2" * 8
    with pytest.raises(Refused, match=r"400 .*errado"):
        network.ask("phone.code", numero=alice, code=wrong)
    with pytest.raises(Refused, match=r"400 .*oito letras"):
        network.ask("phone.code", numero=alice, code="ABC")
    linked = network.ask("phone.code", numero=alice, code=code.replace("-", "").lower())
    assert linked["jid"] == f"{alice}:1@s.whatsapp.net"
    session.wait("Connected")


def test_a_code_for_another_number_is_unknown(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.ask("connect")
    session.wait("qr")
    code = session.ask("pair_phone", number=alice)
    with pytest.raises(Refused, match="400 Nenhuma"):
        network.ask("phone.code", numero=bob, code=code)


def test_a_phone_can_have_several_devices(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, bob = new_phone("Alice"), new_phone("Bob")
    first, second = new_session(), new_session()
    first.pair(alice)
    first.send(bob, "antes")
    second.pair(alice)
    assert network.phone(alice)["devices"] == 2
    # The first device had the list of devices from before; the network tells it of the second.
    first.send(bob, "depois")
    second.wait("Message", text="depois", from_me=True)
    network.ask("phone.send", numero=bob, to=alice, text="resposta")
    first.wait("Message", text="resposta")
    second.wait("Message", text="resposta")


def test_unlinking_at_the_phone_logs_the_session_out(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, session = new_phone("Alice"), new_session()
    session.pair(alice)
    network.ask("phone.unlink", numero=alice)
    assert session.wait("LoggedOut")["on_connect"] is False
    assert network.phone(alice)["devices"] == 0


def test_unlinking_an_absent_session_shows_at_its_next_login(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, session = new_phone("Alice"), new_session()
    session.pair(alice)
    session.close()
    network.ask("phone.unlink", numero=alice)
    again = session.restart()
    try:
        assert again.wait("LoggedOut")["on_connect"] is True
    finally:
        again.close()


def test_a_logout_of_the_session_reaches_the_phone_and_it_can_be_linked_again(
    network: NetworkProcess, new_phone: NewPhone, new_session: NewSession
) -> None:
    alice, bob, session = new_phone("Alice"), new_phone("Bob"), new_session()
    session.pair(alice)
    session.ask("logout")
    assert network.phone(alice)["devices"] == 0
    other = new_session()
    other.pair(alice)
    assert network.phone(alice)["devices"] == 1
    sent = other.send(bob, "de novo")
    assert network.wait_inbox(bob, 1)[0]["id"] == sent["id"]
