"""Pictures of people and groups. Fetched here where the bytes are asked for: only this process trusts the sandbox."""

import base64
from typing import Any

from neonize.exc import GetProfilePictureError
from neonize.proto.Neonize_pb2 import GetProfilePictureParams

from flashapi.connections import Connections
from flashapi.dispatch import Action
from flashapi.errors import Forbidden, NotFound, NotRegistered, WhatsAppError
from flashapi.models.sessions import Mode
from flashapi.outgoing import Fetcher
from workers import people
from workers.actions.workshop import Workshop
from workers.addressing import Asks, Whose, to_jid
from workers.media.pictures import as_profile_picture

NOT_SET = "does not have a profile picture"
HIDDEN = "has hidden their profile picture"
FETCH_SECONDS = 10.0
LARGEST_BYTES = 5 * 1024 * 1024


def picture(
    client: Asks, connections: Connections, whose: Whose, *, of: str, preview: bool, with_content: bool
) -> dict[str, Any]:
    """Somebody's or a group's picture: its address, and with `with_content` its bytes as base64.

    Raises NotFound where there is none, Forbidden where it is hidden.
    """
    named = of
    if not of.endswith("@g.us"):
        [who] = people.accounts(client, connections, whose, [of])
        if who is None:
            raise NotRegistered(field="jid")
        named = who.preferred
    found = picture_of(client, named, preview=preview, must_exist=True)
    assert found is not None
    if with_content:
        found["content"] = base64.b64encode(_fetch(found["url"], whose.mode)).decode()
    return {"jid": named, **found}


def picture_of(client: Asks, jid: str, *, preview: bool, must_exist: bool = False) -> dict[str, Any] | None:
    """The address of a picture; None where there is none to be seen, which `must_exist` raises."""
    try:
        info = client.call("get_profile_picture", to_jid(jid), _parameters(preview))
    except GetProfilePictureError as error:
        if NOT_SET not in str(error) and HIDDEN not in str(error):
            raise
        if not must_exist:
            return None
        if HIDDEN in str(error):
            raise Forbidden("A foto não é visível para esta conta") from None
        raise NotFound("Não há foto de perfil") from None
    return {"url": info.URL, "id": info.ID, "type": info.Type}


def set_group_picture(workshop: Workshop, *, group: str, spool: str) -> dict[str, str]:
    """Give a group the spooled picture, made into what WhatsApp takes. Raises InvalidInput."""
    try:
        with workshop.opened(spool) as path:
            jpeg = as_profile_picture(path)
    finally:
        workshop.files.spool.remove(spool)
    return {"id": workshop.call("set_group_photo", to_jid(group), jpeg)}


def _parameters(preview: bool) -> GetProfilePictureParams:
    """neonize heeds none of them unless all are given."""
    return GetProfilePictureParams(Preview=preview, ExistingID="", IsCommunity=False)


def _fetch(url: str, mode: str) -> bytes:
    fetcher = Fetcher(allow_private=mode == Mode.SANDBOX)
    try:
        answer = fetcher.get(url, timeout=FETCH_SECONDS, max_bytes=LARGEST_BYTES)
    finally:
        fetcher.close()
    if answer.status != 200:
        raise WhatsAppError("O WhatsApp não entregou a foto", whatsapp_code=answer.status)
    return answer.content


QUESTIONS: dict[Action, Any] = {
    Action.PICTURE: picture,
}

WITH_FILES: dict[Action, Any] = {
    Action.SET_GROUP_PICTURE: set_group_picture,
}
