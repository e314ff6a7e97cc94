"""Whom a send is for: what the caller wrote → the JID of the account that exists."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from neonize.exc import GetJIDFromStoreError, IsOnWhatsAppError
from neonize.proto.Neonize_pb2 import JID

from flashapi.connections import Connections
from flashapi.errors import InvalidInput, NotRegistered
from flashapi.events import Person
from flashapi.models.base import now_ms
from flashapi.models.installation import numbers
from flashapi.phone_numbers import spellings
from workers import known_people
from workers.from_whatsapp import LID_SERVER, PHONE_SERVER
from workers.upsert import upsert

KNOWN_FOR_MS = 24 * 3_600_000
UNREGISTERED_FOR_MS = 60_000
SERVERS = (PHONE_SERVER, LID_SERVER, "g.us", "broadcast", "newsletter")
OLD_PHONE_SERVER = "c.us"
NOBODY = "Function returned nothing."
"""neonize's error when none of the numbers has an account."""

Found = tuple[str | None, str | None]
"""The account's JID and LID."""


class Asks(Protocol):
    """A client that can ask WhatsApp."""

    def call(self, name: str, *arguments: Any, **keywords: Any) -> Any:
        """Call a method of neonize's client."""


class Whose(Protocol):
    """The session that asks: its row, or as much of it."""

    id: str
    mode: str


@dataclass(frozen=True)
class Account:
    """What WhatsApp answered about a number."""

    number: str
    jid: str | None
    lid: str | None

    @property
    def exists(self) -> bool:
        """Whether the number has an account."""
        return self.jid is not None


def to_jid(text: str) -> JID:
    """user@server as neonize's JID."""
    user, server = text.rsplit("@", 1)
    return JID(User=user, Server=server, RawAgent=0, Device=0, Integrator=0, IsEmpty=False)


def resolve(client: Asks, connections: Connections, whose: Whose, to: str) -> JID:
    """The JID to send to. Raises NotRegistered for a number without an account, InvalidInput for an unknown kind."""
    user, at, server = to.rpartition("@")
    if not at:
        user, server = to, PHONE_SERVER
    if server in (PHONE_SERVER, OLD_PHONE_SERVER):
        account = check(client, connections, whose, [user])[0]
        if account.jid is None:
            raise NotRegistered(f"O número {user} não está registrado no WhatsApp", field="to")
        return to_jid(account.jid)
    if server == LID_SERVER:
        return to_jid(_phone_of(client, to_jid(to)) or to)
    if server not in SERVERS:
        raise InvalidInput(f"to: destino desconhecido {to!r}", field="to")
    return to_jid(to)


def remembered(connections: Connections, whose: Whose, to: str) -> str | None:
    """The JID that `to` was last found to be, however long ago; None where nobody has asked yet."""
    user, at, server = to.rpartition("@")
    if at and server not in (PHONE_SERVER, OLD_PHONE_SERVER, LID_SERVER):
        return to
    name = to if server == LID_SERVER else f"{user or to}@{PHONE_SERVER}"
    query = sa.select(numbers.c.jid).where(
        numbers.c.mode == whose.mode, numbers.c.asked == (user or to), numbers.c.jid.is_not(None)
    )
    with connections.reading() as connection:
        found: str | None = connection.execute(query).scalar() if server != LID_SERVER else None
        met = known_people.find(connection, whose.id, [name]) if found is None else {}
    return found or (met[name].jid if name in met else None)


def check(client: Asks, connections: Connections, whose: Whose, asked: list[str]) -> list[Account]:
    """What WhatsApp says of each number, from memory where the answer is fresh."""
    with connections.reading() as connection:
        known = _remembered(connection, whose, asked)
        met = known_people.find(connection, whose.id, [lid for _, lid in known.values() if lid])
    unknown = [number for number in dict.fromkeys(asked) if number not in known]
    answers = _ask(client, unknown) if unknown else {}
    known.update(answers)
    strangers = [Person(jid=jid, lid=lid) for jid, lid in known.values() if lid and jid != lid and lid not in met]
    if answers or strangers:
        with connections.transaction() as connection:
            known_people.keep(connection, whose.id, strangers)  # in this order, as whoever stores people takes them
            _remember(connection, whose, answers)
    return [Account(number, *known[number]) for number in asked]


def _ask(client: Asks, asked: list[str]) -> dict[str, Found]:
    """One question for all numbers in all their spellings; the spelling asked for wins where both exist."""
    questions = [f"+{spelling}" for number in asked for spelling in spellings(number)]
    found: dict[str, Found] = {}
    for answer in _answers(client, questions):
        if answer.IsIn and answer.JID.User:
            found[answer.Query.lstrip("+")] = _both_names(client, answer.JID)
    return {number: next((found[s] for s in spellings(number) if s in found), (None, None)) for number in asked}


def _answers(client: Asks, questions: list[str]) -> Sequence[Any]:
    try:
        answers: Sequence[Any] = client.call("is_on_whatsapp", *questions)
    except IsOnWhatsAppError as error:
        if NOBODY not in str(error):
            raise
        return []
    return answers


def _both_names(client: Asks, jid: JID) -> Found:
    """WhatsApp answers with the LID; whatsmeow has kept the phone number that came with it."""
    text = f"{jid.User}@{jid.Server}"
    if jid.Server != LID_SERVER:
        return text, None
    return _phone_of(client, jid) or text, text


def _phone_of(client: Asks, lid: JID) -> str | None:
    """The phone JID that whatsmeow knows to go with a LID."""
    try:
        phone = client.call("get_pn_from_lid", lid)
    except GetJIDFromStoreError:
        return None
    return f"{phone.User}@{phone.Server}" if phone.User else None


def _remembered(connection: sa.Connection, whose: Whose, asked: list[str]) -> dict[str, Found]:
    moment = now_ms()
    rows = connection.execute(
        sa.select(numbers.c.asked, numbers.c.jid, numbers.c.lid, numbers.c.checked_at).where(
            numbers.c.mode == whose.mode, numbers.c.asked.in_(asked)
        )
    )
    return {
        row.asked: (row.jid, row.lid)
        for row in rows
        if moment - row.checked_at < (KNOWN_FOR_MS if row.jid else UNREGISTERED_FOR_MS)
    }


def _remember(connection: sa.Connection, whose: Whose, answers: dict[str, Found]) -> None:
    moment = now_ms()
    for number, (jid, lid) in answers.items():
        identity, facts = {"mode": whose.mode, "asked": number}, {"jid": jid, "lid": lid, "checked_at": moment}
        upsert(connection, numbers, identity, facts)
