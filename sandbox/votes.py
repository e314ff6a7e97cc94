"""Votes on polls: encrypted under the poll's secret, so that only those who have the poll can read them.

As in whatsmeow's msgsecret.go: key = HKDF(secret, info = poll id, its author, the voter, "Poll Vote"), AES-GCM with
the poll id, a zero byte and the voter as associated data. An option is named by the SHA-256 of its text. The people
are LIDs; older clients write phone numbers, so that both are tried.
"""

from __future__ import annotations

import hashlib
import os
import time
from typing import Any

from sandbox.accounts import Account
from sandbox.ciphers import DecryptionFailed, decrypt_gcm, encrypt_gcm, hkdf
from sandbox.inbox import Kept
from sandbox.jid import JID
from sandbox.messages import Message, content_of, unwrap
from sandbox.network import Network
from sandbox.protobufs import DecodeError, e2e


class NoPoll(ValueError):
    """The message is no poll that can be voted on."""


class UnknownOption(ValueError):
    """A text that is none of the poll's options."""


def poll_author(network: Network, account: Account, poll: Kept) -> Account | None:
    """Who made a poll that the phone of `account` has kept."""
    return account if poll.sender_lid is None else network.directory.by_jid(JID.parse(poll.sender_lid))


def cast_vote(poll: Message, key: Any, author: Account, voter: Account, choices: list[str]) -> Message:
    """A vote on the poll that `key` names. Raises NoPoll and UnknownOption."""
    options = options_of(poll)
    if unknown := next((choice for choice in choices if choice not in options), None):
        raise UnknownOption(unknown)
    vote = e2e.PollVoteMessage(selectedOptions=[_digest(choice) for choice in choices])
    secret, associated = _derive(_secret_of(poll), key.ID, str(author.hidden_address()), str(voter.hidden_address()))
    iv = os.urandom(12)
    payload = encrypt_gcm(secret, iv, vote.SerializeToString(), associated)
    return e2e.Message(
        pollUpdateMessage=e2e.PollUpdateMessage(
            pollCreationMessageKey=key,
            vote=e2e.PollEncValue(encPayload=payload, encIV=iv),
            senderTimestampMS=int(time.time() * 1000),
        )
    )


def read_vote(poll: Message, update: Any, author: Account, voter: Account) -> list[str]:
    """The texts that were chosen. Raises DecryptionFailed."""
    try:
        options, secret = options_of(poll), _secret_of(poll)
    except NoPoll as error:
        raise DecryptionFailed("the vote is on no poll") from error
    for author_name in (author.hidden_address(), author.address()):
        for voter_name in (voter.hidden_address(), voter.address()):
            key, associated = _derive(secret, update.pollCreationMessageKey.ID, str(author_name), str(voter_name))
            try:
                plain = decrypt_gcm(key, update.vote.encIV, update.vote.encPayload, associated)
                chosen = set(e2e.PollVoteMessage.FromString(plain).selectedOptions)
            except (DecryptionFailed, DecodeError):
                continue
            return [option for option in options if _digest(option) in chosen]
    raise DecryptionFailed("no pair of names opens the vote")


def options_of(poll: Message) -> list[str]:
    """The texts of a poll's options. Raises NoPoll."""
    found = content_of(poll)
    if found is None or not isinstance(found[1], e2e.PollCreationMessage):
        raise NoPoll
    return [option.optionName for option in found[1].options]


def _secret_of(poll: Message) -> bytes:
    secret = bytes(poll.messageContextInfo.messageSecret or unwrap(poll).messageContextInfo.messageSecret)
    if not secret:
        raise NoPoll
    return secret


def _derive(secret: bytes, poll_id: str, author: str, voter: str) -> tuple[bytes, bytes]:
    key = hkdf(secret, 32, info=f"{poll_id}{author}{voter}Poll Vote".encode())
    return key, f"{poll_id}\0{voter}".encode()


def _digest(option: str) -> bytes:
    return hashlib.sha256(option.encode()).digest()
