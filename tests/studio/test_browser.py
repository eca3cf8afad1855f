"""
The studio in a real browser: Chromium without a window, driven by Playwright.

``pytest tests/studio/test_browser.py --screenshots DIR`` writes the pictures of the documentation.
"""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from astropy.io import fits

from sunpy_restore.data import sample_path

pytest.importorskip("panel", reason="the extra app is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

CHROMIUM = next((path for path in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if path), None)
ARGUMENTS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
REBOUND = "rebound.example"
ARGUMENTS.append(f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    # Of Playwright's and the server's event loops, which end with the process
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chosen")
    shutil.copy(sample_path("hmi_continuum_spot"), folder / "spot.fits")
    shutil.copy(sample_path("hmi_continuum_quiet"), folder / "quiet.fits")
    (folder / "broken.fits").write_bytes(b"no FITS file")
    return folder


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def url(chosen):
    """Address of a studio that the command has started."""
    command = [sys.executable, "-m", "sunpy_restore", "app", "--no-browser", str(chosen)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture
def page(browser, url):
    """A new tab, which has to end without an error of its own and without a request to another machine."""
    page = browser.new_page(viewport={"width": 1500, "height": 1250}, accept_downloads=True)
    errors, foreign = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: foreign.append(request.url) if "127.0.0.1" not in request.url else None)
    page.goto(url)
    page.get_by_text("Open a file to begin").wait_for(timeout=30_000)
    yield page
    page.close()
    assert errors == []
    assert [url for url in foreign if not url.startswith(("blob:", "data:"))] == []


@pytest.fixture
def picture(request):
    """``picture(page, name)``: a screenshot, if there is a folder for them."""
    folder = request.config.getoption("--screenshots")

    def take(page, name, height):
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            image = Image.open(io.BytesIO(page.screenshot(clip={"x": 0, "y": 0, "width": 1500, "height": height})))
            image.convert("RGB").quantize(256).save(Path(folder) / f"{name}.png", optimize=True)

    return take


def opened(page, name):
    """Open a file by its path and wait until its function is known."""
    page.get_by_placeholder("image.fits").fill(name)
    page.get_by_placeholder("image.fits").press("Enter")
    page.locator("button:enabled", has_text="Restore all").wait_for(timeout=90_000)


def restored(page, method):
    page.get_by_label("Method", exact=True).select_option(method)
    page.get_by_role("button", name="Restore", exact=True).click()
    page.get_by_text(f"method {method}: ").wait_for(timeout=60_000)


def colours(page):
    """Two pixels of the first figure, left and right of the middle."""
    box = page.locator(".bk-Figure").first.bounding_box()
    page.wait_for_timeout(1200)
    return Image.open(io.BytesIO(page.screenshot(clip=box))).convert("RGB")


def test_load_restore_swipe_and_export(page, picture, tmp_path):
    opened(page, "spot.fits")
    restored(page, "richardson-lucy")
    before = colours(page)
    handle = page.locator(".noUi-handle:visible").last
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] - 150, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    # Between the new and the old boundary the sharp image is seen now, and nothing changed elsewhere
    middle = before.width // 2
    changed, kept = (middle - 120, 200, middle - 60, 400), (100, 200, 140, 400)
    after = next(
        (seen for seen in (colours(page) for _ in range(10)) if seen.crop(changed) != before.crop(changed)), None
    )
    assert after is not None
    assert before.crop(kept) == after.crop(kept)
    picture(page, "restore", 1250)
    page.get_by_role("button", name="Write").click()
    with page.expect_download() as waiting:
        page.get_by_text("Download spot").click()
    target = tmp_path / "out.fits"
    waiting.value.save_as(target)
    assert fits.getheader(target, 0)["RSTMETH"] == "richardson-lucy"
    assert "from sunpy_restore import enhance" in page.locator("pre").inner_text()


def test_a_line_is_drawn_by_dragging(page):
    opened(page, "quiet.fits")
    page.locator("[class*=freehand-draw]").first.click()
    box = page.locator(".bk-Figure").first.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 300)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 320, steps=5)
    page.mouse.move(box["x"] + 400, box["y"] + 300, steps=5)
    page.mouse.up()
    page.wait_for_function(
        """() => [...Bokeh.documents[0]._all_models.values()].some(model => model.type == "FreehandDrawTool"
            && model.renderers[0].data_source.get_array("xs").some(line => line.length == 2))""",
        timeout=15_000,
    )


def test_bad_files_give_a_message_and_the_page_lives_on(page, picture):
    for name, words in (("broken.fits", "broken.fits"), ("/etc/passwd", "is outside of what was chosen")):
        page.get_by_placeholder("image.fits").fill(name)
        page.get_by_placeholder("image.fits").press("Enter")
        page.locator(".error").get_by_text(words).wait_for(timeout=15_000)
    picture(page, "error", 300)
    opened(page, "quiet.fits")
    page.get_by_text("128 x 40 pixels").wait_for(timeout=15_000)


def test_a_dropped_file_is_opened_and_a_run_cancelled(page, chosen):
    page.locator("input[type=file]").set_input_files(chosen / "quiet.fits")
    page.get_by_text("128 x 40 pixels").wait_for(timeout=30_000)
    page.locator("button.bk-btn:enabled", has_text="Cancel").click()
    page.get_by_text("Cancelled: Looking at quiet.fits").wait_for(timeout=15_000)


def test_tabs_are_independent(page, browser, url):
    other = browser.new_page()
    other.goto(url)
    other.get_by_text("Open a file to begin").wait_for(timeout=30_000)
    opened(page, "quiet.fits")
    page.get_by_text("128 x 40 pixels").wait_for()
    assert other.get_by_text("128 x 40 pixels").count() == 0
    other.close()


def test_a_wrong_token_shows_nothing(browser, url):
    page = browser.new_page()
    answer = page.goto(url.rsplit("/", 2)[0] + "/" + "x" * 32 + "/")
    assert answer.status == 404
    assert page.locator(".bk-Figure").count() == 0
    page.close()


def test_a_page_of_another_name_is_refused(browser, url):
    """A name that was made to point here, as by an attacker's name server."""
    page = browser.new_page()
    answer = page.goto(url.replace("127.0.0.1", REBOUND))
    assert answer.status == 403
    page.close()


def test_granulation_from_tiles_to_a_file(page, picture, chosen):
    page.get_by_text("Granulation", exact=True).click()
    page.get_by_label("Tiles in the pool").fill("30")
    page.get_by_label("Tiles in the pool").press("Tab")
    page.get_by_role("button", name="Make tiles").click()
    page.get_by_text("30 tiles of gan").wait_for(timeout=90_000)
    for name in ("Rows [pixels]", "Columns [pixels]"):
        page.get_by_label(name).fill("300")
        page.get_by_label(name).press("Tab")
    page.get_by_role("button", name="Make image").click()
    page.locator("button.bk-btn:disabled", has_text="Cancel").last.wait_for(timeout=90_000)
    for name, value in (("Population", "10"), ("Generations", "2")):
        page.get_by_label(name).fill(value)
        page.get_by_label(name).press("Tab")
    page.get_by_label("Number of worst tiles").fill("1")
    page.get_by_label("Number of worst tiles").press("Tab")
    page.wait_for_timeout(1500)
    page.get_by_role("button", name="Select the worst").click()
    page.wait_for_timeout(1000)
    page.get_by_role("button", name="Refine tiles").click()
    page.get_by_text("Mean distance of these tiles").wait_for(timeout=90_000)
    page.wait_for_timeout(1000)
    picture(page, "granulation", 740)
    page.get_by_role("button", name="Write at full size").click()
    page.get_by_text("Written: granulation.fits").wait_for(timeout=60_000)
    assert fits.getdata(chosen / "granulation.fits").shape == (300, 300)
