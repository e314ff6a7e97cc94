"""/api/sandbox: the virtual phones of the simulated network, and its faults. Registered with SANDBOX only."""

from typing import Any

from flask.views import MethodView

from flashapi.api.auth import global_key
from flashapi.api.blueprint import Blueprint
from flashapi.api.current import backend
from flashapi.schemas.envelope import Done
from flashapi.schemas.sandbox import (
    CodeSchema,
    FaultSchema,
    InboxAnswer,
    LinkedAnswer,
    NewPhoneSchema,
    PhoneAnswer,
    PhonePresenceSchema,
    PhoneReadSchema,
    PhonesAnswer,
    PhoneTypingSchema,
    ReadAnswer,
    ScanSchema,
    SinceSchema,
)
from flashapi.schemas.sandbox_contents import PhoneSendSchema, PhoneSentAnswer
from flashapi.services import sandbox

blp = Blueprint("sandbox", "/api/sandbox", "Rede simulada para testes: telefones virtuais e falhas")


def _ask(op: str, **parameters: Any) -> dict[str, Any]:
    return {"data": sandbox.ask(backend(), op, **parameters)}


def _done(op: str, message: str, **parameters: Any) -> dict[str, Any]:
    sandbox.ask(backend(), op, **parameters)
    return {"message": message}


@blp.route("/phone")
class Phones(MethodView):
    @global_key
    @blp.response(200, PhonesAnswer)
    def get(self) -> dict[str, Any]:
        """Listar os telefones virtuais."""
        return _ask("phone.list")

    @global_key
    @blp.arguments(NewPhoneSchema)
    @blp.response(200, PhoneAnswer)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Criar um telefone virtual; se já existe, ele é devolvido."""
        return _ask("phone.create", **body)


@blp.route("/phone/<numero>/scan")
class Scan(MethodView):
    @global_key
    @blp.arguments(ScanSchema)
    @blp.response(200, LinkedAnswer)
    @blp.failure(404, "Telefone não encontrado")
    def post(self, body: dict[str, Any], numero: str) -> dict[str, Any]:
        """Ler um QR Code com o telefone, vinculando a sessão que o mostrou."""
        return _ask("phone.scan", numero=numero, **body)


@blp.route("/phone/<numero>/code")
class Code(MethodView):
    @global_key
    @blp.arguments(CodeSchema)
    @blp.response(200, LinkedAnswer)
    @blp.failure(404, "Telefone não encontrado")
    def post(self, body: dict[str, Any], numero: str) -> dict[str, Any]:
        """Digitar um código de pareamento no telefone."""
        return _ask("phone.code", numero=numero, **body)


@blp.route("/phone/<numero>/send")
class PhoneSend(MethodView):
    @global_key
    @blp.arguments(PhoneSendSchema)
    @blp.response(200, PhoneSentAnswer)
    @blp.failure(404, "Telefone não encontrado")
    def post(self, body: dict[str, Any], numero: str) -> dict[str, Any]:
        """Enviar algo do telefone: texto, arquivo, enquete, voto, reação, edição e outros."""
        return _ask("phone.send", numero=numero, **body)


@blp.route("/phone/<numero>/inbox")
class Inbox(MethodView):
    @global_key
    @blp.arguments(SinceSchema, location="query")
    @blp.response(200, InboxAnswer)
    @blp.failure(404, "Telefone não encontrado")
    def get(self, query: dict[str, Any], numero: str) -> dict[str, Any]:
        """Ver as mensagens que o telefone recebeu e decifrou."""
        return _ask("phone.inbox", numero=numero, **query)


@blp.route("/phone/<numero>/read")
class PhoneRead(MethodView):
    @global_key
    @blp.arguments(PhoneReadSchema)
    @blp.response(200, ReadAnswer)
    @blp.failure(404, "Telefone não encontrado")
    def post(self, body: dict[str, Any], numero: str) -> dict[str, Any]:
        """Marcar mensagens como lidas no telefone."""
        return _ask("phone.read", numero=numero, **body)


@blp.route("/phone/<numero>/typing")
class PhoneTyping(MethodView):
    @global_key
    @blp.arguments(PhoneTypingSchema)
    @blp.response(200, Done)
    @blp.failure(404, "Telefone não encontrado")
    def post(self, body: dict[str, Any], numero: str) -> dict[str, Any]:
        """Começar ou parar de digitar no telefone."""
        return _done("phone.typing", "Digitação atualizada com sucesso", numero=numero, **body)


@blp.route("/phone/<numero>/presence")
class PhonePresence(MethodView):
    @global_key
    @blp.arguments(PhonePresenceSchema)
    @blp.response(200, Done)
    @blp.failure(404, "Telefone não encontrado")
    def post(self, body: dict[str, Any], numero: str) -> dict[str, Any]:
        """Deixar o telefone disponível ou indisponível."""
        return _done("phone.presence", "Presença atualizada com sucesso", numero=numero, **body)


@blp.route("/phone/<numero>/unlink")
class PhoneUnlink(MethodView):
    @global_key
    @blp.response(200, Done)
    @blp.failure(404, "Telefone não encontrado")
    def post(self, numero: str) -> dict[str, Any]:
        """Remover os aparelhos vinculados ao telefone."""
        return _done("phone.unlink", "Aparelhos desvinculados com sucesso", numero=numero)


@blp.route("/fault")
class Faults(MethodView):
    @global_key
    @blp.arguments(FaultSchema)
    @blp.response(200, Done)
    @blp.failure(404, "Telefone não encontrado")
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Provocar uma falha na rede simulada."""
        return _done("fault.set", "Falha ativada com sucesso", **body)

    @global_key
    @blp.response(200, Done)
    def delete(self) -> dict[str, Any]:
        """Remover todas as falhas."""
        return _done("fault.clear", "Falhas removidas com sucesso")
