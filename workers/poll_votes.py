"""Poll votes: sealed with the poll's secret, opened to the texts of the options, counted by voter.

The seal (whatsmeow, msgsecret.go): AES-GCM under HKDF-SHA256 of the poll's 32-byte secret, info = poll id + who made
the poll + who votes + "Poll Vote", additional data = poll id, NUL, who votes. Both people by their LID or by their
phone JID, as the voter's client has it, so each is tried. What is sealed are the SHA-256 of the chosen options.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message, PollVoteMessage

from flashapi.events import Person
from flashapi.models.chats import poll_votes
from flashapi.models.messages import messages
from workers.people import names

POLL_KINDS = ("pollCreationMessage", "pollCreationMessageV2", "pollCreationMessageV3", "pollCreationMessageV5")
PURPOSE = b"Poll Vote"


@dataclass(frozen=True)
class Vote:
    """Who chose what; no options: the vote was taken back."""

    poll_id: str
    question: str
    options: tuple[str, ...]


def open_vote(connection: sa.Connection, session: Any, chat: str, voter: Person, message: Message) -> Vote | None:
    """The vote in this message, None if its poll is not stored here or the seal doesn't open."""
    update = message.pollUpdateMessage
    row = connection.execute(
        sa.select(messages.c.sender, messages.c.from_me, messages.c.raw).where(
            messages.c.session_id == session.id,
            messages.c.chat == chat,
            messages.c.message_id == update.pollCreationMessageKey.ID,
            messages.c.type.in_(POLL_KINDS),
        )
    ).first()
    if row is None:
        return None
    stored = Message.FromString(row.raw)
    poll = next(getattr(stored, kind) for kind in POLL_KINDS if stored.HasField(kind))
    own = [f"{session.phone}@s.whatsapp.net", session.lid]
    maker = names(connection, session, [row.sender])[row.sender]
    makers = {name for name in (row.sender, maker.jid, maker.lid, *(own if row.from_me else ())) if name}
    voters = {name for name in (voter.jid, voter.lid) if name}
    secret = stored.messageContextInfo.messageSecret
    sealed = update.vote
    for made_by, voted_by in product(sorted(makers), sorted(voters)):
        opened = _open(secret, update.pollCreationMessageKey.ID, made_by, voted_by, sealed.encIV, sealed.encPayload)
        if opened is not None:
            chosen = set(PollVoteMessage.FromString(opened).selectedOptions)
            texts = (option.optionName for option in poll.options)
            options = tuple(text for text in texts if hashlib.sha256(text.encode()).digest() in chosen)
            return Vote(update.pollCreationMessageKey.ID, poll.name, options)
    return None


def count(connection: sa.Connection, session_id: str, vote: Vote, voter: Person, voted_at: int) -> None:
    """Make it the voter's vote, unless a later one is counted already."""
    values = {"options": list(vote.options), "voted_at": voted_at, "voter_lid": voter.lid}
    this = (
        poll_votes.c.session_id == session_id,
        poll_votes.c.poll_id == vote.poll_id,
        poll_votes.c.voter == voter.preferred,
    )
    known = connection.execute(sa.select(poll_votes.c.id, poll_votes.c.voted_at).where(*this)).first()
    if known is None:
        row = {"session_id": session_id, "poll_id": vote.poll_id, "voter": voter.preferred, **values}
        connection.execute(poll_votes.insert(), row)
    elif known.voted_at <= voted_at:
        connection.execute(poll_votes.update().where(poll_votes.c.id == known.id).values(values))


def seal_key(secret: bytes, poll_id: str, made_by: str, voted_by: str) -> bytes:
    """The key of one person's votes in one poll."""
    info = poll_id.encode() + made_by.encode() + voted_by.encode() + PURPOSE
    return HKDF(SHA256(), 32, None, info).derive(secret)


def _open(secret: bytes, poll_id: str, made_by: str, voted_by: str, iv: bytes, sealed: bytes) -> bytes | None:
    try:
        key = seal_key(secret, poll_id, made_by, voted_by)
        return AESGCM(key).decrypt(iv, sealed, f"{poll_id}\0{voted_by}".encode())
    except (InvalidTag, ValueError):  # another pair of names, or no seal at all
        return None


def as_details(poll_id: str, vote: Vote | None) -> dict[str, Any]:
    """The vote as the event tells it; `options` null where it can't be known."""
    if vote is None:
        return {"vote": {"pollId": poll_id, "options": None}}
    return {"vote": {"pollId": poll_id, "pollName": vote.question, "options": list(vote.options)}}


def as_message(content: dict[str, Any], options: Iterable[str]) -> dict[str, Any]:
    """The contract's message of a vote: the last option as text, and beside it all of them."""
    chosen = list(options)
    return {**content, "PollVote": chosen[-1] if chosen else "", "pollVotes": chosen}
