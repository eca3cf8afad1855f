"""The gallery: its pages, what they import, and those that run in a few seconds."""

import ast
import importlib
import importlib.util
import re
import runpy
import warnings
from pathlib import Path

import pytest

from sunpy_restore import tasks

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("plot_*.py"))
EXTENSION = ROOT / "docs" / "_ext" / "gallery_pages.py"
QUICK = ("plot_aia_on_hmi", "plot_deconvolve_aia", "plot_sixth_task", "plot_stix_on_aia")
WIDTH = 88  # columns; the pages show wider code with a scroll bar

pytestmark = pytest.mark.skipif(not EXAMPLES, reason="examples/ is not here: the tests are not in a clone")


def by_name(path):
    return path.stem


@pytest.fixture(scope="module")
def extension():
    pytest.importorskip("PIL", reason="thumbnails need Pillow")
    spec = importlib.util.spec_from_file_location("gallery_pages", EXTENSION)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", EXAMPLES, ids=by_name)
def test_page_has_a_title_text_and_narrow_code(path):
    text = path.read_text(encoding="utf-8")
    above, title, below, blank, summary = ast.get_docstring(ast.parse(text)).splitlines()[:5]
    assert set(above) == {"="}
    assert len(above) == len(title) == len(below)
    assert (blank, bool(summary)) == ("", True)
    assert text.count(f"\n{'#' * 79}\n# ") >= 3
    assert text.endswith("plt.show()\n")
    assert max(len(line) for line in text.splitlines()) <= WIDTH


@pytest.mark.parametrize("path", EXAMPLES, ids=by_name)
def test_page_imports_and_mentions_what_exists(path):
    text = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "sunpy_restore":
            if node.module.startswith("sunpy_restore.training"):
                pytest.importorskip("lightning", reason="training needs the extra 'train'")
            module = importlib.import_module(node.module)
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []
    mentioned = re.findall(r"(?<!`)`~?(sunpy_restore\.[\w.]+)`", text)
    for name in mentioned:
        module, _, attribute = name.rpartition(".")
        assert hasattr(importlib.import_module(module), attribute), name


@pytest.mark.parametrize("path", EXAMPLES, ids=by_name)
def test_page_reads_samples_only(path):
    """The gallery is built offline: what is downloaded is shown in comments."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [getattr(node, "module", None) or "", *(name.name for name in node.names)]
            assert not any(name.startswith(("sunpy.net", "sunpy.data.sample", "requests")) for name in names)


def test_every_page_has_its_place_and_thumbnail(extension):
    assert sorted(extension.PAGES) == [path.name for path in EXAMPLES]
    assert [extension.position(f"examples/{name}") for name in extension.PAGES] == list(range(len(EXAMPLES)))
    with pytest.raises(ValueError, match="Found the example plot_new"):
        extension.position("plot_new.py")
    for number, (left, top, right, bottom) in extension.PAGES.values():
        assert number >= 1
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1


def test_thumbnails_are_cropped(extension, tmp_path):
    from types import SimpleNamespace

    from PIL import Image

    name, (number, (left, top, right, bottom)) = next(iter(extension.PAGES.items()))
    folder = tmp_path / "gallery" / "images"
    (folder / "thumb").mkdir(parents=True)
    whole = Image.new("RGB", (1000, 400), "red")
    whole.paste("blue", [round(1000 * left), round(400 * top), round(1000 * right), round(400 * bottom)])
    stem = f"sphx_glr_{Path(name).stem}"
    whole.save(folder / f"{stem}_{number:03}.png")
    config = SimpleNamespace(sphinx_gallery_conf={"gallery_dirs": "gallery"})
    extension.crop_thumbnails(SimpleNamespace(srcdir=tmp_path, config=config))
    (thumbnail,) = (folder / "thumb").iterdir()
    with Image.open(thumbnail) as image:
        assert image.size == (400, 280)
        colours = {colour for _, colour in image.getcolors()}
    assert (0, 0, 255) in colours
    assert (255, 0, 0) not in colours


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_page_runs(name, monkeypatch):
    if name == "plot_sixth_task":
        pytest.importorskip("lightning", reason="training needs the extra 'train'")
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    monkeypatch.setattr(tasks, "FUNCTIONS", tasks.FUNCTIONS)
    drawn = []
    monkeypatch.setattr(plt, "show", lambda: drawn.extend(plt.get_fignums()))
    with warnings.catch_warnings():
        # Of sunpy on headers and of Lightning on small data
        warnings.simplefilter("ignore")
        runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
        for number in drawn:
            plt.figure(number).canvas.draw()
    plt.close("all")
    assert drawn
