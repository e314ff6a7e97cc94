"""/health and /ready: whether this process lives, and whether the installation can work. Neither takes a key."""

from typing import Any

from flask.views import MethodView

from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.errors import Unavailable
from flashapi.schemas.health import LivenessAnswer, ReadinessAnswer
from flashapi.services import readiness

blp = Blueprint("health", "/", "Saúde da instalação")


@blp.route("/health")
class Health(MethodView):
    @blp.response(200, LivenessAnswer)
    def get(self) -> dict[str, Any]:
        """Saber se o processo web responde; não consulta banco de dados nem Redis."""
        return {"data": {"status": "ok"}}


@blp.route("/ready")
class Ready(MethodView):
    @blp.response(200, ReadinessAnswer)
    @blp.failure(503, "Falta algo; a mensagem e `data.missing` dizem o quê", schema="NotReady")
    def get(self) -> dict[str, Any]:
        """Saber se banco de dados, Redis, um worker para cada shard e um de webhooks respondem."""
        found = readiness.examine(backend())
        if found["missing"]:
            raise Unavailable(f"Não está pronto; falta: {', '.join(found['missing'])}", data=found)
        return {"message": "Pronto", "data": found}
