"""/api/webhook and /api/webhook/global: endpoints, their log, replay. The same views for a session and for all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask.views import MethodView

from flashapi.api.auth import current_session, global_key, session_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.models.events import GLOBAL, DeliveryState
from flashapi.schemas.envelope import Done
from flashapi.schemas.webhooks import (
    DeliveriesAnswer,
    DeliveriesQuerySchema,
    DeliveryAnswer,
    DetailedEndpointAnswer,
    EndpointAnswer,
    EndpointFields,
    EndpointsAnswer,
    NewEndpointSchema,
    ReplayedAnswer,
    ReplaySchema,
    SecretEndpointAnswer,
    TestedAnswer,
)
from flashapi.services import deliveries, endpoints, replays
from flashapi.services.endpoints import Row
from flashapi.timestamps import iso
from flashapi.webhooks.calls import Attempt

blp = Blueprint("webhooks", "/api/webhook", "Webhooks: endereços, entregas, reenvio")


@dataclass(frozen=True)
class Side:
    """Whose endpoints a set of routes is about."""

    prefix: str
    guard: Callable[[Any], Any]
    owner: Callable[[], str]


SIDES = (
    Side("", session_key, lambda: str(current_session().id)),
    Side("/global", global_key, lambda: GLOBAL),
)


def add_routes(side: Side) -> None:
    """Register the routes of one side."""
    key, owner = side.guard, side.owner

    def route(rule: str) -> Callable[[type], type]:
        def register(view: type) -> type:
            return blp.route(side.prefix + rule, endpoint=f"{view.__name__}{side.prefix.replace('/', '_')}")(view)

        return register

    @route("")
    class Endpoints(MethodView):
        @key
        @blp.response(200, EndpointsAnswer)
        def get(self) -> dict[str, Any]:
            """Listar os webhooks."""
            rows = endpoints.every(backend(), owner())
            return {"data": {"webhooks": [_endpoint(row) for row in rows], "total": len(rows)}}

        @key
        @blp.arguments(NewEndpointSchema)
        @blp.response(200, SecretEndpointAnswer)
        @blp.failure(409, "Há webhooks demais")
        def post(self, body: dict[str, Any]) -> dict[str, Any]:
            """Criar um webhook; o segredo das assinaturas só é mostrado agora."""
            row, secret = endpoints.create(backend(), owner(), **body)
            return {"message": "Webhook criado com sucesso", "data": {**_endpoint(row), "secret": secret}}

    @route("/<int:endpoint_id>")
    class Endpoint(MethodView):
        @key
        @blp.response(200, DetailedEndpointAnswer)
        @blp.failure(404, endpoints.UNKNOWN)
        def get(self, endpoint_id: int) -> dict[str, Any]:
            """Consultar um webhook e o que falta entregar."""
            row = endpoints.get(backend(), owner(), endpoint_id)
            return {"data": {**_endpoint(row), "deliveries": endpoints.waiting(backend(), endpoint_id)}}

        @key
        @blp.arguments(EndpointFields)
        @blp.response(200, EndpointAnswer)
        @blp.failure(404, endpoints.UNKNOWN)
        @blp.failure(409, "O webhook vem da configuração da instalação")
        def put(self, body: dict[str, Any], endpoint_id: int) -> dict[str, Any]:
            """Mudar o que for informado."""
            row = endpoints.update(backend(), owner(), endpoint_id, **body)
            return {"message": "Webhook atualizado com sucesso", "data": _endpoint(row)}

        @key
        @blp.response(200, Done)
        @blp.failure(404, endpoints.UNKNOWN)
        @blp.failure(409, "O webhook vem da configuração da instalação")
        def delete(self, endpoint_id: int) -> dict[str, Any]:
            """Remover um webhook e o seu histórico."""
            endpoints.remove(backend(), owner(), endpoint_id)
            return {"message": "Webhook removido com sucesso"}

    @route("/<int:endpoint_id>/rotate-secret")
    class Secret(MethodView):
        @key
        @blp.response(200, SecretEndpointAnswer)
        @blp.failure(404, endpoints.UNKNOWN)
        def post(self, endpoint_id: int) -> dict[str, Any]:
            """Gerar um novo segredo; o anterior continua assinando, junto, por 24 horas."""
            row, secret = endpoints.rotate_secret(backend(), owner(), endpoint_id)
            return {"message": "Segredo gerado com sucesso", "data": {**_endpoint(row), "secret": secret}}

    @route("/<int:endpoint_id>/test")
    class Test(MethodView):
        @key
        @blp.response(200, TestedAnswer)
        @blp.failure(404, endpoints.UNKNOWN)
        def post(self, endpoint_id: int) -> dict[str, Any]:
            """Fazer uma entrega de teste agora e dizer o que o endereço respondeu."""
            attempt = endpoints.try_out(backend(), owner(), endpoint_id)
            return {"data": {**_attempt(attempt), "delivered": attempt.delivered}}

    @route("/<int:endpoint_id>/pause")
    class Pause(MethodView):
        @key
        @blp.response(200, EndpointAnswer)
        @blp.failure(404, endpoints.UNKNOWN)
        def post(self, endpoint_id: int) -> dict[str, Any]:
            """Parar as entregas; o que acontecer espera."""
            return {"message": "Webhook pausado", "data": _endpoint(endpoints.pause(backend(), owner(), endpoint_id))}

    @route("/<int:endpoint_id>/resume")
    class Resume(MethodView):
        @key
        @blp.response(200, EndpointAnswer)
        @blp.failure(404, endpoints.UNKNOWN)
        def post(self, endpoint_id: int) -> dict[str, Any]:
            """Retomar as entregas, a começar pelo que esperou."""
            return {"message": "Webhook retomado", "data": _endpoint(endpoints.resume(backend(), owner(), endpoint_id))}

    @route("/<int:endpoint_id>/replay")
    class Replay(MethodView):
        @key
        @blp.arguments(ReplaySchema)
        @blp.response(200, ReplayedAnswer)
        @blp.failure(404, endpoints.UNKNOWN)
        def post(self, body: dict[str, Any], endpoint_id: int) -> dict[str, Any]:
            """Entregar de novo: uma entrega, as perdidas, por sessão, por intervalo, por evento."""
            replayed = replays.replay(backend(), owner(), endpoint_id, **body)
            return {"message": "Reenvio na fila", "data": {"replayed": replayed}}

    @route("/<int:endpoint_id>/deliveries")
    class Deliveries(MethodView):
        @key
        @blp.arguments(DeliveriesQuerySchema, location="query")
        @blp.response(200, DeliveriesAnswer)
        @blp.failure(404, endpoints.UNKNOWN)
        def get(self, query: dict[str, Any], endpoint_id: int) -> dict[str, Any]:
            """Listar as entregas, da mais nova para trás."""
            page = deliveries.page(backend(), owner(), endpoint_id, **query)
            before = None if page.before is None else str(page.before)
            return {"data": {"deliveries": [_delivery(row) for row in page.rows], "nextBefore": before}}

    @route("/<int:endpoint_id>/deliveries/<int:delivery_id>")
    class Delivery(MethodView):
        @key
        @blp.response(200, DeliveryAnswer)
        @blp.failure(404, deliveries.UNKNOWN)
        def get(self, endpoint_id: int, delivery_id: int) -> dict[str, Any]:
            """Consultar uma entrega e cada tentativa."""
            row, tried = deliveries.get(backend(), owner(), endpoint_id, delivery_id)
            return {"data": {**_delivery(row), "log": [_attempt(each) for each in tried]}}


for one_side in SIDES:
    add_routes(one_side)


def _moment(ms: int | None) -> str | None:
    return iso(ms) if ms else None


def _endpoint(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "url": row.url,
        "events": row.events,
        "headers": row.headers,
        "description": row.description,
        "enabled": row.enabled,
        "paused": row.paused_at is not None,
        "pauseReason": row.pause_reason,
        "pausedAt": _moment(row.paused_at),
        "failingSince": _moment(row.failing_since),
        "lastSuccessAt": _moment(row.last_success_at),
        "signed": row.secret is not None,
        "createdAt": _moment(row.created_at),
        "updatedAt": _moment(row.updated_at),
    }


def _delivery(row: Row) -> dict[str, Any]:
    unfinished = row.state in (DeliveryState.WAITING, DeliveryState.SLOW)
    return {
        "id": row.id,
        "eventId": row.event_id,
        "event": row.event,
        "sessionId": row.session_name,
        "state": row.state,
        "origin": row.origin,
        "moved": row.moved_at is not None,
        "attempts": row.attempts,
        "statusCode": row.status_code,
        "error": row.error,
        "nextAt": _moment(row.next_at) if unfinished else None,
        "createdAt": _moment(row.created_at),
        "finishedAt": _moment(row.finished_at),
    }


def _attempt(attempt: Row | Attempt) -> dict[str, Any]:
    return {
        "at": iso(attempt.at),
        "durationMs": attempt.duration_ms,
        "statusCode": attempt.status_code,
        "error": attempt.error,
        "response": attempt.response,
    }
