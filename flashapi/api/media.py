"""/api/chat: sends that carry a file, and the files of received messages."""

import re
from collections.abc import Callable
from typing import Any

from flask import Response, send_file
from flask.views import MethodView

from flashapi.api.auth import current_session, session_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.api.kinds import said
from flashapi.media.facts import FALLBACK_TYPE
from flashapi.schemas.media import (
    AudioSchema,
    DocumentSchema,
    ImageSchema,
    SentMediaAnswer,
    StickerSchema,
    VideoSchema,
)
from flashapi.services import media

SHOWN = ("image/jpeg", "image/png", "image/webp", "image/gif", "video/", "audio/")
"""Types a browser may show in place; all others are offered to be saved, since a page of theirs would be ours."""
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no header can carry; senders put it into the names of files."""
HEADER_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+( *;[ -~]*)?", re.ASCII)
"""A type as the header may name it. What senders call their files' type is read in one pass, whatever its length."""
BINARY = {"type": "string", "format": "binary"}

blp = Blueprint("media", "/api/chat", "Imagem, vídeo, áudio, documento, figurinha; arquivos recebidos")


@blp.route("/send-image")
class SendImage(MethodView):
    @session_key
    @blp.arguments(ImageSchema)
    @blp.takes_file("image")
    @blp.sends(SentMediaAnswer)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Enviar uma imagem."""
        return _sent(body, media.send_image, "Imagem enviada com sucesso", "Imagem adicionada à fila")


@blp.route("/send-video")
class SendVideo(MethodView):
    @session_key
    @blp.arguments(VideoSchema)
    @blp.takes_file("video")
    @blp.sends(SentMediaAnswer)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Enviar um vídeo."""
        return _sent(body, media.send_video, "Vídeo enviado com sucesso", "Vídeo adicionado à fila")


@blp.route("/send-audio")
class SendAudio(MethodView):
    @session_key
    @blp.arguments(AudioSchema)
    @blp.takes_file("audio")
    @blp.sends(SentMediaAnswer)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Enviar um áudio; com `ptt`, como mensagem de voz."""
        return _sent(body, media.send_audio, "Áudio enviado com sucesso", "Áudio adicionado à fila")


@blp.route("/send-document")
class SendDocument(MethodView):
    @session_key
    @blp.arguments(DocumentSchema)
    @blp.takes_file("document")
    @blp.sends(SentMediaAnswer)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Enviar um documento."""
        return _sent(body, media.send_document, "Documento enviado com sucesso", "Documento adicionado à fila")


@blp.route("/send-sticker")
class SendSticker(MethodView):
    @session_key
    @blp.arguments(StickerSchema)
    @blp.takes_file("sticker")
    @blp.sends(SentMediaAnswer)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Enviar uma figurinha; o que não é WebP é convertido."""
        return _sent(body, media.send_sticker, "Sticker enviado com sucesso", "Sticker adicionado à fila")


@blp.route("/media/<message_id>")
class Media(MethodView):
    @session_key
    @blp.response(200, BINARY, content_type=FALLBACK_TYPE)
    @blp.failure(400, "Sessão não conectada")
    @blp.failure(404, "Mensagem não encontrada, ou sem arquivo")
    @blp.failure(410, "O WhatsApp não tem mais o arquivo")
    @blp.failure(502, "O WhatsApp não entregou o arquivo")
    @blp.failure(504, "O WhatsApp não respondeu a tempo")
    def get(self, message_id: str) -> Response:
        """Baixar o arquivo de uma mensagem, decifrado; `Range` é aceito."""
        found = media.fetch(backend(), current_session(), message_id)
        mimetype = found.mimetype if HEADER_TYPE.fullmatch(found.mimetype) else FALLBACK_TYPE
        return send_file(
            found.path,
            mimetype=mimetype,
            as_attachment=not mimetype.startswith(SHOWN),
            download_name=CONTROLS.sub("_", found.file_name or message_id),
            etag=found.sha256 or True,
            conditional=True,
        )


def _sent(body: dict[str, Any], send: Callable[..., dict[str, Any]], direct: str, queued: str) -> dict[str, Any]:
    return {"data": send(backend(), current_session(), **body), "message": said(body, direct, queued)}
