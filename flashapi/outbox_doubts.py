"""Attempts to send of which nobody knows whether they left, and what receipts prove of them.

A receipt for an id that nobody stored belongs to one of the attempts in doubt of its chat, each receipt to another one.
Which one is seldom known; so nothing is guessed, but counted: a send has left when the receipts can't all be accounted
for without one of its attempts. Attempts of sends that have gone out again since count like all others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import sqlalchemy as sa

from flashapi.connections import Connections
from flashapi.inserts import insert_if_new
from flashapi.models.outbox import SendState, doubts, outbox, stray_receipts

CLOCKS_MS = 2_000
"""WhatsApp dates receipts in whole seconds, by a clock of its own."""
WEIGHED_AT_MOST = 50
"""In a chat with more attempts in doubt, or receipts of such, nothing is decided."""
REMOVED_AT_ONCE = 500


@dataclass(frozen=True)
class Receipt:
    """The first receipt of a message that no send is known to have become; `moment` is WhatsApp's, in ms."""

    message_id: str
    moment: int


@dataclass(frozen=True)
class Attempt:
    """An attempt in doubt: when it began, and when a later message had reached the chat, in ms."""

    row_id: int
    began_at: int
    passed_at: int | None = None

    def may_have(self, receipt: Receipt) -> bool:
        """Whether the receipt may be its own: phones get a chat's messages in order, and tell of each as it comes."""
        passed_at = inf if self.passed_at is None else self.passed_at
        return self.began_at - CLOCKS_MS < receipt.moment <= passed_at + CLOCKS_MS


def must_have_left(attempts: Sequence[Attempt], receipts: Sequence[Receipt]) -> dict[int, Receipt]:
    """The sends that have left, however the receipts are shared out; each with a receipt that may be its own."""
    receipts = [receipt for receipt in receipts if any(attempt.may_have(receipt) for attempt in attempts)]
    concerned = [attempt for attempt in attempts if any(attempt.may_have(receipt) for receipt in receipts)]
    if max(len(concerned), len(receipts)) > WEIGHED_AT_MOST:
        return {}
    pairs = _paired(concerned, receipts)
    found: dict[int, Receipt] = {}
    for number, receipt in sorted(pairs.items()):
        row_id = concerned[number].row_id
        others = [attempt for attempt in concerned if attempt.row_id != row_id]
        if len(_paired(others, receipts)) < len(pairs):
            found.setdefault(row_id, receipt)
    return found


def receipt_of(attempt: Attempt, others: Sequence[Attempt], receipts: Sequence[Receipt]) -> Receipt | None:
    """A receipt that proves that this very attempt has left."""
    pairs = _paired([*others, attempt], receipts)
    return pairs[len(others)] if len(pairs) > len(_paired(others, receipts)) else None


def _paired(attempts: Sequence[Attempt], receipts: Sequence[Receipt]) -> dict[int, Receipt]:
    """As many receipts as can be, each given to an attempt of its own (by its place).

    Attempts are intervals of time and receipts are points in it: with the points in order, each for the interval that
    ends first, there are as many pairs as there can be.
    """
    pairs: dict[int, Receipt] = {}
    for receipt in sorted(receipts, key=lambda each: each.moment):
        free = [
            (inf if attempt.passed_at is None else attempt.passed_at, attempt.began_at, number)
            for number, attempt in enumerate(attempts)
            if number not in pairs and attempt.may_have(receipt)
        ]
        if free:
            pairs[min(free)[2]] = receipt
    return pairs


def note_attempts(connection: sa.Connection, session_id: str, which: Sequence[sa.ColumnElement[bool]]) -> None:
    """Keep the attempts of those of these sends that are being sent: nobody will know whether they left."""
    begun = sa.select(outbox.c.session_id, outbox.c.id, outbox.c.chat, outbox.c.sending_at).where(
        outbox.c.session_id == session_id,
        *which,
        outbox.c.state == SendState.SENDING,
        outbox.c.chat.is_not(None),
        outbox.c.sending_at.is_not(None),
    )
    columns = ["session_id", "row_id", "chat", "began_at"]
    connection.execute(doubts.insert().from_select(columns, begun))


def attempts_in(connection: sa.Connection, session_id: str, chat: str) -> list[Attempt]:
    """The chat's attempts in doubt, in their order."""
    found = connection.execute(
        sa.select(doubts.c.row_id, doubts.c.began_at, doubts.c.passed_at)
        .where(doubts.c.session_id == session_id, doubts.c.chat == chat)
        .order_by(doubts.c.began_at, doubts.c.id)
    )
    return [Attempt(*row) for row in found]


def receipts_in(connection: sa.Connection, session_id: str, chat: str) -> list[Receipt]:
    """The chat's receipts of messages that no send is known to have become, as they came."""
    found = connection.execute(
        sa.select(stray_receipts.c.message_id, stray_receipts.c.moment)
        .where(stray_receipts.c.session_id == session_id, stray_receipts.c.chat == chat)
        .order_by(stray_receipts.c.id)
    )
    return [Receipt(*row) for row in found]


def note_receipt(connection: sa.Connection, session_id: str, chat: str, receipt: Receipt) -> None:
    """Keep a receipt of a message that no send is known to have become; not twice."""
    row = {"session_id": session_id, "message_id": receipt.message_id, "chat": chat, "moment": receipt.moment}
    insert_if_new(connection, stray_receipts, row)


def forget_receipt(connection: sa.Connection, session_id: str, message_id: str) -> None:
    """It is known now which send has this id."""
    its = (stray_receipts.c.session_id == session_id, stray_receipts.c.message_id == message_id)
    connection.execute(stray_receipts.delete().where(*its))


def forget_attempt(connection: sa.Connection, row_id: int) -> None:
    """The latest attempt of this send is not in doubt any more."""
    latest = connection.scalar(sa.select(sa.func.max(doubts.c.id)).where(doubts.c.row_id == row_id))
    connection.execute(doubts.delete().where(doubts.c.id == latest))


def pass_over(connection: sa.Connection, session_id: str, chat: str, message_id: str, moment: int) -> None:
    """A message of ours has reached the chat: what began before it has too by this moment, or never will.

    Not so in a group: who tells may have joined after the earlier ones.
    """
    if chat.endswith("@g.us"):
        return
    earlier = (doubts.c.session_id == session_id, doubts.c.chat == chat, doubts.c.passed_at.is_(None))
    if connection.execute(sa.select(doubts.c.id).where(*earlier).limit(1)).first() is None:
        return
    began_at = connection.scalar(
        sa.select(outbox.c.sending_at).where(outbox.c.session_id == session_id, outbox.c.message_id == message_id)
    )
    if began_at is not None:
        connection.execute(doubts.update().where(*earlier, doubts.c.began_at < began_at).values(passed_at=moment))


def in_doubt(session_id: str) -> sa.ColumnElement[bool]:
    """Which of the session's sends have attempts in doubt."""
    return outbox.c.id.in_(sa.select(doubts.c.row_id).where(doubts.c.session_id == session_id))


def remove_older(connections: Connections, before: int) -> None:
    """Remove what was in doubt before a moment and whose sends are kept no more. Raises DatabaseUnavailable."""
    old = (
        (doubts, [doubts.c.began_at < before, doubts.c.row_id.not_in(sa.select(outbox.c.id))]),
        (stray_receipts, [stray_receipts.c.moment < before]),
    )
    for table, which in old:
        with connections.reading() as connection:
            found = connection.scalars(sa.select(table.c.id).where(*which).limit(REMOVED_AT_ONCE)).all()
        if found:
            with connections.transaction() as connection:
                connection.execute(table.delete().where(table.c.id.in_(found)))
