"""/api-docs: Swagger UI from files of its Python package, so that it works offline and under the CSP."""

from pathlib import Path
from typing import Any

import flask_swagger_ui
from flask import Blueprint, Response, redirect, render_template, send_from_directory
from werkzeug.wrappers import Response as BaseResponse

DIST = Path(flask_swagger_ui.__file__).parent / "dist"
ASSET_SECONDS = 86_400

blp = Blueprint("docs", __name__, template_folder="templates", static_folder="static", static_url_path="/api-docs/own")


@blp.get("/api-docs")
def page() -> str:
    """The interactive documentation."""
    return render_template("api_docs.html")


@blp.get("/api-docs/assets/<path:name>")
def asset(name: str) -> Response:
    """A file of Swagger UI."""
    return send_from_directory(DIST, name, max_age=ASSET_SECONDS)


@blp.get("/")
@blp.get("/manager")
@blp.get("/manager/<path:_rest>")
def home(**_: Any) -> BaseResponse:
    """Where a browser goes first: the documentation, until there is a dashboard."""
    return redirect("/api-docs", 302)
