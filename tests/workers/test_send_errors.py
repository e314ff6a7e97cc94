"""What is made of neonize's error texts: never call a message unsent that may have left."""

import pytest

from flashapi.errors import NotFound, NotRegistered, OutcomeUnknown, SessionNotConnected, Unavailable, WhatsAppError
from workers.send_errors import Left, judge


@pytest.mark.parametrize(
    ("text", "left", "error"),
    [
        ("server returned error 463", Left.REFUSED, WhatsAppError),
        ("no LID found for 551190000000@s.whatsapp.net from server", Left.NO, NotRegistered),
        ("the store doesn't contain a device JID", Left.NO, SessionNotConnected),
        ("failed to send message node: websocket not connected", Left.NOT_YET, Unavailable),
        ("failed to get device list: info query timed out", Left.NOT_YET, Unavailable),
        ("failed to get group members: info query returned status 404: item-not-found", Left.NO, NotFound),
        ("failed to get device list: info query returned status 429: rate-overlimit", Left.NOT_YET, Unavailable),
        ("timed out waiting for message send response", Left.UNKNOWN, OutcomeUnknown),
        ("context canceled", Left.UNKNOWN, OutcomeUnknown),
        ("something new in the next version", Left.UNKNOWN, OutcomeUnknown),
    ],
)
def test_texts(text: str, left: Left, error: type[Exception]) -> None:
    judged, raised = judge(text)
    assert judged is left
    assert type(raised) is error


def test_whatsapps_code_is_told() -> None:
    _, error = judge("server returned error 463")
    assert error.details == {"whatsapp_code": 463}
