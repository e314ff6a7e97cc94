"""The queue of a session with a hundred thousand rows in it, against an empty one. A part of `bench.queue_runs`."""

from datetime import datetime

from bench.page import Figures
from bench.queue_common import installation, median_seconds, yes_or_no
from tests.support.installation import Session
from tests.support.queueing import Line, length, make_lines, stuff
from tests.support.servers import wait_until

STUFFED = 100_000
PAGE = 50
NOBODY = "5511900000001"


def stuffed(kind: str) -> Figures:
    """Accepting, listing and sending with an empty queue and with a hundred thousand rows in it."""
    with installation(kind) as (running, url):
        (line,) = make_lines(running, 1, "75")
        line.session.api("PUT", "/api/config/queue", {"gap": 0})
        _fail(line, PAGE)
        empty = _tasks(line, deep=0)
        line.session.api("POST", "/api/chat/queue/pause")
        stuff(url, line.session, line.friend.number, STUFFED)
        full = _tasks(line, deep=STUFFED // 2)
        figures = {
            f"{task} ms, empty → full": f"{before * 1000:.1f} → {full[task] * 1000:.1f}"
            for task, before in empty.items()
        }
        flat = all(full[task] < 2 * before + 0.002 for task, before in empty.items())
        return {**figures, "holds": yes_or_no(flat)}


def _tasks(line: Line, deep: int) -> dict[str, float]:
    """The seconds that each takes, with the queue as it is; lists begin at its newest row, and `deep` rows before.

    Every list has a full page to show, whatever else there is.
    """
    session, queue = line.session, "/api/chat/queue"
    session.api("POST", f"{queue}/pause")
    accept = median_seconds(lambda: session.send(NOBODY, "aceita", useQueue=True))
    newest = int(session.send(NOBODY, "a mais nova", useQueue=True)["id"])
    queued, failed = (f"{queue}?limit={PAGE}&state={state}" for state in ("queued", "failed"))
    return {
        "accept": accept,
        "list queued": _seconds_a_page(session, queued),
        "list queued, deep": _seconds_a_page(session, f"{queued}&before={newest - deep}"),
        "list failed": _seconds_a_page(session, failed),
        "status": median_seconds(lambda: session.api("GET", f"{queue}/status")),
        "send one in front": _seconds_a_send(line, priority=99),
        "send one in its turn": _seconds_a_send(line, priority=0),
    }


def _fail(line: Line, count: int) -> None:
    """Have so many sends fail, since WhatsApp knows no such number."""
    session = line.session
    messages = [{"type": "text", "to": NOBODY, "text": "a ninguém"}] * count
    session.api("POST", "/api/chat/send-bulk", {"messages": messages})
    wait_until(lambda: not length(session), "all have failed", 120)


def _seconds_a_page(session: Session, path: str) -> float:
    assert len(session.api("GET", path)["data"]["sends"]) == PAGE, f"{path} shows a full page"
    return median_seconds(lambda: session.api("GET", path))


def _seconds_a_send(line: Line, priority: int) -> float:
    """How fast the runner sends a hundred rows of this priority: the queue's own, or new ones if it has none."""
    session, count = line.session, 100
    before = _sent(session, priority)
    messages = [
        {"type": "text", "to": line.friend.number, "text": f"nova {n}", "priority": priority} for n in range(count)
    ]
    session.api("POST", "/api/chat/send-bulk", {"messages": messages})
    session.api("POST", "/api/chat/queue/resume")
    wait_until(lambda: len(_sent(session, priority)) >= len(before) + count, "a hundred more are sent", 120)
    session.api("POST", "/api/chat/queue/pause")
    moments = sorted(_sent(session, priority).values())[len(before) :][:count]
    return (moments[-1] - moments[0]) / 1_000 / (count - 1)


def _sent(session: Session, priority: int) -> dict[str, float]:
    """The queue's sent rows of this priority and when each was, in ms."""
    sends = session.api("GET", "/api/chat/queue?limit=500&state=sent")["data"]["sends"]
    return {send["id"]: _ms(send["finishedAt"]) for send in sends if send["queued"] and send["priority"] == priority}


def _ms(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() * 1_000
