"""The page as a person uses it, in headless Chromium, with models that answer at once. If these fail, a tab is dead, a mistake is
a riddle, or the page asks somebody else for something."""

import importlib

import pytest

from common.demo.models import ModelOfTab, load_for_tab
from tests.demo import stand_ins
from tests.demo.browser import Visit, open_browser, served

pytest.importorskip("gradio", reason="Gradio is not installed: run make setup")


@pytest.fixture(scope="module")
def browser():
    with open_browser() as found:
        yield found


@pytest.fixture(scope="module")
def site(tmp_path_factory, browser):
    """The page of two models that answer, one that is missing and one that is damaged."""
    folder = tmp_path_factory.mktemp("demo")
    models = [
        ModelOfTab(app, importlib.import_module(f"apps.{app}.demo"), getattr(stand_ins, app)())
        for app in ("sentiment", "forecasting")
    ]
    damaged = folder / "music" / "1"
    (damaged / "assets.extra").mkdir(parents=True)
    (damaged / "saved_model.pb").write_bytes(b"no model")
    (damaged / "assets.extra" / "unroll.json").write_text("{")
    models += [
        load_for_tab("music", "apps.music", folder / "music"),
        load_for_tab("translation", "apps.translation", folder / "translation"),
    ]
    uploads = folder / "uploads"
    uploads.mkdir()
    with served(models, uploads, max_upload_bytes=2**20) as page:
        yield page


@pytest.fixture(scope="module")
def visit(browser, site):
    visit = Visit(browser, site.url)
    yield visit
    visit.context.close()


def test_a_text_gets_its_label_and_the_words_that_spoke_for_it(visit):
    pane = visit.open("Sentiment")
    pane.get_by_label("text").fill("the best <b>film</b>")
    pane.get_by_role("button", name="Classify").click()
    pane.locator(".unroll-words span").nth(2).wait_for()
    words = pane.locator(".unroll-words > span")
    assert [word.inner_text() for word in words.all()] == ["the", "best", "<b>film</b>"]
    assert words.nth(1).get_attribute("title") == "+0.500"
    assert "positive" in pane.inner_text() and "75%" in pane.inner_text()


def test_an_example_is_one_click_away(visit):
    pane = visit.open("Sentiment")
    pane.get_by_role("button", name="Two hours I will never get back.").click()
    pane.locator(".unroll-words").get_by_text("hours").wait_for()
    assert pane.get_by_label("text").input_value() == "Two hours I will never get back."


def test_an_empty_text_is_one_sentence(visit):
    pane = visit.open("Sentiment")
    pane.get_by_label("text").fill("  ")
    pane.get_by_role("button", name="Classify").click()
    assert "There is no text yet; type a text, or choose an example" in visit.complaint()
    pane.locator(".unroll-words").wait_for(state="detached")  # of the answer before, which was not to this text


def test_a_table_without_a_column_and_one_that_is_right(visit, tmp_path):
    pane = visit.open("Forecasting")
    wrong, right = tmp_path / "wrong.csv", tmp_path / "right.csv"
    rows = "".join(f"2024-01-01 {hour:02d}:00,{hour},{hour}\n" for hour in range(10))
    wrong.write_text(f"ds,load,rain\n{rows}")
    right.write_text(f"ds,load,wind\n{rows}")
    pane.locator("input[type=file]").first.set_input_files(wrong)
    pane.get_by_text("wrong").wait_for()
    pane.get_by_role("button", name="Forecast", exact=True).click()
    complaint = visit.complaint()
    assert "wrong.csv has no column 'wind'" in complaint
    assert str(tmp_path) not in complaint and "unroll" not in complaint
    pane.get_by_label("Remove").or_(pane.get_by_label("Clear")).first.click()
    pane.locator("input[type=file]").first.set_input_files(right)
    pane.get_by_text("right").wait_for()
    pane.get_by_role("button", name="Forecast", exact=True).click()
    pane.locator("img").first.wait_for()
    path, name = visit.download(pane.locator("a[download$='.csv']").last)
    assert name == "forecast.csv"
    assert path.read_text().splitlines()[1].startswith("2024-01-01 10:00:00,9.0,8.0,9.0,10.0")


def test_a_file_above_the_limit_is_one_sentence(visit, tmp_path):
    visit.page.reload()
    pane = visit.open("Forecasting")
    large = tmp_path / "large.csv"
    large.write_bytes(b"0" * (2**20 + 1))
    pane.locator("input[type=file]").first.set_input_files(large)
    assert "maximum allowed size of 1" in visit.complaint()


def test_a_model_that_is_missing_or_damaged_says_so_in_its_tab(visit):
    pane = visit.open("Translation")
    text = pane.inner_text()
    assert "There is no exported model" in text and "make train APP=translation" in text.replace("\n", "")
    pane = visit.open("Music")
    text = pane.inner_text()
    assert "unroll.json cannot be read" in text and "export the run again" in text
    assert "Traceback" not in text


def test_nobody_else_is_asked_for_anything(visit):
    """The last of this file: it looks at all requests of the tests before it."""
    assert visit.tabs() == ["Sentiment", "Forecasting", "Music", "Translation"]
    assert len(visit.requests) > 20
    assert visit.foreign() == []
    assert visit.errors == []
