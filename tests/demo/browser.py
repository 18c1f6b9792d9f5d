"""The browser that the page is tried in, and the page in a thread of the test."""

import contextlib
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.server.listening import bind, listen

VARIABLE = "UNROLL_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
HOW = f"there is no browser for the tests of the page: run make setup-browser, install chromium, or name one by {VARIABLE}"
PATIENCE = 240_000  # milliseconds for an answer; a machine may be busy
TABPANEL = "[role=tabpanel]:visible"


def find_browser(playwright_path: str | None = None) -> str | None:
    """The path of a Chromium: that of the environment, Playwright's own, or one on the PATH; None without any."""
    named = os.environ.get(VARIABLE)
    if named:
        return named
    if playwright_path and Path(playwright_path).is_file():
        return playwright_path
    return next((path for path in map(shutil.which, NAMES) if path), None)


@contextlib.contextmanager
def open_browser() -> Iterator[object]:
    """A headless Chromium of Playwright; skips the test where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: run make setup")
    with sync_api.sync_playwright() as playwright:
        found = find_browser(playwright.chromium.executable_path)
        launch = {"executable_path": found} if found else {}
        try:
            # In a container there is no other sandbox to start; the page is our own.
            browser = playwright.chromium.launch(args=["--no-sandbox"], **launch)
        except sync_api.Error as error:
            # Playwright has two builds of its browser, of which headless tests need the smaller one, at a path of its own.
            if found and os.environ.get(VARIABLE):
                raise
            pytest.skip(f"{HOW} ({str(error).splitlines()[0]})")
        yield browser
        browser.close()


class Visit:
    """A person who looks at the page, and everything that the browser asks for meanwhile.

    Attributes:
        page: The page of Playwright.
        requests: Addresses, in their order.
        errors: Exceptions of scripts in the page.
    """

    def __init__(self, browser, url):
        self.url = url
        self.context = browser.new_context(accept_downloads=True, viewport={"width": 1280, "height": 900})
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.requests, self.errors = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda socket: self.requests.append(socket.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)
        self.page.get_by_role("tab").first.wait_for()

    def tabs(self):
        return [tab.inner_text() for tab in self.page.get_by_role("tab").all()]

    def open(self, name):
        """Clicks on a tab and returns what it shows."""
        self.page.get_by_role("tab", name=name).click()
        return self.page.locator(TABPANEL)

    def complaint(self):
        """The sentence that the page shows about a mistake; it is closed."""
        toast = self.page.get_by_test_id("toast-body").first
        toast.wait_for()
        text = toast.inner_text()
        self.page.get_by_test_id("toast-close").first.click()
        toast.wait_for(state="detached")
        return text

    def foreign(self):
        """What was asked of others than the page's own server."""
        return [url for url in self.requests if not url.startswith((self.url, "data:", "blob:"))]

    def download(self, link):
        """The path of what a link brings."""
        with self.page.expect_download() as found:
            link.click()
        return Path(found.value.path()), found.value.suggested_filename


@contextlib.contextmanager
def served(models, folder: Path, **limits) -> Iterator[SimpleNamespace]:
    """The page of loaded models at `url`, answered by a thread."""
    import uvicorn

    from common.demo.page import import_gradio
    from common.demo.server import make_application
    from common.demo.workspace import Workspace

    import_gradio(folder)
    workspace = Workspace(folder)
    application = make_application(models, workspace, **limits)
    with bind("127.0.0.1", 0) as listener:
        listen(listener, "127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield SimpleNamespace(url=f"http://127.0.0.1:{listener.getsockname()[1]}", workspace=workspace)
        server.should_exit = True
        thread.join()
