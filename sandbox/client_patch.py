"""A copy of the installed neonize package that trusts the sandbox's root key and dials the sandbox's address."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from sandbox.protobufs import find_client_package

# The two byte strings of the Go library that are replaced; each must occur exactly once. The key is WACertPubKey in
# whatsmeow's handshake.go, the address its socket/constants.go.
ROOT_KEY = bytes.fromhex("142375574d0a587166aae71ebe516437c4a28b73e3695c6ce1f7f9545da8ee6b")
ADDRESS = b"wss://web.whatsapp.com/ws/chat"


class UnpatchableClient(RuntimeError):
    """The installed neonize is not one whose address and root key can be found."""


def patch_client(folder: Path, root_key: bytes, port: int) -> Path:
    """Make `folder/neonize` the patched copy, rewriting it only when something changed; returns that path.

    The copy appears by renames, so that a process importing it sees the old one or the new one, never half of one.
    Raises UnpatchableClient.
    """
    source = find_client_package()
    recipe = {"source": _fingerprint(source), "root_key": root_key.hex(), "port": port}
    target, stamp = folder / "neonize", folder / "recipe.json"
    if stamp.exists() and target.is_dir() and json.loads(stamp.read_text()) == recipe:
        return target
    library = find_library(source)
    patched = replace_once(library.read_bytes(), ROOT_KEY, root_key)
    patched = replace_once(patched, ADDRESS, local_address(port))
    folder.mkdir(parents=True, exist_ok=True)
    fresh, old = folder / "neonize.new", folder / "neonize.old"
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(source, fresh, ignore=shutil.ignore_patterns("__pycache__"))
    (fresh / library.name).write_bytes(patched)
    stamp.unlink(missing_ok=True)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    write_atomically(stamp, json.dumps(recipe))
    return target


def local_address(port: int) -> bytes:
    """The sandbox's URL, padded in its path to the length of the original."""
    address = f"ws://127.0.0.1:{port}/ws/chat".encode()
    return address + b"_" * (len(ADDRESS) - len(address))


def replace_once(library: bytes, old: bytes, new: bytes) -> bytes:
    """Replace a byte string by one as long. Raises UnpatchableClient unless it occurs exactly once."""
    if len(old) != len(new):
        raise UnpatchableClient(f"a replacement of {len(new)} bytes for {len(old)}")
    if (count := library.count(old)) != 1:
        raise UnpatchableClient(f"the client library has {count} places to patch where one was expected")
    return library.replace(old, new)


def find_library(package: Path) -> Path:
    """The Go library inside a neonize package. Raises UnpatchableClient."""
    libraries = [path for suffix in ("so", "dylib", "dll") for path in package.glob(f"neonize-*.{suffix}")]
    if len(libraries) != 1:
        raise UnpatchableClient(f"the installed neonize holds {len(libraries)} Go libraries where one was expected")
    return libraries[0]


def announce(folder: Path, port: int) -> None:
    """Say that the network answers on `port` and the copy is complete: the file `ready`, written last."""
    write_atomically(folder / "ready", json.dumps({"port": port, "pid": os.getpid()}))


def write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(text)
    temporary.replace(path)


def _fingerprint(package: Path) -> list[object]:
    """What tells one installed neonize from another without reading its 19 MB: the library's size and time."""
    library = find_library(package)
    status = library.stat()
    return [str(library), status.st_size, status.st_mtime_ns]
