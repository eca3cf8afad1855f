"""``tools/make_diagrams.py``: text stays inside its box, nothing overlaps, and every diagram is on a page."""

import importlib.util
from itertools import combinations
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.patches import FancyBboxPatch

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tools" / "make_diagrams.py"

if not SCRIPT.is_file():
    pytest.skip("tools are not here: the tests are not in a clone", allow_module_level=True)

SPEC = importlib.util.spec_from_file_location("make_diagrams", SCRIPT)
MODULE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(MODULE)


def luminance(colour):
    """Relative luminance by the guidelines of accessible pages (WCAG 2)."""
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    low, high = sorted([luminance(first), luminance(second)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("draw", MODULE.DIAGRAMS, ids=lambda draw: draw.__name__)
def test_text_is_inside_of_boxes_that_do_not_overlap(draw):
    diagram = draw()
    renderer = FigureCanvasAgg(diagram.figure).get_renderer()
    boxes = [patch for patch in diagram.axes.patches if isinstance(patch, FancyBboxPatch)]
    places = [box.get_window_extent(renderer) for box in boxes]
    assert len(places) == len(diagram.axes.texts) >= 6
    for place, text in zip(places, diagram.axes.texts, strict=True):
        inner = text.get_window_extent(renderer)
        assert place.x0 <= inner.x0 <= inner.x1 <= place.x1, text.get_text()
        assert place.y0 <= inner.y0 <= inner.y1 <= place.y1, text.get_text()
    assert not any(one.overlaps(other) for one, other in combinations(places, 2))


def test_colours_are_legible_on_light_and_dark_pages():
    assert all(contrast("white", colour) >= 4.5 for colour in MODULE.COLOURS.values())
    assert min(contrast("white", MODULE.GREY), contrast("#14181e", MODULE.GREY)) >= 3.9


def test_every_diagram_is_on_a_page():
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "guide").glob("*.rst"))
    names = {draw.__name__ for draw in MODULE.DIAGRAMS}
    assert names == {path.stem for path in (ROOT / "docs" / "images" / "diagrams").glob("*.svg")}
    assert all(f"/images/diagrams/{name}.svg" in pages for name in names)
