"""People in a real neonize session (see client_program.py): profiles, pictures, blocking, privacy, calls, history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from client_addresses import jid_of, text_of
from neonize._binder import gocode
from neonize.proto import Neonize_pb2 as proto
from neonize.utils.enum import BlocklistAction


class ContactCommands:
    """Mixed into `Session`, which has the client."""

    client: Any

    def picture(self, jid: str, preview: bool = False, existing: str = "") -> dict[str, Any] | None:
        # neonize passes the parameters on only if all three are set.
        wanted = proto.GetProfilePictureParams(Preview=preview, ExistingID=existing, IsCommunity=False)
        found = self.client.get_profile_picture(jid_of(jid), wanted)
        if not found.ID:
            return None
        return {"id": found.ID, "url": found.URL, "type": found.Type, "direct_path": found.DirectPath}

    def set_picture(self, path: str) -> str:
        return str(self.client.set_profile_photo(Path(path).read_bytes()))

    def set_group_picture(self, group: str, path: str) -> str:
        return str(self.client.set_group_photo(jid_of(group), Path(path).read_bytes()))

    def user_info(self, jid: str) -> dict[str, Any]:
        [found] = self.client.get_user_info(jid_of(jid))
        info = found.UserInfo
        devices = [text_of(device) for device in info.Devices]
        return {"jid": text_of(found.JID), "status": info.Status, "picture": info.PictureID, "devices": devices}

    def set_status(self, text: str) -> None:
        self.client.set_status_message(text)

    def block(self, jid: str, blocked: bool) -> list[str]:
        action = BlocklistAction.BLOCK if blocked else BlocklistAction.UNBLOCK
        return [text_of(one) for one in self.client.update_blocklist(jid_of(jid), action).JIDs]

    def blocklist(self) -> list[str]:
        return [text_of(one) for one in self.client.get_blocklist().JIDs]

    def set_privacy(self, name: str, value: str) -> None:
        # neonize's own set_privacy_setting takes the answer, which is no text, for an error.
        answer = gocode.SetPrivacySetting(self.client.uuid, name.encode(), value.encode())
        if error := proto.SetPrivacySettingReturnFunction.FromString(answer).Error:
            raise RuntimeError(error)

    def privacy(self) -> dict[str, int]:
        return {field.name: value for field, value in self.client.get_privacy_settings().ListFields()}

    def contact(self, jid: str) -> dict[str, Any]:
        found = self.client.contact.get_contact(jid_of(jid))
        return {"found": found.Found, "push_name": found.PushName}

    def lid_of(self, number: str) -> str:
        return text_of(self.client.get_lid_from_pn(jid_of(number)))

    def number_of(self, lid: str) -> str:
        return text_of(self.client.get_pn_from_lid(jid_of(lid)))

    def user_devices(self, jid: str) -> list[str]:
        return [text_of(device) for device in self.client.get_user_devices(jid_of(jid))]

    def qr_link(self) -> str:
        return str(self.client.get_contact_qr_link())

    def reject_call(self, caller: str, call_id: str) -> None:
        self.client.reject_call(jid_of(caller), call_id)


def read_call(event: Any) -> dict[str, Any]:
    meta = event.basicCallMeta
    return {
        "call_id": meta.callID,
        "from": text_of(getattr(meta, "from")),
        "creator": text_of(meta.callCreator),
        "creator_alt": text_of(meta.callCreatorAlt),
    }


CONTACT_READERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "CallOffer": lambda event: read_call(event) | {"video": "video" in [node.Tag for node in event.data.Nodes]},
    "CallTerminate": lambda event: read_call(event) | {"reason": event.reason},
    "Picture": lambda event: {"jid": text_of(event.JID), "author": text_of(event.Author), "remove": event.Remove},
    "HistorySync": lambda event: {
        "kind": event.Data.syncType,
        "names": {one.ID: one.pushname for one in event.Data.pushnames},
        "chats": {
            chat.ID: [
                [entry.message.key.ID, entry.message.key.fromMe, entry.message.message.conversation]
                for entry in chat.messages
            ]
            for chat in event.Data.conversations
        },
    },
}
