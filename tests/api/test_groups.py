"""Group routes without WhatsApp: what is refused before anybody is asked."""

import base64
import io

import pytest
from PIL import Image

from flashapi.services.backend import Backend
from tests.api.conftest import Caller, Owner
from tests.support import samples

GROUP = "120363000000000001@g.us"
GROUP_MISSING, PEOPLE_MISSING = "groupJid é obrigatório", "groupJid e participants são obrigatórios"
NO_TEXTS = "participants deve ser uma lista de textos"
NO_GROUP = "groupJid deve ser o JID de um grupo (…@g.us)"
POSTS = (
    "info", "create", "add-participant", "remove-participant", "promote", "demote", "leave", "update-subject",
    "update-description", "update-picture", "settings", "revoke-invite", "join",
)  # fmt: skip
GETS = ("list", "info", "picture", "invite-link", "invite-info", "join-requests")


@pytest.mark.parametrize(("method", "path"), [*(("POST", p) for p in POSTS), *(("GET", p) for p in GETS)])
def test_a_session_key_is_needed(charlie: Caller, method: str, path: str) -> None:
    answer = charlie.call(method, f"/api/group/{path}")
    assert (answer.status_code, answer.json["message"]) == (401, "API Key é obrigatória")


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("info", {}, GROUP_MISSING),
        ("info", {"groupJid": "5511987654321"}, NO_GROUP),
        ("leave", {}, GROUP_MISSING),
        ("create", {}, "subject e participants são obrigatórios"),
        ("create", {"subject": "Vendas"}, "subject e participants são obrigatórios"),
        ("create", {"participants": []}, "subject e participants são obrigatórios"),
        ("create", {"subject": "x" * 101, "participants": []}, "subject deve ter no máximo 100 caracteres"),
        ("create", {"subject": "a\0b", "participants": []}, "subject não pode ter caracteres nulos"),
        (
            "create",
            {"subject": "Vendas", "participants": ["5511987654321", GROUP]},
            f"participants deve conter números ou JIDs de pessoas; {GROUP!r} não é",
        ),
        *(
            (path, body, PEOPLE_MISSING)
            for path in ("add-participant", "remove-participant", "promote", "demote")
            for body in ({}, {"groupJid": GROUP}, {"participants": ["5511987654321"]})
        ),
        *(
            (path, {"groupJid": GROUP, "participants": ["5511987654321", junk]}, NO_TEXTS)
            for path in ("add-participant", "remove-participant")
            for junk in (None, True, {}, [])
        ),
        ("update-subject", {"groupJid": GROUP}, "groupJid e subject são obrigatórios"),
        ("update-description", {"groupJid": GROUP}, "groupJid e description são obrigatórios"),
        ("update-picture", {"groupJid": GROUP}, "groupJid e image são obrigatórios"),
        ("settings", {"groupJid": GROUP}, "Informe announce ou locked"),
        ("settings", {"groupJid": GROUP, "announce": "talvez"}, "announce deve ser true ou false"),
        ("join", {}, "code é obrigatório"),
        ("join", {"code": "https://example.com/x/y"}, "code deve ser um link de convite ou o código dele"),
    ],
)
def test_what_is_refused(alice: Owner, path: str, body: object, message: str) -> None:
    answer = alice.post(f"/api/group/{path}", json=body)
    assert (answer.status_code, answer.json["message"]) == (400, message)


def test_a_session_without_connection(alice: Owner) -> None:
    for path, body in (
        ("create", {"subject": "Vendas", "participants": "5511987654321,5511987654322"}),
        ("add-participant", {"groupJid": GROUP, "participants": ["5511987654321"]}),
        ("leave", {"groupJid": GROUP}),
        ("settings", {"groupJid": GROUP, "locked": "false"}),
        ("join", {"code": "https://chat.whatsapp.com/AbCdEf123456?mode=x"}),
    ):
        answer = alice.post(f"/api/group/{path}", json=body)
        assert (answer.status_code, answer.json["message"]) == (400, "Sessão não está conectada")
    assert alice.get("/api/group/list").json["data"] == {"groups": [], "total": 0}


@pytest.mark.parametrize("image", ["data:image/png;base64,AAAA", "aGVsbG8=", base64.b64encode(samples.PDF).decode()])
def test_what_is_no_picture(alice: Owner, backend: Backend, image: str) -> None:
    answer = alice.post("/api/group/update-picture", json={"groupJid": GROUP, "image": image})
    assert (answer.status_code, answer.json["message"][:7]) == (400, "image: ")
    assert not list(backend.settings.media_dir.glob("*"))


def test_a_picture_is_not_decoded_here(alice: Owner, backend: Backend) -> None:
    """As large as it is decoded, the worker refuses it; without one nothing is left behind."""
    drawn = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(drawn, "PNG")
    picture = base64.b64encode(drawn.getvalue()).decode()
    answer = alice.post("/api/group/update-picture", json={"groupJid": GROUP, "image": picture})
    assert (answer.status_code, answer.json["message"]) == (400, "Sessão não está conectada")
    assert not list(backend.settings.media_dir.glob("*"))
