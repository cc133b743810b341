"""The demo as a web application: one page, and three requests that it makes. Nothing that is sent is kept."""

from asyncio import Semaphore
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from trainer.config.errors import ConfigError
from trainer.demo.service import MOST_BYTES, Asked, DemoService, UnfitError
from trainer.study.requests import WithHeaders, failed

PAGE = Path(__file__).parent / "page"
_FILES = {
    "": ("demo.html", "text/html"),
    "demo.css": ("demo.css", "text/css"),
    "demo.js": ("demo.js", "text/javascript"),
}
_MOST_WAITING = 8
"""Pictures that are here at a time: one is computed, the others take up memory."""
_MOST_KEPT = 16


def demo_app(service: DemoService, *, hosts: tuple[str, ...] = ("*",)) -> Starlette:
    """The application.

    Args:
        hosts: names by which browsers may ask; of a page on this machine alone no others, which a stranger's site could
            let point here.
    """
    routes = [
        Route("/api/facts", partial(_facts, service)),
        Route("/api/example/{number:int}", partial(_example, service)),
        Route("/api/translate", partial(_translate, service, Semaphore(_MOST_WAITING)), methods=["POST"]),
        Route("/", _file),
        Route("/{name:str}", _file),
    ]
    handlers: dict[Any, Any] = {UnfitError: _unfit, ConfigError: _unfit, HTTPException: failed}
    middleware = [Middleware(TrustedHostMiddleware, allowed_hosts=[*hosts]), Middleware(WithHeaders)]
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)


async def _file(request: Request) -> Response:
    name = request.path_params.get("name", "")
    if name not in _FILES:
        raise HTTPException(404, "There is nothing here.")
    file, kind = _FILES[name]
    return FileResponse(PAGE / file, media_type=kind)


async def _facts(service: DemoService, _: Request) -> Response:
    return JSONResponse(await run_in_threadpool(service.facts))


async def _example(service: DemoService, request: Request) -> Response:
    asked, number = _asked(request), request.path_params["number"]
    return Response(await run_in_threadpool(service.example, number, asked.direction), media_type="image/png")


async def _translate(service: DemoService, waiting: Semaphore, request: Request) -> Response:
    # A stranger's site can send no such type without asking first, which is answered with no.
    if request.headers.get("content-type", "") != "image/png":
        raise HTTPException(415, "Send image/png.")
    if waiting.locked():
        raise HTTPException(503, "Others are being served; try again.")
    async with waiting:
        asked, first = _asked(request), _number(request, "first", 0)
        content = bytearray()
        async for chunk in request.stream():
            content += chunk
            if len(content) > MOST_BYTES:
                raise HTTPException(413, f"Send at most {MOST_BYTES} bytes.")
        if first:  # the bytes of the first of two pictures
            two = bytes(content[:first]), bytes(content[first:])
            made = await run_in_threadpool(service.between, *two, asked)
        else:
            made = await run_in_threadpool(service.translate, bytes(content), asked)
    return Response(made, media_type="image/png")


def _asked(request: Request) -> Asked:
    direction = request.query_params.get("direction", "a2b")
    if direction not in ("a2b", "b2a"):
        raise HTTPException(422, "direction is a2b or b2a.")
    kept = [text for text in request.query_params.get("kept", "").split(",") if text]
    if len(kept) > _MOST_KEPT or not all(map(_is_number, kept)):
        raise HTTPException(422, "kept are numbers with commas between them.")
    return Asked(
        direction=direction,
        label=_number(request, "label", 0),
        seed=_number(request, "seed", 0),
        weight=_number(request, "weight", 50),
        kept=tuple(map(int, kept)),
    )


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not _is_number(text):
        raise HTTPException(422, f"{name} is a number of at most nine digits.")
    return int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 10


async def _unfit(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=422)
