"""How a session links to WhatsApp: the fields its creation and its configuration share."""

from marshmallow import validate

from flashapi.schemas.fields import Text
from flashapi.schemas.texts import at_most

BROWSERS = ("Chrome", "Firefox", "Safari", "Edge", "Opera", "Desktop")
PROXY = "socks5://usuario:senha@proxy.exemplo.com:1080"


def proxy_field() -> Text:
    """The proxy of a session."""
    return Text(
        validate=at_most(500),
        load_default=None,
        metadata={"description": "http, https ou socks5; vazio: nenhum", "example": PROXY},
    )


def device_field() -> Text:
    """How the linked device is named on the phone."""
    return Text(
        data_key="deviceName",
        validate=at_most(50),
        load_default=None,
        metadata={"description": "Nome do aparelho vinculado no celular; vale a partir do pareamento"},
    )


def browser_field() -> Text:
    """Which icon the linked device has on the phone."""
    return Text(
        validate=validate.OneOf(("", *BROWSERS), error=f"deve ser um de: {', '.join(BROWSERS)}"),
        load_default=None,
        metadata={"enum": list(BROWSERS), "description": "Ícone do aparelho no celular"},
    )
