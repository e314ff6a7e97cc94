"""GET /api/chat/media/<id>: whatever a sender calls a file and its type, it can be downloaded."""

import json
from typing import Any

import pytest

from flashapi.media.spool import received_name
from flashapi.models.base import now_ms
from flashapi.models.messages import messages
from flashapi.services.backend import Backend
from tests.api.conftest import Owner

CONTENT = b"%PDF-1.4 conteudo"


def download(backend: Backend, owner: Owner, **described: Any) -> Any:
    """The answer for a received document, described like this by its sender, whose file is here already."""
    content = {"message": {"documentMessage": {"mimetype": "application/pdf", "fileName": "a.pdf", **described}}}
    row = {
        "session_id": owner.id,
        "chat": "5599999999999@s.whatsapp.net",
        "sender": "5599999999999@s.whatsapp.net",
        "message_id": "3EB0A1",
        "from_me": False,
        "type": "documentMessage",
        "content": json.dumps(content),
        "raw": b"",
        "status": "received",
        "timestamp": 1_764_000_000,
        "created_at": now_ms(),
    }
    with backend.connections.transaction() as connection:
        connection.execute(messages.insert(), row)
    with backend.spool.draft() as draft:
        draft.write(CONTENT)
        draft.keep(received_name(owner.id, "3EB0A1"))
    answer = owner.get("/api/chat/media/3EB0A1")
    assert (answer.status_code, answer.data) == (200, CONTENT)
    assert all(text.isprintable() for text in answer.headers.values())
    return answer


@pytest.mark.parametrize(
    "name, shown",
    [
        ("nota\nfiscal.pdf", "nota_fiscal.pdf"),
        ("nota\r\nX-Forjado: 1.pdf", "nota__X-Forjado: 1.pdf"),
        ("a\0b\x1b[31m\x7f\x85.pdf", "a_b_[31m__.pdf"),
        ("metade \ud83d.pdf", "metade _.pdf"),
        ("contrato 1.pdf", "contrato 1.pdf"),
    ],
)
def test_control_characters_leave_the_name(backend: Backend, alice: Owner, name: str, shown: str) -> None:
    answer = download(backend, alice, fileName=name)
    assert answer.headers["Content-Disposition"].removeprefix("attachment; filename=").strip('"') == shown
    assert "X-Forjado" not in answer.headers


def test_other_letters_and_emoji_stay_in_the_name(backend: Backend, alice: Owner) -> None:
    answer = download(backend, alice, fileName="relatório 😄\n.pdf")
    assert answer.headers["Content-Disposition"].endswith("filename*=UTF-8''relat%C3%B3rio%20%F0%9F%98%84_.pdf")


@pytest.mark.parametrize(
    "mimetype, shown",
    [
        ("application/pdf", "application/pdf"),
        ("audio/ogg; codecs=opus", "audio/ogg; codecs=opus"),
        ("image/png;\nx=y", None),
        ("image/png\r\nX-Forjado: 1", None),
        ("image/png; a\x1bb", None),
        ("画像/png", None),
        ("image", None),
        ("a/b" + ";a=b   " * 200 + "\n", None),
    ],
)
def test_what_is_no_type_is_octets(backend: Backend, alice: Owner, mimetype: str, shown: str | None) -> None:
    answer = download(backend, alice, mimetype=mimetype)
    assert answer.headers["Content-Type"] == (shown or "application/octet-stream")
    assert answer.headers["Content-Disposition"].startswith("attachment") or shown == "audio/ogg; codecs=opus"
