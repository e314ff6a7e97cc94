"""What each kind of message takes as its file, and what such a file is truthfully called."""

import mimetypes
from enum import StrEnum

from flashapi.errors import InvalidInput
from flashapi.media.claims import belongs, canonical
from flashapi.media.facts import FALLBACK_TYPE
from flashapi.media.sniffing import sniff


class Kind(StrEnum):
    """The kinds of message that carry a file; each is also the name of the field that the file comes in."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    STICKER = "sticker"


PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")
FILMS = ("video/mp4", "video/3gpp", "video/quicktime")
SOUNDS = ("audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/amr", "audio/wav", "audio/flac")
ACCEPTED: dict[Kind, tuple[str, ...]] = {
    Kind.IMAGE: PICTURES,
    Kind.STICKER: PICTURES,
    Kind.VIDEO: FILMS,
    Kind.AUDIO: (*SOUNDS, *FILMS, "video/webm", "video/ogg"),  # a film's sound is taken out of it
}
_WORDS = {
    Kind.IMAGE: "JPEG, PNG, WebP ou GIF",
    Kind.STICKER: "WebP, PNG, JPEG ou GIF",
    Kind.VIDEO: "MP4, 3GP ou MOV",
    Kind.AUDIO: "OGG, MP3, M4A, AAC, AMR, WAV, FLAC ou WebM",
}


def true_type(kind: Kind, head: bytes, claimed: str | None, hints: tuple[str | None, str | None]) -> str:
    """The mimetype to send a file with that begins like `head`. Raises InvalidInput, naming the field.

    `claimed` is the caller's word, which must be true; `hints` are a type and a file name that came along, believed
    only where the content doesn't contradict them. Pictures, films and sounds are what their content is.
    """
    if not head:
        raise InvalidInput(f"{kind.value}: o arquivo está vazio")
    found = sniff(head)
    if kind in ACCEPTED:
        if found not in ACCEPTED[kind]:
            raise InvalidInput(
                f"{kind.value}: o conteúdo ({found or 'tipo desconhecido'}) não é aceito; use {_WORDS[kind]}"
            )
        return found
    if claimed and canonical(claimed) != FALLBACK_TYPE:
        if not belongs(claimed, found, head):
            raise InvalidInput(f"mimetype: o conteúdo do arquivo não é {claimed}")
        return _spelt(claimed, found)
    hinted, name = hints
    for guess in (hinted, mimetypes.guess_type(name or "")[0]):
        if guess and canonical(guess) != FALLBACK_TYPE and belongs(guess, found, head):
            return _spelt(guess, found)
    return found or FALLBACK_TYPE


def _spelt(name: str, found: str | None) -> str:
    """A true name in the spelling that clients and our own previews know; with parameters it stays as it is."""
    return found if found is not None and canonical(name) == found and ";" not in name else name
