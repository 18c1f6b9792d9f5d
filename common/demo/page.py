"""The page: a tab for each application, with its model or with what to do about a model that is missing.

Gradio is imported by `import_gradio` alone, after its telemetry was turned off.
"""

import html
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from common.demo.markup import STYLE, notes
from common.demo.models import ModelOfTab
from common.demo.workspace import Workspace
from common.errors import UserError

TITLE = "Unroll"
_OLD = 2 * 3600  # seconds after which uploads and answers are removed
_EVERY = 600  # seconds
_AT_ONCE = 2  # answers to the same button
_WAITING = 32  # at most


def import_gradio(folder: str | os.PathLike[str] | None = None) -> ModuleType:
    """Returns the module `gradio`, which sends nothing to anybody.

    Args:
        folder: Where it keeps uploads; it reads this once, for each component.

    Raises:
        UserError: If it is not installed.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # neither numbers of use nor a look for newer versions
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_OFFLINE"] = "1"
    if folder is not None:
        os.environ["GRADIO_TEMP_DIR"] = str(folder)
    try:
        import gradio
    except ModuleNotFoundError as error:
        if error.name != "gradio":
            raise
        raise UserError(
            "the page needs Gradio, which is not installed in this environment; run make setup, or pip install -e '.[demo]'"
        ) from error
    return gradio


def build_page(models: Sequence[ModelOfTab], workspace: Workspace) -> Any:
    """Returns the `gradio.Blocks` of the page.

    Args:
        models: In the order of the tabs, at least one.
        workspace: What the tabs share.
    """
    gradio = import_gradio(workspace.folder)
    page = gradio.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(_EVERY, _OLD))
    with page:
        gradio.Markdown(f"# {TITLE}")
        with gradio.Tabs():
            for each in models:
                with gradio.Tab(_title(each), id=each.app):
                    _fill(gradio, each, workspace)
    return page.queue(max_size=_WAITING, default_concurrency_limit=_AT_ONCE)


def mounted(page: Any, application: Any, max_upload_bytes: int) -> Any:
    """Returns the ASGI application with the page at its root."""
    gradio = import_gradio()
    fonts = ["system-ui", "sans-serif"], ["ui-monospace", "monospace"]  # of the system: none is fetched
    return gradio.mount_gradio_app(
        application,
        page,
        path="/",
        theme=gradio.themes.Default(primary_hue="blue", font=fonts[0], font_mono=fonts[1]),
        css=STYLE,
        footer_links=[],
        run_history=False,
        max_file_size=max_upload_bytes,
        show_error=False,  # a bug's own words are for the terminal
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
    )


def picture_of(what: str) -> Any:
    """Returns an output for the path of a picture; without the button that would send it to a foreign host."""
    import gradio

    # A label would lie over the picture.
    return gradio.Image(
        label=what, show_label=False, type="filepath", interactive=False, buttons=["download", "fullscreen"]
    )


def answer_on(events: Sequence[Any], answer: Callable[..., Any], inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
    """Lets each event, e.g. the click of a button, fill the outputs; after a mistake nothing of the answer before stays."""
    for event in events:
        event(answer, inputs, outputs).failure(lambda: [None] * len(outputs), None, outputs)


def example_files(workspace: Workspace, contents: dict[str, bytes | str]) -> list[Path]:
    """Writes inputs that a person can try with one click; returns their paths in the order of the names."""
    folder = workspace.new_folder()
    for name, content in contents.items():
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return [folder / name for name in contents]


def _title(model: ModelOfTab) -> str:
    return getattr(model.module, "TITLE", model.app.replace("_", " ").capitalize())


def _fill(gradio: ModuleType, each: ModelOfTab, workspace: Workspace) -> None:
    if each.model is None or each.module is None:
        _notice(gradio, each.problem, each.commands)
        return
    try:
        gradio.HTML(f'<p class="unroll-model">{html.escape(str(each.model.path))}</p>')
        each.module.build_tab(each.model, workspace)
    except UserError as error:
        _notice(gradio, f"{workspace.sentence(error)}.", ())


def _notice(gradio: ModuleType, problem: str, commands: Sequence[str]) -> None:
    """What stands in the tab of a model that cannot be used."""
    with gradio.Column(elem_classes="unroll-notice"):
        gradio.HTML(notes([problem]))
        if commands:
            full, *quick = commands
            gradio.Markdown("This command makes one:")
            gradio.Code(full, language="shell", show_label=False, interactive=False, lines=1)
            for command in quick:
                gradio.Markdown("or, in less than a minute, one that is no good but shows the whole way:")
                gradio.Code(command, language="shell", show_label=False, interactive=False, lines=1)
            gradio.Markdown("Then stop this program with Ctrl-C and start it again.")
