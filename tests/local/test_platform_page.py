"""The status page in a real Chromium: what a person sees, hears, and does with the keyboard alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import chromium
import pytest
from local_platform import LocalServer, batch_bytes, training_bytes
from protocol_platform import FORM, Platform, form, part

from ftkit.local.store.events import add_event

pytestmark = pytest.mark.skipif(chromium.find() is None, reason="no Chromium here: the page was not tried")

READY = "!document.getElementById('views').hidden"
KEY = "the key of the house"
EVIL = "<img src=x onerror=alert(1)>"
CONTRASTS = """(() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = light(getComputedStyle(document.body).backgroundColor);
  return [...document.querySelectorAll('body *')].filter((one) => one.checkVisibility()
      && [...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim())).map((one) => {
    const style = getComputedStyle(one);
    const own = light(one instanceof SVGElement ? style.fill : style.color);
    return [(Math.max(own, ground) + 0.05) / (Math.min(own, ground) + 0.05), one.textContent];
  }).sort((a, b) => a[0] - b[0])[0];
})()"""
"""The least contrast of any text with the page's ground, by WCAG's formula, and that text."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[chromium.Chromium]:
    """One browser for all tests; each opens a tab of its own."""
    running = chromium.Chromium(tmp_path_factory.mktemp("chromium"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that has something of everything."""
    with Platform(tmp_path_factory.mktemp("filled")) as running:
        held_out = running.upload(training_bytes(12), "fine-tune")
        running.tuned(training_bytes(40), suffix="fruit", validation_file=held_out)
        running.job(training_bytes(3))
        running.batch(batch_bytes("linear", ["a or b?"] * 7))
        running.work()
        running.ask("POST", "/v1/files", form({"purpose": "batch"}, file=part(EVIL, b"{}")), FORM)
        yield running


def opened(browser: chromium.Chromium, platform: Platform, place: str = "", **media: str) -> chromium.Tab:
    """A tab that shows the platform's page."""
    tab = browser.tab(**media)
    tab.open(f"{platform.url}/{place}")
    tab.until(READY)
    return tab


def train(platform: Platform, job: str, steps: range, total: int) -> None:
    """Do as a worker does: record steps of a job, and say how far it is."""
    with platform.context.state.db.write() as connection:
        connection.execute("UPDATE jobs SET status = 'running' WHERE id = ?", (job,))
        for step in steps:
            loss = math.exp(-step / total)
            valid = loss + 0.1 if step % 5 == 0 else None
            connection.execute(
                "INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?)", (job, step, loss, 0.5, valid, valid)
            )
        data: dict[str, Any] = {"step": steps[-1], "total_steps": total}
        add_event(connection, job, f"Step {steps[-1]}/{total}", type="metrics", data=data)


def test_it_shows_jobs_batches_files_and_models(browser: chromium.Chromium, filled: Platform) -> None:
    tab = opened(browser, filled)
    jobs = tab.text("#jobs-list")
    assert "fruit · ftjob-" in jobs and "succeeded" in jobs and "failed" in jobs
    assert "7 / 7" in tab.text("#batches-list") and "step_metrics.csv" in tab.text("#files-list")
    assert "ft:linear:ftkit:fruit:" in tab.text("#models-list")
    assert tab.value("document.querySelectorAll('#jobs-list svg.spark path').length") == 2
    assert "Nothing at work" in tab.text("header")
    assert set(tab.requested()) >= {f"{filled.url}/", f"{filled.url}/status", f"{filled.url}/page/app.js"}
    assert all(address.startswith(filled.url) for address in tab.requested())
    assert tab.complaints() == []


def test_what_was_sent_is_text_and_nothing_else(browser: chromium.Chromium, filled: Platform) -> None:
    tab = opened(browser, filled)
    assert EVIL in tab.text("#files-list")
    assert tab.value("document.querySelectorAll('img, iframe, [onerror]').length") == 0
    added = "Object.assign(document.createElement('script'), {src: 'data:,globalThis.bad=1'})"
    tried = f"try {{ document.body.append({added}) }} catch {{ }} return globalThis.bad ?? 'kept out'"
    assert tab.value(f"(() => {{ {tried} }})()") == "kept out"
    assert tab.value("fetch('https://example.com').then(() => 'out', () => 'kept in')") == "kept in"


def test_a_screen_reader_finds_its_way(browser: chromium.Chromium, filled: Platform) -> None:
    tab = opened(browser, filled)
    assert tab.named("heading") == ["ftkit local platform", "Fine-tuning jobs", "Batches", "Files", "Models"]
    assert tab.named("table") == ["Fine-tuning jobs", "Batches", "Files", "Models"]
    for role in ("banner", "main", "navigation"):
        assert len(tab.named(role)) == 1
    assert all(tab.named("link")) and all(tab.named("progressbar")) and all(tab.named("region"))
    assert any(name.startswith("Training loss ") and "validation loss" in name for name in tab.named("image"))
    assert tab.value("document.documentElement.lang") == "en"
    assert tab.value("[...document.querySelectorAll('th')].every((cell) => cell.scope)")
    ids = "[...document.querySelectorAll('[id]')].map((one) => one.id)"
    assert tab.value(f"new Set({ids}).size === {ids}.length")


def test_by_keyboard_alone(browser: chromium.Chromium, filled: Platform) -> None:
    tab = opened(browser, filled)
    tab.press("Tab")
    assert tab.value("document.activeElement.textContent") == "Skip to the content"
    assert tab.value("document.activeElement.getBoundingClientRect().left") >= 0, (
        "it is seen when it has the focus"
    )
    tab.press("Enter")
    assert tab.value("document.activeElement.id") == "main"
    job = "document.activeElement.hash.startsWith('#/jobs/ftjob-')"
    for _ in range(20):
        tab.press("Tab")
        if tab.value(f"Boolean(document.activeElement.hash) && {job}"):
            break
    assert tab.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    tab.press("Tab")
    tab.press("Enter")
    tab.until("document.querySelector('svg.chart')")
    tab.until("document.activeElement.id === 'job-title'")
    for _ in range(20):
        tab.press("Tab")
        if tab.value("document.activeElement.id") == "chart-step":
            break
    tab.press("Home")
    assert tab.text("output").startswith("Step 1, training loss 0.69")
    tab.press("ArrowRight")
    assert tab.text("output").startswith("Step 2,")
    assert tab.value(
        "document.activeElement.ariaValueText ?? document.activeElement.getAttribute('aria-valuetext')"
    )
    assert tab.complaints() == []


def test_a_loss_curve_grows_while_one_looks(browser: chromium.Chromium, tmp_path: Path) -> None:
    with Platform(tmp_path) as platform:
        job = platform.job(suffix="live")["id"]
        train(platform, job, range(1, 11), 40)
        tab = opened(browser, platform, f"#/jobs/{job}")
        tab.until("document.querySelector('output')?.textContent.startsWith('Step 10,')")
        tab.value("document.getElementById('chart-step').focus()")
        tab.press("Home")
        curve = "document.querySelector('svg.chart path.train_loss').getAttribute('d').split('L').length"
        assert tab.value(curve) == 10
        train(platform, job, range(11, 31), 40)
        tab.until(f"{curve} === 30")
        assert tab.value("document.activeElement.id") == "chart-step", "the focus stays"
        assert tab.text("output").startswith("Step 1,"), "and so does what was being read"
        assert "30 / 40" in tab.text("#job-facts")
        tab.press("End")
        train(platform, job, range(31, 41), 40)
        tab.until("document.querySelector('output').textContent.startsWith('Step 40,')")
        platform.set_status("jobs", job, "succeeded")
        tab.until("document.getElementById('news').textContent.includes('is now succeeded')")
        assert tab.complaints() == []


def test_a_job_that_is_not_there(browser: chromium.Chromium, filled: Platform) -> None:
    tab = opened(browser, filled, "#/jobs/ftjob-none")
    tab.until("document.getElementById('job').innerText.includes('No such fine-tuning job')")
    tab.value("document.querySelector('#job a').click()")
    tab.until("!document.getElementById('jobs').hidden && document.activeElement.id === 'jobs-title'")


def test_what_has_not_changed_is_neither_sent_nor_drawn_again(
    browser: chromium.Chromium, filled: Platform
) -> None:
    tab = opened(browser, filled)
    tab.value("document.querySelector('#jobs-list tbody tr').marked = true")
    tab.value("new Promise((done) => setTimeout(done, 5500))")
    answers = [event["response"] for event in tab.events("Network.responseReceived")]
    said = [answer["status"] for answer in answers if answer["url"].endswith("/status")]
    assert said[0] == 200 and set(said[1:]) == {304}
    assert tab.value("document.querySelector('#jobs-list tbody tr').marked")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_in_light_and_in_dark(
    browser: chromium.Chromium, filled: Platform, scheme: str
) -> None:
    tab = opened(browser, filled, prefers_color_scheme=scheme)
    dark = tab.value("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    least, text = tab.value(CONTRASTS)
    assert least >= 4.5, text
    tab.value("document.querySelectorAll('#jobs-list a')[1].click()")
    tab.until("document.querySelector('svg.chart')")
    least, text = tab.value(CONTRASTS)
    assert least >= 4.5, text


@pytest.mark.parametrize("width", [320, 600, 1920])
def test_it_fits_every_width(browser: chromium.Chromium, filled: Platform, width: int) -> None:
    tab = opened(browser, filled)
    tab.size(width, 700)
    for place in ("#/", "#/models"):
        tab.value(f"location.hash = '{place}'")
        assert tab.value("document.documentElement.scrollWidth") <= width
    tab.value("document.querySelectorAll('#jobs-list a')[1].click()")
    tab.until("document.querySelector('svg.chart')")
    assert tab.value("document.documentElement.scrollWidth") <= width


def test_the_key_is_asked_for_and_kept_by_the_tab_alone(browser: chromium.Chromium, tmp_path: Path) -> None:
    with Platform(tmp_path, (KEY,)) as platform:
        platform.context.state.files.blobs.prepare()
        tab = browser.tab()
        tab.open(f"{platform.url}/")
        tab.until("document.activeElement.id === 'key'")
        tab.type("a wrong one")
        tab.press("Enter")
        tab.until("document.getElementById('key-error').textContent")
        assert tab.named("alert") and not tab.value(READY)
        tab.type(KEY)
        tab.press("Enter")
        tab.until(READY)
        assert "No job yet." in tab.text()
        stores = tab.value("[sessionStorage.length, localStorage.length, document.cookie, location.href]")
        assert stores == [1, 0, "", f"{platform.url}/"]
        assert KEY not in tab.value("document.documentElement.outerHTML") and KEY not in str(tab.requested())
        tab.open(f"{platform.url}/?again")
        tab.until(READY)
        tab.value("document.getElementById('forget').click()")
        tab.until("!document.getElementById('key-form').hidden && document.activeElement.id === 'key'")
        assert tab.value("sessionStorage.length") == 0
        other = browser.tab()
        other.open(f"{platform.url}/")
        other.until("document.activeElement.id === 'key'")


def test_it_says_when_the_platform_is_gone_and_goes_on_when_it_is_back(
    browser: chromium.Chromium, tmp_path: Path
) -> None:
    server = LocalServer(tmp_path / "state").start()
    tab = browser.tab()
    tab.open(f"{server.url}/")
    tab.until(READY)
    server.kill()
    tab.until("document.getElementById('connection').textContent.includes('does not answer')")
    again = LocalServer(tmp_path / "state", "--port", server.url.rpartition(":")[2]).start()
    tab.until("document.getElementById('connection').textContent === 'Nothing at work'")
    again.stop()


def test_without_javascript_it_says_where_to_look(browser: chromium.Chromium, filled: Platform) -> None:
    tab = browser.tab()
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    tab.call("Page.navigate", url=f"{filled.url}/")
    for _ in range(100):
        nodes = str(tab.call("Accessibility.getFullAXTree")["nodes"])
        if "needs JavaScript" in nodes:
            break
    assert "ftkit jobs list" in nodes
