"""/api/group: the groups a session's account is in, and what it does in them."""

from typing import Any

from flask import Response
from flask.views import MethodView

from flashapi.api.auth import current_session, session_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.contacts import JPEG
from flashapi.api.current import backend
from flashapi.schemas.contacts import PictureAnswer
from flashapi.schemas.groups import (
    ChangedAnswer,
    DescriptionSchema,
    GroupPictureQuerySchema,
    GroupPictureSchema,
    GroupsAnswer,
    GroupSchema,
    InviteSchema,
    JoinedAnswer,
    LinkAnswer,
    MetadataAnswer,
    NewGroupSchema,
    ParticipantsSchema,
    ResultsAnswer,
    SettingsSchema,
    SubjectSchema,
    WaitingAnswer,
)
from flashapi.services import contacts, groups

blp = Blueprint("group", "/api/group", "Grupos: listar, criar, administrar")


@blp.route("/list")
class ListGroups(MethodView):
    @session_key
    @blp.response(200, GroupsAnswer)
    def get(self) -> dict[str, Any]:
        """Listar os grupos da sessão; funciona também desconectada."""
        found = groups.every(backend(), current_session())
        return {"data": {"groups": found, "total": len(found)}}


@blp.route("/info")
class GroupInfo(MethodView):
    @session_key
    @blp.arguments(GroupSchema, location="query")
    @blp.response(200, MetadataAnswer)
    @blp.asks_whatsapp
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """Consultar um grupo no WhatsApp."""
        return {"data": groups.info(backend(), current_session(), **query)}

    @session_key
    @blp.arguments(GroupSchema)
    @blp.response(200, MetadataAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Consultar um grupo no WhatsApp."""
        return {"data": groups.info(backend(), current_session(), **body)}


@blp.route("/create")
class CreateGroup(MethodView):
    @session_key
    @blp.arguments(NewGroupSchema)
    @blp.response(200, MetadataAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Criar um grupo."""
        return {"message": "Grupo criado com sucesso", "data": groups.create(backend(), current_session(), **body)}


@blp.route("/add-participant")
class AddParticipants(MethodView):
    @session_key
    @blp.arguments(ParticipantsSchema)
    @blp.response(200, ResultsAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Adicionar participantes a um grupo; um resultado para cada um."""
        results = groups.change_participants(backend(), current_session(), "add", **body)
        return {"message": "Participantes adicionados com sucesso", "data": results}


@blp.route("/remove-participant")
class RemoveParticipants(MethodView):
    @session_key
    @blp.arguments(ParticipantsSchema)
    @blp.response(200, ResultsAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Remover participantes de um grupo; um resultado para cada um."""
        results = groups.change_participants(backend(), current_session(), "remove", **body)
        return {"message": "Participantes removidos com sucesso", "data": results}


@blp.route("/promote")
class PromoteParticipants(MethodView):
    @session_key
    @blp.arguments(ParticipantsSchema)
    @blp.response(200, ResultsAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Tornar participantes administradores de um grupo."""
        results = groups.change_participants(backend(), current_session(), "promote", **body)
        return {"message": "Participantes promovidos com sucesso", "data": results}


@blp.route("/demote")
class DemoteParticipants(MethodView):
    @session_key
    @blp.arguments(ParticipantsSchema)
    @blp.response(200, ResultsAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Tirar de participantes a administração de um grupo."""
        results = groups.change_participants(backend(), current_session(), "demote", **body)
        return {"message": "Participantes rebaixados com sucesso", "data": results}


@blp.route("/leave")
class LeaveGroup(MethodView):
    @session_key
    @blp.arguments(GroupSchema)
    @blp.response(200, ChangedAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Sair de um grupo."""
        groups.leave(backend(), current_session(), **body)
        return {"message": "Saiu do grupo com sucesso", "data": {"groupJid": body["group"]}}


@blp.route("/update-subject")
class UpdateSubject(MethodView):
    @session_key
    @blp.arguments(SubjectSchema)
    @blp.response(200, ChangedAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Mudar o nome de um grupo."""
        groups.set_subject(backend(), current_session(), **body)
        data = {"groupJid": body["group"], "subject": body["subject"]}
        return {"message": "Nome do grupo atualizado com sucesso", "data": data}


@blp.route("/update-description")
class UpdateDescription(MethodView):
    @session_key
    @blp.arguments(DescriptionSchema)
    @blp.response(200, ChangedAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Mudar a descrição de um grupo."""
        groups.set_description(backend(), current_session(), **body)
        data = {"groupJid": body["group"], "description": body["description"]}
        return {"message": "Descrição do grupo atualizada com sucesso", "data": data}


@blp.route("/picture")
class GroupPicture(MethodView):
    @session_key
    @blp.arguments(GroupPictureQuerySchema, location="query")
    @blp.response(200, PictureAnswer)
    @blp.or_file(JPEG)
    @blp.asks_whatsapp
    def get(self, query: dict[str, Any]) -> dict[str, Any] | Response:
        """Obter a foto de um grupo: a URL, ou com `download=true` a própria imagem."""
        whose = {"of": query["group"], "preview": query["preview"]}
        if query["download"]:
            return Response(contacts.picture_bytes(backend(), current_session(), **whose), mimetype=JPEG)
        return {"data": contacts.picture(backend(), current_session(), **whose)}


@blp.route("/update-picture")
class UpdatePicture(MethodView):
    @session_key
    @blp.arguments(GroupPictureSchema)
    @blp.takes_file("image")
    @blp.response(200, ChangedAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Mudar a foto de um grupo; a imagem vira um JPEG quadrado."""
        made = groups.set_picture(backend(), current_session(), **body)
        data = {"groupJid": body["group"], "pictureId": made["id"]}
        return {"message": "Foto do grupo atualizada com sucesso", "data": data}


@blp.route("/settings")
class GroupSettings(MethodView):
    @session_key
    @blp.arguments(SettingsSchema)
    @blp.response(200, ChangedAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Mudar quem pode enviar mensagens e quem pode alterar os dados de um grupo."""
        now = groups.set_settings(backend(), current_session(), **body)
        data = {"groupJid": body["group"], **now}
        return {"message": "Configurações do grupo atualizadas com sucesso", "data": data}


@blp.route("/invite-link")
class InviteLink(MethodView):
    @session_key
    @blp.arguments(GroupSchema, location="query")
    @blp.response(200, LinkAnswer)
    @blp.asks_whatsapp
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """Obter o link de convite de um grupo."""
        return {"data": groups.invite_link(backend(), current_session(), **query, revoke=False)}


@blp.route("/revoke-invite")
class RevokeInvite(MethodView):
    @session_key
    @blp.arguments(GroupSchema)
    @blp.response(200, LinkAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Revogar o link de convite de um grupo; um novo é devolvido."""
        link = groups.invite_link(backend(), current_session(), **body, revoke=True)
        return {"message": "Link de convite revogado com sucesso", "data": link}


@blp.route("/invite-info")
class InviteInfo(MethodView):
    @session_key
    @blp.arguments(InviteSchema, location="query")
    @blp.response(200, MetadataAnswer)
    @blp.asks_whatsapp
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """Consultar o grupo de um link de convite, sem entrar nele."""
        return {"data": groups.look_at_link(backend(), current_session(), **query)}


@blp.route("/join")
class JoinGroup(MethodView):
    @session_key
    @blp.arguments(InviteSchema)
    @blp.response(200, JoinedAnswer)
    @blp.asks_whatsapp
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Entrar em um grupo pelo link de convite."""
        joined = groups.join(backend(), current_session(), **body)
        asked, entered = "Pedido de entrada enviado com sucesso", "Entrou no grupo com sucesso"
        return {"message": asked if joined["pending"] else entered, "data": joined}


@blp.route("/join-requests")
class JoinRequests(MethodView):
    @session_key
    @blp.arguments(GroupSchema, location="query")
    @blp.response(200, WaitingAnswer)
    @blp.asks_whatsapp
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """Listar quem aguarda aprovação para entrar em um grupo.

        Aprovar e recusar só é possível no telefone: a biblioteca neonize não oferece essa operação.
        """
        return {"data": groups.join_requests(backend(), current_session(), **query)}
