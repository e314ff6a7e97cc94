"""The media server's shelf: encrypted files on disk, each named by the SHA-256 of its bytes, until they expire."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterable, Iterator
from pathlib import Path

import structlog

from sandbox.media_keys import Sealed, encrypt_pieces

LARGEST_FILE = 256 << 20  # bytes, encrypted
LARGEST_SHELF = 2 << 30  # bytes of all files; the oldest make room for new ones
SWEEP_SECONDS = 60
KEPT_SECONDS = 14 * 86_400  # as long as WhatsApp keeps what was not fetched, roughly

log = structlog.get_logger()


class FileTooLarge(ValueError):
    """More bytes than a file may have."""


class WrongHash(ValueError):
    """The bytes are not those that were announced."""


class MediaFiles:
    """Files by the hex of their hash. Writing is done in the event loop: it only reaches the system's page cache."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob("*.part"):
            leftover.unlink()
        self.sweep()
        self._next_sweep = time.monotonic() + SWEEP_SECONDS

    def find(self, name: str) -> Path | None:
        """The file of that name; None when there is none (any more)."""
        path = self.folder / name
        return path if name.isalnum() and path.is_file() else None

    async def keep(self, digest: bytes, chunks: AsyncIterable[bytes]) -> Path:
        """Store what has this SHA-256. Raises FileTooLarge and WrongHash."""
        path = self.folder / digest.hex()
        part = self.folder / f"{secrets.token_hex(8)}.part"
        seen, size = hashlib.sha256(), 0
        try:
            with part.open("wb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > LARGEST_FILE:
                        raise FileTooLarge(f"more than {LARGEST_FILE} bytes")
                    seen.update(chunk)
                    file.write(chunk)
            if seen.digest() != digest:
                raise WrongHash(seen.hexdigest())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        await self._sweep_if_due()
        return path

    async def seal(self, pieces: Iterator[bytes], info: bytes) -> Sealed:
        """Encrypt something and store it, as a phone's upload."""
        sealed = await asyncio.to_thread(self._seal, pieces, info)
        await self._sweep_if_due()
        return sealed

    def _seal(self, pieces: Iterator[bytes], info: bytes) -> Sealed:
        part = self.folder / f"{secrets.token_hex(8)}.part"
        try:
            with part.open("wb") as file:
                sealed = encrypt_pieces(pieces, file, info)
            part.replace(self.folder / sealed.enc_sha256.hex())
        finally:
            part.unlink(missing_ok=True)
        return sealed

    async def _sweep_if_due(self) -> None:
        """Sweep now and then, beside the event loop: there may be very many files."""
        if time.monotonic() >= self._next_sweep:
            self._next_sweep = time.monotonic() + SWEEP_SECONDS
            await asyncio.to_thread(self.sweep)

    def sweep(self) -> None:
        """Remove what has expired and, beyond the shelf's size, the oldest."""
        files = [(path, path.stat()) for path in self.folder.iterdir() if path.suffix != ".part"]
        files.sort(key=lambda entry: entry[1].st_mtime)
        total = sum(status.st_size for _, status in files)
        oldest = time.time() - KEPT_SECONDS
        for path, status in files:
            if status.st_mtime >= oldest and total <= LARGEST_SHELF:
                return
            path.unlink()
            total -= status.st_size
            log.info("media_expired", name=path.name, size=status.st_size)
