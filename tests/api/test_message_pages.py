"""Pages of stored messages go by WhatsApp's time, in whatever order the messages came, on SQLite and on MariaDB."""

from typing import Any

import pytest
import sqlalchemy as sa

from flashapi.api.current import EXTENSION
from flashapi.app import create_app
from flashapi.connections import Connections
from flashapi.models.messages import messages
from flashapi.services import history, presences, sessions
from flashapi.services.backend import Backend
from flashapi.settings import Settings
from tests.api.conftest import Caller, Owner, own_session
from tests.api.test_config import add_message

BOB, CAROL = "5511900000001@s.whatsapp.net", "5511900000002@s.whatsapp.net"
AS_STORED = [
    ("M40", CAROL, 40), ("M50", BOB, 50), ("M50b", BOB, 50), ("M50c", BOB, 50),
    ("M30", BOB, 30), ("M10", CAROL, 10), ("M20", CAROL, 20),
]  # fmt: skip
"""A phone's history: chat by chat, the newest piece first."""
BY_TIME = ["M10", "M20", "M30", "M40", "M50", "M50b", "M50c"]
OF_BOB = ["M30", "M50", "M50b", "M50c"]


@pytest.fixture
def backend(database: Settings, connections: Connections) -> Backend:
    found: Backend = create_app(database).extensions[EXTENSION]
    return found


@pytest.fixture
def alice(database: Settings, backend: Backend) -> Owner:
    """Linked to a phone with a history, which a live message has followed."""
    owner = own_session(Caller(create_app(database).test_client(), database.global_api_key), "alice-vendas")
    for message_id, chat, timestamp in AS_STORED:
        add_message(backend, owner.id, 0, message_id=message_id, chat=chat, sender=chat, timestamp=timestamp)
    return owner


def page(alice: Owner, query: str = "") -> dict[str, Any]:
    data = alice.get(f"/api/chat/messages?{query}").json["data"]
    return {"ids": [row["mensagem_id"] for row in data["messages"]], **data}


def test_the_newest_page_is_the_newest_in_time(alice: Owner) -> None:
    assert page(alice)["ids"] == BY_TIME
    assert page(alice, "limit=3")["ids"] == BY_TIME[-3:]
    assert page(alice, "limit=2&offset=3")["ids"] == ["M30", "M40"]
    assert page(alice, f"jid={BOB}&limit=2")["ids"] == OF_BOB[-2:]


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("chat, whole", [("", BY_TIME), (f"&jid={BOB}", OF_BOB)])
def test_pages_by_before_hold_each_message_once(alice: Owner, size: int, chat: str, whole: list[str]) -> None:
    seen: list[str] = []
    before = ""
    while True:
        shown = page(alice, f"limit={size}{chat}{before}")
        seen = shown["ids"] + seen
        if shown["nextBefore"] is None:
            break
        before = f"&before={shown['nextBefore']}"
    assert seen == whole


def test_before_is_a_message_or_its_row(alice: Owner) -> None:
    row = next(each for each in page(alice)["messages"] if each["mensagem_id"] == "M50b")
    for named in ("M50b", row["id"]):
        assert page(alice, f"limit=2&before={named}")["ids"] == ["M40", "M50"]
    assert alice.get("/api/chat/messages?before=999999").status_code == 400


def test_paging_goes_on_where_a_message_has_been_removed(alice: Owner, connections: Connections) -> None:
    first = page(alice, "limit=3")
    with connections.transaction() as connection:
        connection.execute(messages.delete().where(messages.c.message_id == first["ids"][0]))
    assert page(alice, f"limit=2&before={first['nextBefore']}")["ids"] == ["M30", "M40"]


def test_what_is_marked_as_read_is_the_newest_in_time(
    alice: Owner, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presences, "UNREAD_AT_MOST", 2)
    _, unread = presences._unread(backend, sessions.get(backend, alice.id), BOB)
    assert [row.message_id for row in unread] == ["M50b", "M50c"]


@pytest.mark.parametrize("chat, index", [(None, history.BY_SESSION), (BOB, history.BY_CHAT)])
def test_a_page_is_read_from_its_index_without_sorting(
    alice: Owner, connections: Connections, chat: str | None, index: tuple[sa.Column[Any], ...]
) -> None:
    chosen = [messages.c.session_id == alice.id, *history.earlier_than((50, 3))]
    if chat is not None:
        chosen.append(messages.c.chat == chat)
    spelled = history.newest(chosen, index, 3).compile(connections.engine, compile_kwargs={"literal_binds": True})
    explain = "EXPLAIN QUERY PLAN" if connections.engine.dialect.name == "sqlite" else "EXPLAIN"
    with connections.reading() as connection:
        plan = str(connection.exec_driver_sql(f"{explain} {str(spelled).replace('%', '%%')}").all())
    assert "_".join(["ix_messages", *(column.name for column in index)]) in plan
    assert "TEMP B-TREE" not in plan and "filesort" not in plan
    if connections.engine.dialect.name == "sqlite":
        assert "timestamp<?" in plan  # it begins to read at the place, not at the newest message


def test_the_same_id_in_two_chats_means_the_later_message(alice: Owner, backend: Backend) -> None:
    add_message(backend, alice.id, 0, message_id="M50c", chat=CAROL, sender=CAROL, timestamp=5)
    found = history.find(backend, sessions.get(backend, alice.id), "M50c")
    assert found is not None and found.chat == BOB
    with backend.connections.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).where(messages.c.message_id == "M50c")) == 2
