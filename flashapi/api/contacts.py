"""/api/contact: the people a session knows, and what WhatsApp says of them."""

from typing import Any

from flask import Response
from flask.views import MethodView

from flashapi.api.auth import current_session, session_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.schemas.contacts import (
    BlockedAnswer,
    BlocklistAnswer,
    CheckedAnswer,
    ContactsAnswer,
    NamesAnswer,
    NumbersSchema,
    PictureAnswer,
    PictureQuerySchema,
    ProfileAnswer,
    SomebodySchema,
    SynchronisedAnswer,
)
from flashapi.services import contacts

blp = Blueprint("contact", "/api/contact", "Contatos: listar, consultar, bloquear")
JPEG = "image/jpeg"


@blp.route("/list")
class ListContacts(MethodView):
    @session_key
    @blp.response(200, ContactsAnswer)
    def get(self) -> dict[str, Any]:
        """Listar os contatos da sessão; funciona também desconectada."""
        found = contacts.every(backend(), current_session())
        return {"data": {"contacts": found, "total": len(found)}}


@blp.route("/sync")
class SyncContacts(MethodView):
    @session_key
    @blp.response(200, SynchronisedAnswer)
    @blp.asks_whatsapp
    def post(self) -> dict[str, Any]:
        """Atualizar os contatos a partir do WhatsApp."""
        begun = contacts.synchronise(backend(), current_session(), with_groups=False)
        return {"message": "Sincronização de contatos iniciada com sucesso", "data": begun}


@blp.route("/force-sync-all")
class SyncAll(MethodView):
    @session_key
    @blp.response(200, SynchronisedAnswer)
    @blp.asks_whatsapp
    def post(self) -> dict[str, Any]:
        """Atualizar os contatos e os grupos a partir do WhatsApp."""
        begun = contacts.synchronise(backend(), current_session(), with_groups=True)
        return {"message": "Sincronização completa iniciada com sucesso", "data": begun}


@blp.route("/profile")
class Profile(MethodView):
    @session_key
    @blp.arguments(SomebodySchema, location="query")
    @blp.response(200, ProfileAnswer)
    @blp.asks_whatsapp
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """Consultar o perfil de um contato: nomes, recado e foto."""
        return {"data": contacts.profile(backend(), current_session(), **query)}

    @session_key
    @blp.arguments(SomebodySchema)
    @blp.response(200, ProfileAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Consultar o perfil de um contato: nomes, recado e foto."""
        return {"data": contacts.profile(backend(), current_session(), **body)}


@blp.route("/check")
class CheckNumbers(MethodView):
    @session_key
    @blp.arguments(NumbersSchema)
    @blp.response(200, CheckedAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Verificar quais números têm WhatsApp, e o JID verdadeiro de cada um."""
        return {"data": contacts.check(backend(), current_session(), **body)}


@blp.route("/lid")
class Names(MethodView):
    @session_key
    @blp.arguments(SomebodySchema, location="query")
    @blp.response(200, NamesAnswer)
    @blp.asks_whatsapp
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """Obter o JID de telefone e o LID de alguém, a partir de qualquer um dos dois."""
        return {"data": contacts.names(backend(), current_session(), **query)}


@blp.route("/picture")
class Picture(MethodView):
    @session_key
    @blp.arguments(PictureQuerySchema, location="query")
    @blp.response(200, PictureAnswer)
    @blp.or_file(JPEG)
    @blp.asks_whatsapp
    def get(self, query: dict[str, Any]) -> dict[str, Any] | Response:
        """Obter a foto de perfil: a URL, ou com `download=true` a própria imagem."""
        whose = {"of": query["jid"], "preview": query["preview"]}
        if query["download"]:
            return Response(contacts.picture_bytes(backend(), current_session(), **whose), mimetype=JPEG)
        return {"data": contacts.picture(backend(), current_session(), **whose)}


@blp.route("/block")
class Block(MethodView):
    @session_key
    @blp.arguments(SomebodySchema)
    @blp.response(200, BlockedAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Bloquear um contato."""
        done = contacts.block(backend(), current_session(), **body, blocked=True)
        return {"message": "Contato bloqueado com sucesso", "data": done}


@blp.route("/unblock")
class Unblock(MethodView):
    @session_key
    @blp.arguments(SomebodySchema)
    @blp.response(200, BlockedAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Desbloquear um contato."""
        done = contacts.block(backend(), current_session(), **body, blocked=False)
        return {"message": "Contato desbloqueado com sucesso", "data": done}


@blp.route("/blocklist")
class Blocklist(MethodView):
    @session_key
    @blp.response(200, BlocklistAnswer)
    @blp.asks_whatsapp
    def get(self) -> dict[str, Any]:
        """Listar os contatos bloqueados."""
        found = contacts.blocklist(backend(), current_session())
        return {"data": {"contacts": found, "total": len(found)}}
