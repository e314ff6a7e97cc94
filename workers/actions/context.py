"""What a message of any kind may carry beside its content: the message it answers, whom it mentions."""

from collections.abc import Iterable
from typing import Any

from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import ContextInfo, Message

from flashapi.errors import InvalidInput
from workers.actions.workshop import Stored, Workshop

GROUP_SERVER = "g.us"


def add_context(
    workshop: Workshop,
    message: Message,
    to: Any,
    *,
    mentions: Iterable[str] = (),
    mention_all: bool = False,
    quoted: str | None = None,
) -> Message:
    """The message, with what it quotes and mentions. Raises NotFound, and InvalidInput for a kind that can't."""
    mentioned = list(mentions)
    if mention_all:
        mentioned += [jid for jid in _members(workshop, to) if jid not in mentioned]
    if not mentioned and not quoted:
        return message
    context = context_of(message)
    if context is None:
        raise InvalidInput("Este tipo de mensagem não aceita quoted nem mentions")
    context.mentionedJID.extend(jid for jid in mentioned if jid not in context.mentionedJID)
    if quoted:
        _quote(context, workshop.stored(quoted), to)
    return message


def context_of(message: Message) -> ContextInfo | None:
    """Where the content keeps its context; a plain text becomes an extended one. None for kinds without."""
    if message.HasField("conversation"):
        text = message.conversation
        message.ClearField("conversation")
        message.extendedTextMessage.text = text
    for field, value in message.ListFields():
        if field.message_type is not None and "contextInfo" in field.message_type.fields_by_name:
            context: ContextInfo = value.contextInfo
            return context
    return None


def without_context(message: Message) -> tuple[Message, ContextInfo]:
    """A copy of the message whose context holds nothing but how often it was forwarded, and that context."""
    copy = Message()
    copy.CopyFrom(message)
    copy.ClearField("messageContextInfo")
    context = context_of(copy)
    if context is None:
        raise InvalidInput("messageId: esta mensagem não pode ser encaminhada")
    score = context.forwardingScore
    context.Clear()
    context.forwardingScore = score
    return copy, context


def _quote(context: ContextInfo, stored: Stored, to: Any) -> None:
    context.stanzaID = stored.id
    context.participant = stored.sender
    chat = f"{to.User}@{to.Server}"
    if stored.chat != chat and stored.chat.endswith(GROUP_SERVER) != (to.Server == GROUP_SERVER):
        context.remoteJID = stored.chat  # answered in private: the quoted message is elsewhere
    quoted = Message()
    quoted.CopyFrom(stored.message)
    quoted.ClearField("messageContextInfo")
    inner = context_of(quoted)
    if inner is not None:
        inner.ClearField("quotedMessage")  # a chain of answers would grow with each of them
    context.quotedMessage.CopyFrom(quoted)


def _members(workshop: Workshop, to: Any) -> list[str]:
    if to.Server != GROUP_SERVER:
        raise InvalidInput("mentionAll só vale para grupos")
    group = workshop.call("get_group_info", to)
    return [f"{member.JID.User}@{member.JID.Server}" for member in group.Participants]
