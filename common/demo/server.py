"""The verb `demo`: loads models, builds the page, answers on this machine until Ctrl-C."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.console import Console, get_console
from common.demo.guard import Guard
from common.demo.models import ModelOfTab, load_for_tab
from common.demo.page import build_page, import_gradio, mounted
from common.demo.workspace import MAX_UPLOAD_BYTES, Workspace
from common.errors import UserError
from common.native_log import hold_back_native_log
from common.server.listening import bind, listen, run_until_signalled, url_of

PORT = 7860
_GRACE_SECONDS = 1  # a browser that looks at the page keeps connections open for ever


def serve_models(
    models: Sequence[tuple[str, str, str | os.PathLike[str]]],
    host: str = "127.0.0.1",
    port: int = PORT,
    max_upload_bytes: int = MAX_UPLOAD_BYTES,
    strict: bool = False,
    console: Console | None = None,
) -> None:
    """Shows models in the browser until SIGTERM or Ctrl-C.

    Args:
        models: Of each the name of the application, its package, and the model's directory.
        host: The address to listen on.
        port: The port; 0 = any free one, which is printed.
        max_upload_bytes: Larger files are refused.
        strict: Whether a model that cannot be used ends it, instead of being explained in its tab.
        console: Where to write; None = the console of the running verb.

    Raises:
        UserError: If Gradio is not installed, the address cannot be listened on, or with `strict` a model cannot be used.
    """
    console = console or get_console()
    with bind(host, port) as listener, tempfile.TemporaryDirectory(prefix="unroll-demo-") as temporary:
        folder = Path(temporary).resolve()  # what Gradio calls uploads is compared with it
        with hold_back_native_log():
            import_gradio(folder)
        loaded = [_load(console, *each, strict) for each in models]
        workspace = Workspace(folder)
        application = make_application(loaded, workspace, host, max_upload_bytes)
        listen(listener, host, port)
        console.line(f"The page is {url_of(host, listener.getsockname()[1])} (Ctrl-C stops)")
        run_until_signalled(application, listener, _GRACE_SECONDS)
    console.line("Stopped.")


def make_application(
    models: Sequence[ModelOfTab],
    workspace: Workspace,
    host: str = "127.0.0.1",
    max_upload_bytes: int = MAX_UPLOAD_BYTES,
) -> Any:
    """Returns the ASGI application of the page; see `serve_models`."""
    import fastapi

    application = fastapi.FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    mounted(build_page(models, workspace), application, max_upload_bytes)
    return Guard(application, host, max_upload_bytes)


def _load(console: Console, app: str, package: str, model_dir: str | os.PathLike[str], strict: bool) -> ModelOfTab:
    found = load_for_tab(app, package, Path(model_dir))
    if strict and found.model is None:
        raise UserError(found.problem.rstrip("."))
    if found.model is None:
        console.line(f"  {app}: {found.problem}")
    else:
        console.line(f"  {app}: {found.model.path}")
    return found
