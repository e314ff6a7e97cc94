"""The group commands and events of a real neonize session (see client_program.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from client_addresses import jid_of, text_of
from neonize.utils.enum import ParticipantChange, ReceiptType


class GroupCommands:
    """What a session can be told to do with groups; mixed into `Session`, which has the client."""

    client: Any

    def create_group(self, subject: str, participants: list[str]) -> dict[str, Any]:
        return read_group(self.client.create_group(subject, [jid_of(one) for one in participants]))

    def group_info(self, group: str) -> dict[str, Any]:
        return read_group(self.client.get_group_info(jid_of(group)))

    def group_list(self) -> list[dict[str, Any]]:
        return [read_group(group) for group in self.client.get_joined_groups()]

    def change_participants(self, group: str, participants: list[str], action: str) -> list[dict[str, Any]]:
        people = [jid_of(one) for one in participants]
        changed = self.client.update_group_participants(jid_of(group), people, ParticipantChange(action))
        return [read_participant(one) for one in changed]

    def leave_group(self, group: str) -> None:
        self.client.leave_group(jid_of(group))

    def set_group_name(self, group: str, name: str) -> None:
        self.client.set_group_name(jid_of(group), name)

    def set_group_topic(self, group: str, topic: str) -> None:
        self.client.set_group_topic(jid_of(group), "", "", topic)

    def set_group_announce(self, group: str, on: bool) -> None:
        self.client.set_group_announce(jid_of(group), on)

    def set_group_locked(self, group: str, on: bool) -> None:
        self.client.set_group_locked(jid_of(group), on)

    def invite_link(self, group: str, revoke: bool = False) -> str:
        return str(self.client.get_group_invite_link(jid_of(group), revoke))

    def info_from_link(self, link: str) -> dict[str, Any]:
        return read_group(self.client.get_group_info_from_link(link))

    def join_by_link(self, link: str) -> str:
        return text_of(self.client.join_group_with_link(link))

    def join_requests(self, group: str) -> list[str]:
        return [text_of(one.Participant) for one in self.client.get_group_request_participants(jid_of(group))]

    def number_of(self, lid: str) -> str:
        return text_of(self.client.get_pn_from_lid(jid_of(lid)))

    def mark_group_read(self, group: str, sender: str, ids: list[str]) -> None:
        self.client.mark_read(*ids, chat=jid_of(group), sender=jid_of(sender), receipt=ReceiptType.READ)


def read_group(group: Any) -> dict[str, Any]:
    return {
        "jid": text_of(group.JID),
        "subject": group.GroupName.Name,
        "topic": group.GroupTopic.Topic,
        "owner": text_of(group.OwnerJID),
        "owner_pn": text_of(group.OwnerPN),
        "announce": group.GroupAnnounce.IsAnnounce,
        "locked": group.GroupLocked.isLocked,
        "participants": [read_participant(one) for one in group.Participants],
    }


def read_participant(participant: Any) -> dict[str, Any]:
    return {
        "jid": text_of(participant.JID),
        "lid": text_of(participant.LID),
        "pn": text_of(participant.PhoneNumber),
        "admin": participant.IsAdmin,
        "super": participant.IsSuperAdmin,
        "error": participant.Error,
    }


def read_change(event: Any) -> dict[str, Any]:
    return {
        "group": text_of(event.JID),
        "by": text_of(event.Sender),
        "join": [text_of(one) for one in event.Join],
        "leave": [text_of(one) for one in event.Leave],
        "promote": [text_of(one) for one in event.Promote],
        "demote": [text_of(one) for one in event.Demote],
        "subject": event.Name.Name if event.HasField("Name") else None,
        "topic": event.Topic.Topic if event.HasField("Topic") else None,
        "announce": event.Announce.IsAnnounce if event.HasField("Announce") else None,
        "locked": event.Locked.isLocked if event.HasField("Locked") else None,
        "link": event.NewInviteLink or None,
        "reason": event.JoinReason,
    }


GROUP_READERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "GroupInfo": read_change,
    "JoinedGroup": lambda event: {
        "group": text_of(event.GroupInfo.JID),
        "by": text_of(event.Sender),
        "by_pn": text_of(event.SenderPN),
        "reason": event.Reason,
        "info": read_group(event.GroupInfo),
    },
}
