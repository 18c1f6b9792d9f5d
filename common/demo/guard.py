"""Stands before the page: limits of requests, no foreign hosts in, and none out.

An ASGI middleware of its own, because it must not hold back the streams in which Gradio sends its answers.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

_UPLOAD = "/gradio_api/upload"
_MOST_BYTES = 2**20  # of a request that brings no file: a text, and settings
_ENVELOPE = 2**16  # bytes around an uploaded file
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
# A browser that keeps to this asks nobody but this server, whatever a script or a style says.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; object-src 'none'; frame-ancestors 'none'; form-action 'self'"
)

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class _TooLargeError(Exception):
    pass


class Guard:
    """Refuses what is too large (413) or meant for another host (421), and tells the browser to ask nobody else.

    Args:
        application: The ASGI application behind it.
        host: The address that is listened on. On a loopback address only requests for this machine's own names are
            answered: a page of a stranger, whose name was pointed at 127.0.0.1, is not.
        max_upload_bytes: Larger files are refused.
    """

    def __init__(self, application: Any, host: str, max_upload_bytes: int):
        self._application = application
        self._own_names = _LOOPBACK if host in _LOOPBACK else None
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        if self._own_names is not None and _host_of(headers) not in self._own_names:
            await _refuse(send, 421, "this page answers on this machine alone")
            return
        is_upload = scope["path"].startswith(_UPLOAD)
        allowed = self._max_upload_bytes if is_upload else _MOST_BYTES
        limit = allowed + _ENVELOPE if is_upload else allowed
        sentence = f"this is larger than the {allowed:,} bytes that the page takes"
        announced = headers.get(b"content-length", b"")
        if announced.isdigit() and int(announced) > limit:
            await _refuse(send, 413, sentence)
            return
        received, begun = 0, False

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:  # a chunked body announces no length
                raise _TooLargeError
            return message

        async def with_policy(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
            await send(message)

        try:
            await self._application(scope, limited, with_policy)
        except _TooLargeError:
            if not begun:
                await _refuse(send, 413, sentence)


_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)


def _host_of(headers: dict[bytes, bytes]) -> str:
    """The name in the header `Host`, without its port."""
    host = headers.get(b"host", b"").decode("latin-1").lower()
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"detail": sentence, "error": sentence}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
