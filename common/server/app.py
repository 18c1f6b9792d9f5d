"""The verb `serve`: loads a model, warms it up, answers until it is told to stop."""

import json
import os
import shlex

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
from common.server.listening import bind, listen, run_until_signalled, url_of
from common.server.rest import MAX_BATCH, MAX_BODY_BYTES, make_app
from common.server.tensors import ROW, RequestError, read_inputs

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
    with bind(host, port) as listener:
        loaded = load(version, app)
        warm_up(loaded)
        # Only now, so that nobody connects to a server that cannot answer yet.
        listen(listener, host, port)
        _announce(console, loaded, name, host, listener.getsockname()[1])
        run_until_signalled(make_app(loaded, name, max_body_bytes, max_batch), listener)
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


def _announce(console: Console, model: SavedModel, name: str, host: str, port: int) -> None:
    url = url_of(host, port)
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
