"""The surface the contract names: the routes of the seed README and of the original, kinds of message, events."""

README = """
POST /api/session/create_sessao
PUT /api/session/conectar_sessao
PUT /api/session/restart
GET /api/session/status
GET /api/session/list
POST /api/session/reconnect
DELETE /api/session/delete/{sessionId}
POST /api/chat/send-text
POST /api/chat/send-image
POST /api/chat/send-video
POST /api/chat/send-audio
POST /api/chat/send-document
POST /api/chat/send-location
POST /api/chat/send-poll
GET /api/contact/list
GET /api/contact/profile
POST /api/contact/check
GET /api/group/list
GET /api/group/info
POST /api/group/create
POST /api/group/add-participant
POST /api/group/remove-participant
POST /api/group/leave
GET /api-docs
""".split("\n")[1:-1]

ORIGINAL = """
GET /api/session/health
DELETE /api/session/desconect/{sessionId}
POST /api/chat/send-contact
POST /api/chat/send-sticker
POST /api/chat/send-reaction
POST /api/chat/typing
POST /api/chat/mark-read
GET /api/chat/messages
GET /api/chat/chats
GET /api/chat/queue/status
POST /api/chat/queue/clear
DELETE /api/chat/delete/{id_message}
POST /api/contact/sync
POST /api/contact/force-sync-all
POST /api/contact/profile
POST /api/contact/block
POST /api/contact/unblock
POST /api/group/info
POST /api/group/promote
POST /api/group/demote
POST /api/group/update-subject
POST /api/group/update-description
GET /api/config/session
PUT /api/config/config
PUT /api/config/webhook
GET /api/config/stats
GET /api/system/status
GET /api/system/config
POST /api/system/cleanup
""".split("\n")[1:-1]

BOTH_WAYS = [
    "extendedTextMessage", "imageMessage", "videoMessage", "audioMessage", "documentMessage", "stickerMessage",
    "locationMessage", "contactMessage", "contactsArrayMessage", "pollCreationMessage", "reactionMessage",
    "protocolMessage",
]  # fmt: skip
OUT = ["conversation", *BOTH_WAYS]
IN = ["conversation", *BOTH_WAYS, "pollUpdateMessage"]
VERSIONS = {
    "pollCreationMessageV2": "pollCreationMessage",
    "pollCreationMessageV3": "pollCreationMessage",
    "pollCreationMessageV4": "pollCreationMessage",
    "pollCreationMessageV5": "pollCreationMessage",
    "documentWithCaptionMessage": "documentMessage",
}
"""Kinds that WhatsApp wraps or renumbers, and the kind they are."""
EVENTS = [
    "qr_updated", "session_connected", "session_disconnected", "message_received",
    "message_update", "presence_update", "chats_update", "contacts_update",
    "groups_update", "group_participants_update", "call", "messaging_history_set",
]  # fmt: skip
