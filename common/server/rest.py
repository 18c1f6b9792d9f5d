"""The routes of TensorFlow Serving's REST interface for one loaded model.

`docker run tensorflow/serving` with the same folder answers the same requests with the same bodies; a client
need not know which of the two it talks to. See https://www.tensorflow.org/tfx/serving/api_rest.
"""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request, Response
from google.protobuf import json_format
from starlette.exceptions import HTTPException

from common.errors import UserError
from common.saved_model import DEFAULT_ENDPOINT, SavedModel
from common.server.tensors import RequestError, parse_body, read_inputs, write_outputs
from common.server.workers import TooBusyError, Workers

MAX_BODY_BYTES = 16 * 2**20
MAX_BATCH = 256


def make_app(
    model: SavedModel,
    name: str,
    max_body_bytes: int = MAX_BODY_BYTES,
    max_batch: int = MAX_BATCH,
    workers: Workers | None = None,
) -> FastAPI:
    """Returns the ASGI application that answers for a model.

    Args:
        model: The loaded model.
        name: Its name in the URLs.
        max_body_bytes: Larger bodies are refused with status 413.
        max_batch: Requests with more examples are refused with status 400.
        workers: Threads that ask the model; None = the default number.
    """
    workers = workers or Workers()

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        workers.close()

    # No pages of documentation: they load scripts from a foreign host.
    app = FastAPI(title=name, docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    _add_error_handlers(app)

    def check(requested: str, version: str | None, missing: str, missing_version: str) -> None:
        if ":" in requested:  # GET where only POST is meant
            raise RequestError(f"Malformed request: GET /v1/models/{requested}")
        if requested != name:
            raise RequestError((missing if version is None else missing_version).format(requested, version), 404)
        if version is not None and version != str(model.version):
            if not (version.isascii() and version.isdecimal()):
                raise RequestError(f"Malformed request: version {version!r} is not a number")
            raise RequestError(missing_version.format(requested, version), 404)

    def check_servable(requested: str, version: str | None) -> None:
        servable = "Servable not found for request: "
        check(requested, version, servable + "Latest({})", servable + "Specific({}, {})")

    @app.get("/healthz")
    async def health() -> Response:
        return _json({"status": "ok", "model": name, "version": str(model.version)})

    @app.get("/v1/models/{requested}")
    @app.get("/v1/models/{requested}/versions/{version}")
    async def status(requested: str, version: str | None = None) -> Response:
        check(
            requested,
            version,
            "Could not find any versions of model {}",
            "Could not find version {1} of model {0}",
        )
        state = {
            "version": str(model.version),
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
        return _json({"model_version_status": [state]})

    @app.get("/v1/models/{requested}/metadata")
    @app.get("/v1/models/{requested}/versions/{version}/metadata")
    async def metadata(requested: str, version: str | None = None) -> Response:
        check_servable(requested, version)
        return _json(describe(model, name))

    @app.post("/v1/models/{requested}:predict")
    @app.post("/v1/models/{requested}/versions/{version}:predict")
    async def predict(request: Request, requested: str, version: str | None = None) -> Response:
        check_servable(requested, version)
        body = await read_body(request, max_body_bytes)
        return Response(await workers.run(answer, model, body, max_batch), media_type="application/json")

    @app.post("/v1/models/{requested}:{method}")
    @app.post("/v1/models/{requested}/versions/{version}:{method}")
    async def other(request: Request, requested: str, method: str, version: str | None = None) -> Response:
        if method not in ("classify", "regress"):
            raise RequestError(f"Malformed request: POST {request.url.path}")
        check_servable(requested, version)
        # These two wrap their inputs in tf.Example messages, and the graph must parse them. What JSON can say
        # needs no such wrapping.
        raise RequestError(
            f"Expected a signature with method_name tensorflow/serving/{method}, which takes tf.Example "
            f'messages; the signatures of {name} take their inputs directly: POST {{"instances": [...]}} to '
            f"/v1/models/{name}:predict"
        )

    return app


async def read_body(request: Request, limit: int) -> bytes:
    """Returns the body of a request, reading no more than `limit` bytes of it.

    Raises:
        RequestError: With status 413, if it is larger.
    """
    too_large = RequestError(f"the body is larger than {limit} bytes", 413)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():  # a chunked body announces no length
        body += chunk
        if len(body) > limit:
            raise too_large
    return bytes(body)


def answer(model: SavedModel, body: bytes, max_batch: int) -> bytes:
    """Returns the body of the answer to a predict request; runs in a worker thread.

    Raises:
        RequestError: If the request cannot be answered.
        UserError: If the model refuses its values.
    """
    document = parse_body(body)
    endpoint = document.get("signature_name", DEFAULT_ENDPOINT)
    if not isinstance(endpoint, str):
        raise RequestError("'signature_name' key must be a string value.")
    endpoint = endpoint or DEFAULT_ENDPOINT
    if endpoint not in model.signatures:
        known = ", ".join(sorted(model.signatures))
        raise RequestError(f'Serving signature name: "{endpoint}" not found in signature def; there is {known}')
    form, arrays = read_inputs(document, model.signatures[endpoint].inputs, max_batch)
    outputs = model.run(endpoint, arrays)
    # NaN and Infinity are written as such, which TensorFlow Serving does, too.
    return json.dumps(write_outputs(form, outputs), ensure_ascii=False).encode("utf-8")


def describe(model: SavedModel, name: str) -> dict[str, Any]:
    """Returns the body of the metadata answer."""
    signatures = {
        key: json_format.MessageToDict(
            signature, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        for key, signature in model.signature_defs.items()
    }
    return {
        "model_spec": {"name": name, "signature_name": "", "version": str(model.version)},
        "metadata": {"signature_def": {"signature_def": signatures}},
    }


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(RequestError)
    async def refused(_: Request, error: RequestError) -> Response:
        # After a body that was not read to its end the connection is of no further use.
        return _error(error.status, str(error), {"Connection": "close"} if error.status == 413 else {})

    @app.exception_handler(TooBusyError)
    async def busy(_: Request, error: TooBusyError) -> Response:
        return _error(503, str(error), {"Retry-After": "1"})

    @app.exception_handler(UserError)
    async def mistaken(_: Request, error: UserError) -> Response:
        return _error(400, str(error))

    @app.exception_handler(HTTPException)
    async def not_routed(request: Request, error: HTTPException) -> Response:
        if request.url.path.startswith("/v1/") and error.status_code in (404, 405):
            return _error(400, f"Malformed request: {request.method} {request.url.path}")
        return _error(error.status_code, f"{error.detail}: {request.method} {request.url.path}")

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> Response:  # uvicorn writes the traceback
        return _error(500, f"internal error: {type(error).__name__}")


def _json(value: Any) -> Response:
    return Response(json.dumps(value, indent=1, ensure_ascii=False) + "\n", media_type="application/json")


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    body = json.dumps({"error": message}, ensure_ascii=True)
    return Response(body, status_code=status, media_type="application/json", headers=headers)
