"""Requests of a study's page, checked, and what all answers to them have in common."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import ValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sharding.storage.typed import Limits, adapter_of

_LARGEST = 4096
"""Bytes of a request: an answer has about 150."""
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
}

_Small = Annotated[int, Limits(ge=0, le=10**6)]
_Milliseconds = Annotated[float, Limits(ge=0, le=1e9)]
_Id = Annotated[str, Limits(max_length=200)]


@dataclass(frozen=True, kw_only=True)
class Start:
    """What the page sends to begin."""

    ids: dict[Annotated[str, Limits(pattern=r"\A(PROLIFIC_PID|STUDY_ID|SESSION_ID)\z")], _Id]


@dataclass(frozen=True, kw_only=True)
class Begin:
    """What it sends before it shows images."""

    trial: _Small
    page: Annotated[str, Limits(min_length=8, max_length=64)]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What it sends of an answer."""

    trial: _Small
    choice: _Small
    exposures_ms: Annotated[list[_Milliseconds], Limits(max_length=3)]
    seconds: Annotated[float, Limits(ge=0, le=1e7)]


class WithHeaders:
    """Every answer forbids what the page does not need, and to be kept anywhere."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self.app(scope, receive, send_with)


async def failed(_: Request, error: Exception) -> Response:
    """What a request that cannot be answered is told."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


async def read_body(request: Request, kind: type[Any]) -> Any:
    """A small JSON object as `kind` says. Raises HTTPException."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, "Send application/json.")
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > _LARGEST:
            raise HTTPException(413, f"Send at most {_LARGEST} bytes.")
    try:
        return adapter_of(kind).validate_json(content, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise HTTPException(422, f"{where or 'all of it'}: {first['msg']}") from error
