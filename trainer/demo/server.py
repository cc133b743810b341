"""The demo as a web application: one page, and three requests that it makes. Nothing that is sent is kept."""

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

from trainer.demo.service import MOST_BYTES, Asked, DemoService, UnfitError
from trainer.study.requests import WithHeaders, failed

PAGE = Path(__file__).parent / "page"
_FILES = {
    "": ("demo.html", "text/html"),
    "demo.css": ("demo.css", "text/css"),
    "demo.js": ("demo.js", "text/javascript"),
}


def demo_app(service: DemoService, *, hosts: tuple[str, ...] = ("*",)) -> Starlette:
    """The application.

    Args:
        hosts: names by which browsers may ask; of a page on this machine alone no others, which a stranger's site could
            let point here.
    """
    routes = [
        Route("/api/facts", partial(_facts, service)),
        Route("/api/example/{number:int}", partial(_example, service)),
        Route("/api/translate", partial(_translate, service), methods=["POST"]),
        Route("/", _file),
        Route("/{name:str}", _file),
    ]
    handlers: dict[Any, Any] = {UnfitError: _unfit, HTTPException: failed}
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


async def _translate(service: DemoService, request: Request) -> Response:
    # A stranger's site can send no such type without asking first, which is answered with no.
    if request.headers.get("content-type", "") != "image/png":
        raise HTTPException(415, "Send image/png.")
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MOST_BYTES:
            raise HTTPException(413, f"Send at most {MOST_BYTES} bytes.")
    made = await run_in_threadpool(service.translate, bytes(content), _asked(request))
    return Response(made, media_type="image/png")


def _asked(request: Request) -> Asked:
    values = request.query_params
    numbers = {name: values.get(name, "0") for name in ("label", "seed")}
    direction = values.get("direction", "a2b")
    if direction not in ("a2b", "b2a") or not all(text.isdecimal() and len(text) < 10 for text in numbers.values()):
        raise HTTPException(422, "direction is a2b or b2a, label and seed are numbers.")
    return Asked(direction=direction, **{name: int(text) for name, text in numbers.items()})


async def _unfit(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=422)
