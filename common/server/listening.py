"""A socket that listens, and a server on it until Ctrl-C: what `serve` and `demo` share."""

import errno
import signal
import socket
import types

import uvicorn

from common.errors import UserError

GRACE_SECONDS = 30
_BACKLOG = 128


def url_of(host: str, port: int) -> str:
    """Returns what a person on this machine types into a browser."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{reachable}]' if ':' in reachable else reachable}:{port}"


class _Server(uvicorn.Server):
    """Has handlers for the signals that uvicorn raises again after it has stopped.

    Without them the signal would kill the process then, and its exit code would be that of a crash.
    """

    def stop(self, signal_number: int, frame: types.FrameType | None) -> None:
        """Handles a signal before uvicorn takes over, and once more after it has stopped."""
        self.should_exit = True


def run_until_signalled(application: object, listener: socket.socket, grace: int = GRACE_SECONDS) -> None:
    """Answers requests until SIGINT or SIGTERM, finishes those under way, and returns.

    Args:
        application: An ASGI application.
        listener: A socket that listens.
        grace: Seconds that requests under way may take before they are cut off.
    """
    config = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=grace,
        server_header=False,
    )
    server = _Server(config)
    previous = {number: signal.signal(number, server.stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def bind(host: str, port: int) -> socket.socket:
    """Returns a socket with an address, on which nobody can connect yet.

    Raises:
        UserError: If this machine has no such address, or it is taken.
    """
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


def listen(listener: socket.socket, host: str, port: int) -> None:
    """Lets others connect to a socket of `bind`.

    Raises:
        UserError: If another program took the address in the meantime.
    """
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
