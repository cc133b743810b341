"""A study as a web application: one page, and the few requests that it makes.

Nothing is written down of who asks but what the session needs: no addresses, no log of requests.
"""

import hashlib
import json
import socket
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from trainer.study.plan import Trial
from trainer.study.requests import (
    Answer,
    Begin,
    Start,
    WithHeaders,
    failed,
    read_body,
)
from trainer.study.rows import Standing
from trainer.study.serving import serve_app
from trainer.study.sessions import ClosedError, Given, RefusedError, Sessions

PAGE = Path(__file__).parent / "page"
_COOKIE_S = 30 * 24 * 3600
_FILES = {"study.css": "text/css", "study.js": "text/javascript", "exposure.js": "text/javascript"}


def study_app(sessions: Sessions) -> Starlette:
    """The application; whoever makes it closes `sessions` at the end."""
    service = _Service(sessions)
    routes = [
        Route("/", service.page),
        Route("/{name:str}", service.file),
        Route("/api/state", service.state),
        Route("/api/start", service.start, methods=["POST"]),
        Route("/api/begin", service.begin, methods=["POST"]),
        Route("/api/answer", service.answer, methods=["POST"]),
        Route("/image/{trial:int}/{slot:int}", service.image),
    ]
    handlers: dict[Any, Any] = {RefusedError: service.refused, HTTPException: failed}
    app = Starlette(routes=routes, middleware=[Middleware(WithHeaders)], exception_handlers=handlers)
    app.router.redirect_slashes = False
    return app


class _Service:
    """What is answered to each request."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions, self.design = sessions, sessions.design
        # of its own: cookies are shared by all ports of a host
        self.cookie = f"study-{hashlib.sha256(self.design.salt.encode()).hexdigest()[:16]}"

    async def page(self, _: Request) -> Response:
        design = self.design
        settings = {
            "protocol": design.protocol,
            "exposure": design.exposure_ms,
            "numPractice": design.num_practice,
        }
        shown = _template().render(design=design, settings=json.dumps(settings), time=_duration(design.exposure_ms))
        return HTMLResponse(shown)

    async def file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _FILES:
            raise HTTPException(404, "There is nothing here.")
        return FileResponse(PAGE / name, media_type=_FILES[name])

    async def state(self, request: Request) -> Response:
        return JSONResponse(self._told(await self._standing(request)))

    async def start(self, request: Request) -> Response:
        asked = await read_body(request, Start)
        standing = await self._standing(request)
        if standing is not None:
            return JSONResponse(self._told(standing))
        try:
            token = await run_in_threadpool(self.sessions.start, asked.ids)
        except ClosedError:
            return JSONResponse({"phase": "closed"})
        response = JSONResponse(self._told(await run_in_threadpool(self.sessions.standing, token)))
        is_safe = request.url.scheme == "https"
        response.set_cookie(self.cookie, token, max_age=_COOKIE_S, httponly=True, samesite="lax", secure=is_safe)
        return response

    async def begin(self, request: Request) -> Response:
        asked = await read_body(request, Begin)
        await run_in_threadpool(self.sessions.begin, self._token(request), asked.trial, page=asked.page)
        return JSONResponse({})

    async def image(self, request: Request) -> Response:
        number, slot = request.path_params["trial"], request.path_params["slot"]
        path = await run_in_threadpool(self.sessions.image, self._token(request), number, slot)
        content = await run_in_threadpool(path.read_bytes)
        return Response(content, media_type="image/png")  # without the date of a file, which tells it from others

    async def answer(self, request: Request) -> Response:
        asked = await read_body(request, Answer)
        given = Given(
            trial=asked.trial, choice=asked.choice, exposures_ms=tuple(asked.exposures_ms), seconds=asked.seconds
        )
        trial = await run_in_threadpool(self.sessions.answer, self._token(request), given)
        told = self._told(await self._standing(request))
        return JSONResponse(told | {"feedback": _feedback(trial, given.choice)})

    async def refused(self, request: Request, error: Exception) -> Response:
        """What does not fit: with where the session stands, so that the page can go on from there."""
        return JSONResponse({"error": str(error)} | self._told(await self._standing(request)), status_code=409)

    def _token(self, request: Request) -> str:
        return request.cookies.get(self.cookie, "")

    async def _standing(self, request: Request) -> Standing | None:
        return await run_in_threadpool(self.sessions.standing, self._token(request))

    def _told(self, standing: Standing | None) -> dict[str, Any]:
        """Where a session stands, and nothing of what its images are."""
        if standing is None:
            return {"phase": "welcome"}
        if standing.trial is None:
            return {"phase": "done", "code": self.design.completion_code, "url": self.design.completion_url}
        return {
            "phase": "trial",
            "trial": standing.number,
            "numTrials": standing.num_trials,
            "numImages": len(standing.trial.files),
            "isPractice": standing.trial.part == "practice",
            "isShown": standing.begun is not None and self.design.exposure_ms is not None,
            "waitMs": 1000 * self.sessions.wait_s(standing),
        }


def _duration(milliseconds: int | None) -> str:
    """As the page says it; empty for no end."""
    if milliseconds is None:
        return ""
    return "one second" if milliseconds == 1000 else f"{milliseconds / 1000:g} seconds"


def _feedback(trial: Trial, choice: int) -> Mapping[str, Any] | None:
    """After practice: whether it was right, and which one is the fake."""
    if trial.part != "practice":
        return None
    return {"isRight": trial.choices[choice] == 0, "fake": trial.choices.index(0)}


@cache
def _template() -> Any:
    environment = Environment(loader=PackageLoader("trainer.study", "page"), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("study.html")


def serve(sessions: Sessions, listener: socket.socket) -> None:
    """Answer requests until SIGINT or SIGTERM; those that are under way are answered first."""
    serve_app(study_app(sessions), listener)
