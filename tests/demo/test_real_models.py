"""`python -m apps demo` with models that were trained a little, each tab used as a person would. If these fail, what was trained cannot
be shown, or the page cannot be stopped."""

import re
import signal
import subprocess
import sys
import wave

import pytest
from PIL import Image

from tests.command_line import REPOSITORY, SECONDS, environment
from tests.demo.browser import Visit, open_browser

pytest.importorskip("gradio", reason="Gradio is not installed: run make setup")
pytestmark = pytest.mark.slow

# What makes a training short; the models are worth nothing.
TRAININGS = {
    "sentiment": ("--data.limit", "400"),
    "forecasting": (),
    "translation": ("--data.limit", "150"),
    "music": ("--data.limit", "8"),
    "captioning": ("--data.limit", "40"),
}


@pytest.fixture(scope="module")
def browser():
    with open_browser() as found:
        yield found


@pytest.fixture(scope="module")
def saved_models(tmp_path_factory, browser):
    """A tiny model of each application, trained by nearly the commands that the tab of a missing one shows."""
    folder = tmp_path_factory.mktemp("trained")
    for app, options in TRAININGS.items():
        command = [sys.executable, "-m", f"apps.{app}", "train", "--preset", "tiny", *options]
        command += ["--runs", str(folder / "runs"), "--saved_models", str(folder / "models")]
        done = subprocess.run(
            command, cwd=REPOSITORY, env=environment(), capture_output=True, text=True, timeout=SECONDS
        )
        assert done.returncode == 0, done.stderr[-2000:]
    return folder / "models"


@pytest.fixture(scope="module")
def temporary(tmp_path_factory):
    return tmp_path_factory.mktemp("temporary")


@pytest.fixture(scope="module")
def site(saved_models, temporary):
    """The address of the page, and its process."""
    command = [sys.executable, "-m", "apps", "demo", "--saved_models", str(saved_models), "--port", "0"]
    env = environment(TMPDIR=str(temporary), PYTHONUNBUFFERED="1")
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            found = re.search(r"The page is (http://127\.0\.0\.1:\d+)", line)
            if found:
                break
        else:
            pytest.fail("".join(lines) + process.stderr.read())
        yield found[1], process
        if process.poll() is None:
            process.kill()


@pytest.fixture(scope="module")
def visit(browser, site):
    return Visit(browser, site[0])


def kept(visit, pane, ending):
    return visit.download(pane.locator(f"a[download$='.{ending}']").last)


def test_every_application_has_its_tab(visit):
    assert visit.tabs() == ["Captioning", "Forecasting", "Music", "Sentiment", "Translation"]


def test_sentiment(visit):
    pane = visit.open("Sentiment")
    pane.get_by_label("text").fill("Two hours I will never get back.")
    pane.get_by_role("button", name="Classify").click()
    pane.locator(".unroll-words").get_by_text("hours").wait_for()
    numbers = [float(cell.inner_text()) for cell in pane.locator("td.number").all()]
    assert numbers[-1] == pytest.approx(sum(numbers[:-1]), abs=0.01)


def test_translation(visit):
    pane = visit.open("Translation")
    pane.get_by_role("button", name="in 3 weeks").click()
    pane.locator(".unroll-table tbody tr").nth(2).wait_for()
    assert pane.locator(".unroll-table tbody tr").count() == 3
    pane.get_by_label("sentence").fill("")
    pane.get_by_role("button", name="Translate").click()
    assert "type a sentence" in visit.complaint()


def test_captioning(visit, tmp_path):
    pane = visit.open("Captioning")
    picture = tmp_path / "mine.png"
    Image.new("RGB", (300, 200), "purple").save(picture)
    pane.locator("input[type=file]").first.set_input_files(picture)
    pane.locator("img[src*=mine]").first.wait_for()
    pane.get_by_role("button", name="Caption", exact=True).click()
    pane.locator(".unroll-table tbody tr").first.wait_for()
    wrong = tmp_path / "wrong.png"
    wrong.write_text("a shopping list\n")
    pane.get_by_label("Remove").or_(pane.get_by_label("Clear")).first.click()
    pane.locator("input[type=file]").first.set_input_files(wrong)
    pane.locator("img[src*=wrong]").first.wait_for(state="attached")
    pane.get_by_role("button", name="Caption", exact=True).click()
    assert "wrong.png is text, not a picture" in visit.complaint()


def test_forecasting(visit):
    pane = visit.open("Forecasting")
    pane.get_by_role("button", name=re.compile(r"\.csv")).first.click()
    pane.locator("a[download$='forecast.csv']").first.wait_for()
    path, name = kept(visit, pane, "csv")
    assert name == "forecast.csv" and len(path.read_text().splitlines()) > 2


def test_music(visit, tmp_path):
    pane = visit.open("Music")
    pane.get_by_role("button", name="Frère Jacques").click()
    pane.locator("a[download$='.musicxml']").first.wait_for()
    assert kept(visit, pane, "mid")[0].read_bytes().startswith(b"MThd")
    assert "score-partwise" in kept(visit, pane, "musicxml")[0].read_text()
    with wave.open(str(kept(visit, pane, "wav")[0])) as sound:
        assert sound.getnframes()
    damaged = tmp_path / "broken.mid"
    damaged.write_bytes(b"MThd and nothing more")
    pane.get_by_label("or its notes").fill("")
    pane.locator("input[type=file]").first.set_input_files(damaged)
    pane.get_by_text("broken").wait_for()
    pane.get_by_role("button", name="Compose", exact=True).click()
    assert "broken.mid cannot be used" in visit.complaint()


def test_two_people_at_a_time_get_their_own_answers(browser, site, visit):
    other = Visit(browser, site[0])
    panes = [each.open("Sentiment") for each in (visit, other)]
    for pane, text in zip(panes, ("first of all", "second to none")):
        pane.get_by_label("text").fill(text)
    for pane in panes:
        pane.get_by_role("button", name="Classify").click()
    for pane, word in zip(panes, ("first", "second")):
        pane.locator(".unroll-words").get_by_text(word, exact=True).wait_for()
    assert other.foreign() == []
    other.context.close()


def test_nobody_else_is_asked_and_ctrl_c_ends_it_and_leaves_nothing(visit, site, temporary):
    """The last of this file: it looks at all requests, and stops the page while a browser still looks at it."""
    assert visit.foreign() == [] and visit.errors == []
    (folder,) = temporary.glob("unroll-demo-*")
    assert any(folder.iterdir())
    process = site[1]
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    assert process.stdout.read().endswith("Stopped.\n")
    assert "Traceback" not in process.stderr.read()
    assert not folder.exists()
