"""The patched copy: exactly two places differ, the installed package stays as it is, and doubt is an error."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sandbox import client_patch
from sandbox.client_patch import ADDRESS, ROOT_KEY, UnpatchableClient, find_library, local_address, patch_client
from sandbox.protobufs import find_client_package

KEY = hashlib.sha256(b"a key that occurs nowhere").digest()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_only_key_and_address_differ(tmp_path: Path) -> None:
    original = find_library(find_client_package())
    before = digest(original)
    copy = patch_client(tmp_path, KEY, 23456)
    assert digest(original) == before
    patched = (copy / original.name).read_bytes()
    restored = patched.replace(KEY, ROOT_KEY).replace(b"ws://127.0.0.1:23456/ws/chat__", ADDRESS)
    assert hashlib.sha256(restored).hexdigest() == before
    assert (copy / "client.py").read_bytes() == (original.parent / "client.py").read_bytes()


def test_it_is_rewritten_only_when_something_changed(tmp_path: Path) -> None:
    first = patch_client(tmp_path, KEY, 23456).stat().st_ino
    assert patch_client(tmp_path, KEY, 23456).stat().st_ino == first
    moved = patch_client(tmp_path, KEY, 23457)
    assert moved.stat().st_ino != first
    assert local_address(23457) in find_library(moved).read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["neonize", "recipe.json"]


@pytest.mark.parametrize("library", [b"nothing here", ROOT_KEY + ROOT_KEY + ADDRESS, ROOT_KEY + ADDRESS + ADDRESS])
def test_a_client_it_does_not_know_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: bytes) -> None:
    package = tmp_path / "installed" / "neonize"
    package.mkdir(parents=True)
    (package / "neonize-linux-amd64.so").write_bytes(library)
    monkeypatch.setattr(client_patch, "find_client_package", lambda: package)
    with pytest.raises(UnpatchableClient):
        patch_client(tmp_path / "client", KEY, 23456)
    assert not (tmp_path / "client").exists()
