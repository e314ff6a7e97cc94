"""Row ids in paths: whole numbers a database can hold. Any other names nothing, so its route isn't found."""

from flask import Flask
from werkzeug.routing import IntegerConverter, Map

LARGEST = 2**63 - 1


class RowId(IntegerConverter):
    """What `<int:...>` stands for in our routes."""

    def __init__(self, map: Map, **options: object) -> None:
        super().__init__(map, max=LARGEST)


def init_app(app: Flask) -> None:
    """Must come before the routes."""
    app.url_map.converters["int"] = RowId
