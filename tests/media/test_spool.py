"""The spool: drafts that vanish unless kept, limits, and the sweep."""

import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from flashapi.errors import Gone, TooLarge, Unavailable
from flashapi.media.spool import RECEIVED_SECONDS, UNNAMED_SECONDS, Spool, name_to_send, received_name
from flashapi.settings import Settings

SESSION = "0f0d3c5e-3c39-4c39-a2c5-3a3c0b6b2a11"


def make(tmp_path: Path, limit: int = 1_000, quota: int = 5_000) -> Spool:
    settings = replace(Settings(), media_dir=tmp_path, media_limit_bytes=limit, media_quota_bytes=quota)
    return Spool(settings)


def put(spool: Spool, name: str, content: bytes = b"x", age: float = 0) -> str:
    with spool.draft() as draft:
        draft.write(content)
        draft.keep(name)
    moment = time.time() - age
    os.utime(spool.path(name), (moment, moment))
    return name


def test_a_kept_draft_is_whole_and_a_closed_one_is_gone(tmp_path: Path) -> None:
    spool = make(tmp_path)
    with spool.draft() as draft:
        draft.write(b"ab")
        draft.write(b"cd")
        assert (draft.size, draft.head, draft.sha256) == (4, b"abcd", hashlib.sha256(b"abcd").hexdigest())
        name = draft.keep(name_to_send(SESSION))
    assert spool.path(name).read_bytes() == b"abcd"
    assert spool.path(name).stat().st_mode & 0o777 == 0o600
    with spool.draft() as draft:
        draft.write(b"ab")
    assert os.listdir(tmp_path) == [name]
    spool.remove(name)
    with pytest.raises(Gone):
        spool.path(name)


def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    with make(tmp_path).draft() as draft, pytest.raises(TooLarge):
        draft.write(b"x" * 1_001)
    assert os.listdir(tmp_path) == []


def test_a_full_folder_refuses_and_received_files_make_room(tmp_path: Path) -> None:
    spool = make(tmp_path, quota=2_500)
    put(spool, received_name(SESSION, "A"), b"x" * 1_000, age=50)
    put(spool, received_name(SESSION, "B"), b"x" * 900)
    sent = put(spool, name_to_send(SESSION), b"x" * 600)
    spool.draft().close()
    assert spool.find_received(SESSION, "A") is None
    assert spool.find_received(SESSION, "B") is not None
    for _ in range(3):
        put(spool, name_to_send(SESSION), b"x" * 620)
    assert spool.find_received(SESSION, "B") is None
    with pytest.raises(Unavailable):
        put(spool, name_to_send(SESSION), b"x" * 620)
    assert spool.path(sent).exists()


def test_only_names_of_its_own_are_files(tmp_path: Path) -> None:
    spool = make(tmp_path / "media")
    (tmp_path / "secret").write_text("x")
    for name in ("../secret", str(tmp_path / "secret"), "secret", ""):
        with pytest.raises(Gone):
            spool.path(name)
        spool.remove(name)
    assert (tmp_path / "secret").exists()


def test_the_sweep_takes_what_is_old_and_what_it_is_told(tmp_path: Path) -> None:
    spool = make(tmp_path)
    old = put(spool, name_to_send(SESSION), age=UNNAMED_SECONDS + 5)
    young = put(spool, name_to_send(SESSION))
    assert spool.to_send() == {old: SESSION}
    put(spool, received_name(SESSION, "A"), age=RECEIVED_SECONDS + 5)
    fresh = put(spool, received_name(SESSION, "B"))
    (tmp_path / "0.part").write_text("x")
    os.utime(tmp_path / "0.part", (0, 0))
    assert spool.sweep() == 2
    assert set(os.listdir(tmp_path)) == {old, young, fresh}
    assert spool.sweep([old]) == 1
    assert set(os.listdir(tmp_path)) == {young, fresh}
