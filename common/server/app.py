"""The verb `serve`: loads a model, warms it up, answers until it is told to stop."""

import errno
import json
import os
import shlex
import signal
import socket
import types

import uvicorn

from common.console import Console, get_console
from common.errors import UserError
from common.saved_model import (
    DEFAULT_ENDPOINT,
    EXAMPLE_FILE,
    SavedModel,
    Signature,
    load,
    read_metadata,
    resolve_model,
)
from common.server.rest import MAX_BATCH, MAX_BODY_BYTES, make_app
from common.server.tensors import ROW, RequestError, read_inputs

_GRACE_SECONDS = 30
_BACKLOG = 128
_LONGEST_BODY = 200  # characters of a request that a person still reads


def serve(
    app: str | None,
    model: str | os.PathLike[str],
    host: str = "127.0.0.1",
    port: int = 8501,
    max_body_bytes: int = MAX_BODY_BYTES,
    max_batch: int = MAX_BATCH,
    console: Console | None = None,
) -> None:
    """Serves a model until SIGTERM or Ctrl-C, then finishes the requests under way and returns.

    Args:
        app: The application the model must belong to, and its name in the URLs; None = any.
        model: A model's directory, meaning its newest version, or a version directory.
        host: The address to listen on.
        port: The port; 0 = any free one, which is printed.
        max_body_bytes: Larger bodies are refused with status 413.
        max_batch: Requests with more examples are refused with status 400.
        console: Where to write; None = the console of the running verb.

    Raises:
        UserError: If the model cannot be used, or the address cannot be listened on.
    """
    console = console or get_console()
    version = resolve_model(model)
    name = read_metadata(version, app).get("app") or app or version.resolve().parent.name
    with _bind(host, port) as listener:
        loaded = load(version, app)
        warm_up(loaded)
        # Only now, so that nobody connects to a server that cannot answer yet.
        _listen(listener, host, port)
        _announce(console, loaded, name, host, listener.getsockname()[1])
        _run_until_signalled(make_app(loaded, name, max_body_bytes, max_batch), listener)
    console.line("Stopped.")


def warm_up(model: SavedModel) -> None:
    """Asks every endpoint once: the first answer takes ten times as long as those after it.

    With the example that the export left, as far as an endpoint takes its inputs; without one, with a text.

    Raises:
        UserError: If the example is not one of this model.
    """
    example = model.example()
    for endpoint, signature in model.signatures.items():
        try:
            if example is not None and set(signature.inputs) <= set(example):
                row = {name: example[name] for name in signature.inputs}
                model.run(endpoint, read_inputs({ROW: [row]}, signature.inputs, 1)[1])
            elif example is None and _takes_texts(signature):
                model.call(endpoint, ["warm up"])
        except (RequestError, UserError) as error:
            if example is None:  # a model of others may take strings that are no texts; its first answer is slow
                continue
            raise UserError(f"the example of {model.path} does not fit it ({error}); export the run again") from error


def _takes_texts(signature: Signature) -> bool:
    return [info.dtype for info in signature.inputs.values()] == [7]  # DT_STRING


class _Server(uvicorn.Server):
    """Has handlers for the signals that uvicorn raises again after it has stopped.

    Without them the signal would kill the process then, and its exit code would be that of a crash.
    """

    def stop(self, signal_number: int, frame: types.FrameType | None) -> None:
        """Handles a signal before uvicorn takes over, and once more after it has stopped."""
        self.should_exit = True


def _run_until_signalled(application: object, listener: socket.socket) -> None:
    config = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
    )
    server = _Server(config)
    previous = {number: signal.signal(number, server.stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _bind(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:  # the system takes the remainder and listens somewhere else
        raise UserError(f"cannot listen on port {port}; expected 1 to 65535, or 0 for any free one")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise UserError(f"cannot listen on {host!r}, port {port}: {error}; give an address of this machine") from error
    listener = socket.socket(family, kind, protocol)
    try:
        # A server that was just stopped leaves its port waiting for a minute.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise UserError(_address_sentence(error, host, port)) from error
    return listener


def _listen(listener: socket.socket, host: str, port: int) -> None:
    try:
        listener.listen(_BACKLOG)
    except OSError as error:  # with SO_REUSEADDR the second of two servers started at once learns it here
        raise UserError(_address_sentence(error, host, port)) from error


def _address_sentence(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} of {host} is in use; choose another with --port (0 = any free one)"
    if error.errno == errno.EACCES:
        return f"port {port} needs rights this user does not have; choose one above 1023 with --port"
    return f"cannot listen on {host!r}, port {port}: {error.strerror or error}"


def _announce(console: Console, model: SavedModel, name: str, host: str, port: int) -> None:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    url = f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"
    endpoint = f"{url}/v1/models/{name}"
    console.line(f"Serving {name}, version {model.version}, on {url} (Ctrl-C stops)")
    body = _example_body(model)
    if body is not None:
        console.line(f"  curl -d {shlex.quote(body)} {endpoint}:predict")
    console.line(f"  curl {endpoint}/metadata    # endpoints: {', '.join(sorted(model.signatures))}")


def _example_body(model: SavedModel) -> str | None:
    """Returns what `curl -d` takes to ask the model: a request, or a file of one; None if nothing is known of it."""
    example = model.example()
    if example is None:
        signature = model.signatures.get(DEFAULT_ENDPOINT)
        return json.dumps({ROW: ["a text", "another text"]}) if signature and _takes_texts(signature) else None
    body = json.dumps({ROW: [example]})
    return body if len(body) <= _LONGEST_BODY else f"@{model.path / EXAMPLE_FILE}"
