"""Which web pages may call: those of the exact origins in CORS_ORIGINS, or all with `*`.

There are no cookies, so credentials are never allowed.
"""

from flask import Flask, Response, request

from flashapi.settings import Settings

METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"
EXPOSED = (
    "X-Request-Id,Retry-After,X-RateLimit-Limit,X-RateLimit-Remaining,X-RateLimit-Reset,"
    "RateLimit-Limit,RateLimit-Remaining,RateLimit-Reset,RateLimit-Policy"
)


def init_app(app: Flask, settings: Settings) -> None:
    """Answer preflights and mark answers to allowed origins."""
    origins = frozenset(origin.rstrip("/").lower() for origin in settings.cors_origins)

    def answer_preflight() -> Response | None:
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return Response(status=204)
        return None

    def mark(response: Response) -> Response:
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin is None or not ("*" in origins or origin.lower() in origins):
            return response
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = EXPOSED
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = METHODS
            asked = request.headers.get("Access-Control-Request-Headers")
            if asked:
                response.headers["Access-Control-Allow-Headers"] = asked
                response.headers.add("Vary", "Access-Control-Request-Headers")
            response.headers["Access-Control-Max-Age"] = "600"
        return response

    app.before_request(answer_preflight)
    app.after_request(mark)
