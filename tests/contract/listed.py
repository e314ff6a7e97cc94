"""Where our answers differ from the recorded ones, and why: by sample, each difference and its reason."""

MORE = "more is told beside what the original tells; its clients pass over fields they don't know"
ID = "a session's id is public and no longer its key, which the original showed to everybody who could list sessions"
NAME = "the README's payload has the session's name here; the original's code had its key, which is a secret"
BOOLEAN = "the original meant a boolean, and sent {} because it forgot to await it"
AGENT = "the original's global webhook carried its HTTP library's name; both kinds of webhook now say the same"
FLAT = "the README's flat payload, beside the recorded one"
SENT = "the original lost the message's id, which its documentation promised"

SESSION = ("disconnectReason", "lastEventAt", "lid", "paired", "restriction", "sandbox")
CONFIG = ("browser", "deviceName", "mediaBase64", "mensagem_automatica", "proxy", "resposta_automatica")
RECEIVED = ("content", "from", "fromMe", "id", "isGroup", "pushName", "sender", "senderLid", "timestamp", "type")
UPDATED = ("chat", "fromMe", "id", "status")


def _added(place: str, names: tuple[str, ...], reason: str = MORE) -> dict[str, str]:
    return {f"{place}{name}: added": reason for name in names}


SESSION_ID = "'<key>' became '<id>'"
SESSION_NAME = {"sessionId: '<key>' became 'minha-sessao'": NAME}
DIFFERENCES: dict[str, dict[str, str]] = {
    "create": _added("dados.", ("code", "id", "sandbox")),
    "status": {
        f"data.id: {SESSION_ID}": ID,
        "data.isConnected: dict became bool": BOOLEAN,
        **_added("data.", ("nome_sessao", *SESSION)),
    },
    "list": {
        f"data.sessions[].id: {SESSION_ID}": ID,
        f"data.activeSessions[]: {SESSION_ID}": ID,
        "data.sessions[].isConnected: dict became bool": BOOLEAN,
        **_added("data.sessions[].", SESSION),
    },
    "webhook": {f"data.sessionId: {SESSION_ID}": ID, **_added("data.currentConfig.", CONFIG)},
    "text sent": _added("data.", ("id", "key", "messageTimestamp", "status", "timestamp"), SENT),
    "text queued": _added("data.", ("id",), SENT),
    "frame message_update": {**SESSION_NAME, **_added("data.", UPDATED, FLAT), **_added("", ("id",))},
    "frame message_received": {**SESSION_NAME, **_added("data.", RECEIVED, FLAT), **_added("", ("id",))},
    "delivery message_update": {**SESSION_NAME, **_added("data.", UPDATED, FLAT)},
    "delivery message_received": {**SESSION_NAME, **_added("data.", RECEIVED, FLAT)},
    "headers /global": {"User-Agent: 'axios/1.10.0' became 'flash-Multi-Session-Webhook/1.0'": AGENT},
}
