"""Pages of GET /api/chat/messages through 100,000 stored messages: time of each page, and the query plans.

`python -m bench.paging` measures on SQLite, and on the MySQL/MariaDB of MYSQL_HOST (or one it can start). `before`
must be flat: its slowest tenth of pages within 2 times its fastest. `offset` is shown beside it for comparison.
"""

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from flashapi.api.current import EXTENSION
from flashapi.app import create_app
from flashapi.models.messages import messages
from flashapi.models.sessions import sessions
from flashapi.services import history
from flashapi.services.backend import Backend
from flashapi.settings import Settings, load
from tests.support import servers
from workers.migrations import migrate

ROWS = 100_000
CHATS = 50
LIMIT = 50
BATCH = 5_000
PASSES = 3
FLAT = 2.0
SESSION = "00000000-0000-4000-8000-000000000001"
CONTENT = '{"key":{"remoteJid":"x"},"messageTimestamp":1,"message":{"conversation":"' + "a" * 200 + '"}}'


def main() -> None:
    """Measure each database there is."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        base = load({"DATA_DIR": folder, "GLOBAL_API_KEY": "bench", "SANDBOX": "true"}, None)
        measured = {"SQLite": base}
        try:
            variables = stack.enter_context(servers.mysql_server(Path(folder) / "mysql"))
        except servers.NoServer as reason:
            print(f"MySQL/MariaDB left out: {reason}")
        else:
            url = load({**variables, "MYSQL_DATABASE": "flashapi_paging", "DATA_DIR": folder}, None).database_url
            measured["MySQL/MariaDB"] = replace(base, database_url=url)
        flat = [measure(name, settings) for name, settings in measured.items()]
        if not all(flat):
            raise SystemExit("pages by `before` are not flat")


def measure(name: str, settings: Settings) -> bool:
    """Fill one database and page through it; whether `before` is flat."""
    migrate(settings)
    app = create_app(settings)
    backend: Backend = app.extensions[EXTENSION]
    session = _fill(backend)
    print(f"\n## {name}: {ROWS:,} messages of one session in {CHATS} chats, pages of {LIMIT}")
    flat = True
    try:
        for label, jid in (("all chats", None), ("one chat", _chat(0))):
            # The best of each page's passes: what differs between passes is what the database had in memory.
            passes = [list(_pages(backend, session, jid)) for _ in range(PASSES)]
            took = [min(seconds) * 1_000 for seconds in zip(*passes, strict=True)]
            tenth = max(1, len(took) // 10)
            # The median of each tenth: one page alone measures the machine.
            parts = [statistics.median(took[at : at + tenth]) for at in range(0, len(took) - tenth + 1, tenth)]
            ratio = max(parts) / min(parts)
            flat &= ratio <= FLAT
            print(
                f"before, {label}: {len(took)} pages, first tenth {parts[0]:.2f} ms, last tenth {parts[-1]:.2f} ms, "
                f"slowest/fastest tenth {ratio:.2f}"
            )
        for offset in (0, ROWS // 2, ROWS - LIMIT):
            print(f"offset={offset:>6}: {_offset(backend, session, offset) * 1_000:.2f} ms, with its total")
        _print_plans(backend)
    finally:
        backend.connections.close()
    return flat


def _fill(backend: Backend) -> Any:
    row = {"id": SESSION, "key_hash": "0" * 64, "name": "paginas", "mode": "sandbox", "shard": 0, "wanted": "stopped"}
    with backend.connections.transaction() as connection:
        connection.execute(sessions.insert(), {**row, "created_at": 1, "updated_at": 1})
    for start in range(0, ROWS, BATCH):
        with backend.connections.transaction() as connection:
            connection.execute(messages.insert(), [_message(number) for number in range(start, start + BATCH)])
    with backend.connections.reading() as connection:
        return connection.execute(sa.select(sessions).where(sessions.c.id == SESSION)).one()


def _message(number: int) -> dict[str, Any]:
    chat = _chat(number % CHATS)
    return {
        "session_id": SESSION, "chat": chat, "sender": chat, "message_id": f"{number:032X}", "from_me": False,
        "type": "conversation", "content": CONTENT, "raw": b"x" * 300, "status": "received", "timestamp": number,
        "created_at": number,
    }  # fmt: skip


def _chat(number: int) -> str:
    return f"55119{number:08}@s.whatsapp.net"


def _pages(backend: Backend, session: Any, jid: str | None) -> Iterator[float]:
    """The seconds each page took, from the newest to the oldest."""
    before = f"{ROWS}.{ROWS}"
    while True:
        with _timed() as took:
            page = history.page(backend, session, jid=jid, limit=LIMIT, offset=0, before=before)
        yield took[0]
        if page["nextBefore"] is None:
            return
        before = page["nextBefore"]


def _offset(backend: Backend, session: Any, offset: int) -> float:
    with _timed() as took:
        history.page(backend, session, jid=None, limit=LIMIT, offset=offset, before=None)
    return took[0]


@contextmanager
def _timed() -> Iterator[list[float]]:
    took: list[float] = []
    began = time.perf_counter()
    yield took
    took.append(time.perf_counter() - began)


def _print_plans(backend: Backend) -> None:
    """How the database finds a page: by an index, without sorting."""
    engine = backend.connections.engine
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    before = [messages.c.session_id == SESSION, *history.earlier_than((ROWS // 2, ROWS // 2))]
    one_chat = [*before, messages.c.chat == _chat(0)]
    for label, chosen, index in (("all chats", before, history.BY_SESSION), ("one chat", one_chat, history.BY_CHAT)):
        query = history.newest(chosen, index, LIMIT + 1)
        spelled = str(query.compile(engine, compile_kwargs={"literal_binds": True}))
        with backend.connections.reading() as connection:
            for row in connection.exec_driver_sql(f"{explain} {spelled.replace('%', '%%')}"):
                shown = {name: value for name, value in row._mapping.items() if name != "possible_keys"}
                print(f"plan, {label}: {shown}")


if __name__ == "__main__":
    main()
