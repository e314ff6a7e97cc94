"""/api/events: what has happened, for those who poll."""

from typing import Any

from flask.views import MethodView

from flashapi.api.auth import current_session_if_any, either_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.bus import Recorded
from flashapi.schemas.events import EventsAnswer, EventsQuerySchema
from flashapi.services import events
from flashapi.timestamps import iso

blp = Blueprint("events", "/api/events", "Eventos: o que aconteceu, para quem consulta")


@blp.route("")
class Events(MethodView):
    @either_key
    @blp.arguments(EventsQuerySchema, location="query")
    @blp.response(200, EventsAnswer)
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """Listar eventos depois de um já visto: os da sessão, ou com a chave global os de todas."""
        session = current_session_if_any()
        page = events.page(backend(), session.id if session is not None else None, **query)
        return {"data": {"events": [_event(each) for each in page.events], "last": page.last, "gone": page.gone}}


def _event(recorded: Recorded) -> dict[str, Any]:
    return {
        "id": recorded.id,
        "event": recorded.name,
        "sessionId": recorded.session_name,
        "data": recorded.data,
        "timestamp": iso(recorded.time),
    }
