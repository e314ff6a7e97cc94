"""The queue of a session with a hundred thousand rows in it, against an empty one. A part of `bench.queue_runs`."""

from datetime import datetime

from bench.page import Figures
from bench.queue_common import installation, median_seconds, yes_or_no
from tests.support.installation import Session
from tests.support.queueing import Line, make_lines, stuff
from tests.support.servers import wait_until

STUFFED = 100_000


def stuffed(kind: str) -> Figures:
    """Accepting, listing and sending with an empty queue and with a hundred thousand rows in it."""
    with installation(kind) as (running, url):
        (line,) = make_lines(running, 1, "75")
        line.session.api("PUT", "/api/config/queue", {"gap": 0})
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
    """The seconds that each takes, with the queue as it is; lists begin at its newest row, and `deep` rows before."""
    session, queue = line.session, "/api/chat/queue"
    session.api("POST", f"{queue}/pause")
    newest = int(session.send("5511900000001", "a mais nova", useQueue=True)["id"])
    queued = f"{queue}?limit=50&state=queued"
    return {
        "accept": median_seconds(lambda: session.send("5511900000001", "aceita", useQueue=True)),
        "list queued": median_seconds(lambda: session.api("GET", queued)),
        "list queued, deep": median_seconds(lambda: session.api("GET", f"{queued}&before={newest - deep}")),
        "list failed": median_seconds(lambda: session.api("GET", f"{queue}?limit=50&state=failed")),
        "status": median_seconds(lambda: session.api("GET", f"{queue}/status")),
        "send one in front": _seconds_a_send(line, priority=99),
        "send one in its turn": _seconds_a_send(line, priority=0),
    }


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
