"""Two writers at one moment make one row."""

import threading

import sqlalchemy as sa

from flashapi.connections import Connections
from flashapi.events import Person
from flashapi.models.contacts import contacts, known_people
from flashapi.models.installation import numbers
from tests.workers.serving import row_of
from workers import contact_rows, people

WRITERS, PEOPLE = 4, 25


def test_writers_that_learn_the_same_people_at_once(connections: Connections, session_id: str) -> None:
    together, session = threading.Barrier(WRITERS), row_of(connections, session_id)
    failures: list[BaseException] = []

    def write() -> None:
        try:
            for number in range(PEOPLE):
                who = Person(jid=f"55119876500{number:02}@s.whatsapp.net", lid=f"1{number:03}@lid")
                together.wait(30)
                with connections.transaction() as connection:
                    people.learn(connection, session, [who])
                    contact_rows.note(connection, session_id, who, push_name=f"Pessoa {number}")
        except BaseException as error:
            failures.append(error)
            together.abort()

    writers = [threading.Thread(target=write) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    with connections.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(numbers)) == PEOPLE
        assert connection.scalar(sa.select(sa.func.count()).select_from(contacts)) == PEOPLE
        assert connection.scalar(sa.select(sa.func.count()).select_from(known_people)) == PEOPLE
