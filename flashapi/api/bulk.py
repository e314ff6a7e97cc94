"""POST /api/chat/send-bulk: many messages, each of any kind, accepted together or not at all."""

from collections.abc import Callable
from typing import Any

from flask.views import MethodView
from marshmallow import EXCLUDE, Schema, ValidationError

from flashapi.api.auth import current_session, session_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.bodies import refusal
from flashapi.api.current import backend
from flashapi.errors import InvalidInput
from flashapi.schemas.kinds import ContactSchema, ForwardSchema, LocationSchema, PollSchema, ReactionSchema
from flashapi.schemas.media import AudioSchema, DocumentSchema, ImageSchema, StickerSchema, VideoSchema
from flashapi.schemas.messages import TextMessageSchema
from flashapi.schemas.queue import BulkAnswer, BulkSchema
from flashapi.services import bulk, media, messages

KINDS: dict[str, tuple[type[Schema], Callable[..., Any]]] = {
    "text": (TextMessageSchema, messages.send_text),
    "location": (LocationSchema, messages.send_location),
    "poll": (PollSchema, messages.send_poll),
    "contact": (ContactSchema, messages.send_contact),
    "reaction": (ReactionSchema, messages.send_reaction),
    "forward": (ForwardSchema, messages.forward),
    "image": (ImageSchema, media.send_image),
    "video": (VideoSchema, media.send_video),
    "audio": (AudioSchema, media.send_audio),
    "document": (DocumentSchema, media.send_document),
    "sticker": (StickerSchema, media.send_sticker),
}
"""What a message of each type holds, and who makes a send of it."""
BEFORE: dict[str, Any] = {"linkPreview": False, "useQueue": True}
"""What a message in bulk says unless it says something else: a thousand previews would be a thousand requests."""

blp = Blueprint("bulk", "/api/chat", "Mensagens e a fila de envio")


@blp.route("/send-bulk")
class SendBulk(MethodView):
    @session_key
    @blp.arguments(BulkSchema)
    @blp.sends(BulkAnswer)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Pôr até 1000 mensagens na fila: todas, ou nenhuma se alguma não puder ser aceita."""
        loaded = [_load(number, message) for number, message in enumerate(body["messages"])]
        accepted = bulk.send(backend(), current_session(), loaded)
        return {"message": "Mensagens adicionadas à fila", "data": {"accepted": len(accepted), "messages": accepted}}


def _load(number: int, message: dict[str, Any]) -> bulk.Message:
    where = f"messages[{number}]"
    kind = KINDS.get(str(message.get("type", "")))
    if kind is None:
        raise InvalidInput(f"{where}.type deve ser um de: {', '.join(KINDS)}")
    schema, make = kind
    try:
        keywords = schema().load({**BEFORE, **message, "useQueue": True}, unknown=EXCLUDE)
    except ValidationError as error:
        raise InvalidInput(f"{where}.{refusal(schema(), error.messages_dict)}") from None
    return bulk.Message(where, make, keywords)
