"""Calls into the tables: each step of a call is told once, however often the journal is replayed."""

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from neonize.proto import Neonize_pb2 as wire

from flashapi.chat_events import Call
from flashapi.events import Person
from flashapi.models.base import now_ms
from flashapi.models.chats import calls
from flashapi.timestamps import iso
from workers.clients import CODES
from workers.from_whatsapp import person

STATUS: dict[int, tuple[type[Any], str]] = {
    CODES[wire.CallOffer]: (wire.CallOffer, "offer"),
    CODES[wire.CallOfferNotice]: (wire.CallOfferNotice, "offer"),
    CODES[wire.CallAccept]: (wire.CallAccept, "accept"),
    CODES[wire.CallTerminate]: (wire.CallTerminate, "terminate"),
}
"""What each of neonize's events says of a call. It has none for a call refused on another device."""
ORDER = ("offer", "accept", "reject", "terminate")
MILLISECONDS_FROM = 10**11
LATE_MS = 60_000
"""An offer older than this waited at WhatsApp while the session was away."""


def call_of(code: int, raw: bytes) -> Call:
    """The step of a call that neonize's event tells of."""
    kind, status = STATUS[code]
    event = kind.FromString(raw)
    meta = event.basicCallMeta
    caller = meta.callCreator if meta.callCreator.User else getattr(meta, "from")
    moment = meta.timestamp * (1 if meta.timestamp > MILLISECONDS_FROM else 1_000)
    is_notice = isinstance(event, wire.CallOfferNotice)
    video = event.media == "video" if is_notice else any(node.Tag == "video" for node in event.data.Nodes)
    return Call(
        id=meta.callID,
        caller=person(caller, meta.callCreatorAlt),
        status=status,
        is_video=video,
        is_group=is_notice and event.type == "group",
        date=iso(moment),
        offline=status == "offer" and moment < now_ms() - LATE_MS,
    )


def rejection_of(call: Call) -> Call:
    """The step that follows an offer when we refuse it."""
    return replace(call, status="reject", date=iso(now_ms()))


def advance(connection: sa.Connection, session_id: str, call: Call) -> Call | None:
    """Note the step; the event to tell, None if the call has come so far before."""
    this = (calls.c.session_id == session_id, calls.c.call_id == call.id)
    known = connection.execute(sa.select(calls).where(*this)).first()
    if known is None:
        connection.execute(
            calls.insert(),
            {
                "session_id": session_id,
                "call_id": call.id,
                "caller": call.caller.preferred,
                "status": call.status,
                "is_video": call.is_video,
                "is_group": call.is_group,
                "created_at": now_ms(),
            },
        )
        return call
    if ORDER.index(call.status) <= ORDER.index(known.status):
        return None
    connection.execute(calls.update().where(calls.c.id == known.id).values(status=call.status))
    caller = call.caller if call.caller.jid else Person(jid=_phone(known.caller), lid=call.caller.lid)
    return replace(call, caller=caller, is_video=bool(known.is_video), is_group=bool(known.is_group))


def _phone(name: str) -> str | None:
    return name if name.endswith("@s.whatsapp.net") else None
