"""Multipart bodies with files: each file goes straight to the spool as it arrives, never to memory."""

from typing import IO, Any, cast

from flask import Request, current_app
from werkzeug.datastructures import FileStorage

from flashapi.api.current import EXTENSION
from flashapi.media.sources import Upload
from flashapi.media.spool import Draft
from flashapi.services.backend import Backend

MULTIPART = "multipart/form-data"
FIELDS_MOST = 700
"""The longest list there may be, an entry a field, and what stands beside it."""
PARSED_AT_ONCE = 256 * 1024
"""The parser counts what it has read ahead, files included, as memory of the form."""
AROUND_FILE_BYTES = 1024 * 1024
"""What the other fields and the boundaries may take."""


class SpoolingRequest(Request):
    """A request whose files are spooled, once `expect_file` was called; drafts nobody kept go when it ends."""

    def expect_file(self) -> None:
        """Let the body be as large as a file may be. Call it before anything of the body was read."""
        self.max_content_length = self._backend.settings.media_limit_bytes + AROUND_FILE_BYTES
        self.max_form_parts = FIELDS_MOST
        self.max_form_memory_size = max(self.max_form_memory_size or 0, PARSED_AT_ONCE)
        self._drafts: list[Draft] = []

    def uploads(self) -> dict[str, Upload]:
        """The files, by the name of their field. Raises TooLarge, Unavailable."""
        return {name: _upload(file) for name, file in self.files.items() if isinstance(file.stream, Draft)}

    def close(self) -> None:
        """Remove the drafts that weren't kept, also those of a body that broke off."""
        super().close()
        for draft in getattr(self, "_drafts", ()):
            draft.close()

    def _get_file_stream(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None = None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        if not hasattr(self, "_drafts"):
            return super()._get_file_stream(total_content_length, content_type, filename, content_length)
        draft = self._backend.spool.draft()
        self._drafts.append(draft)
        return cast(IO[bytes], draft)

    @property
    def _backend(self) -> Backend:
        made: Backend = current_app.extensions[EXTENSION]
        return made


def _upload(file: FileStorage) -> Upload:
    stream: Any = file.stream
    return Upload(stream, file.filename, file.mimetype or None)
