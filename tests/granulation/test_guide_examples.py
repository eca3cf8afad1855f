"""The examples of the guide on the statistics of textures run."""

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

import astropy.units as u

from sunpy_restore import synthesize_granulation

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "synthesize_granulation.rst"
SECTION = re.compile(r"^Compute the statistics\n=+\n(.*?)^[^\n]+\n==+\n", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^\.\. code-block:: python\n\n((?:    [^\n]*\n|\n)+)", re.MULTILINE)


@pytest.mark.slow
@pytest.mark.skipif(not GUIDE.is_file(), reason="docs are not here: the tests are not in a clone")
@pytest.mark.skipif(find_spec("sunkit_image") is None, reason="segmentation needs the extra 'train'")
def test_examples_of_the_section_on_statistics_run():
    (section,) = SECTION.findall(GUIDE.read_text(encoding="utf-8"))
    blocks = [re.sub("^    ", "", code, flags=re.MULTILINE) for code in BLOCK.findall(section)]
    assert len(blocks) == 2
    image = synthesize_granulation((420, 520), seed=3, scale=40 * u.km, device="cpu").data
    names = {"granules": synthesize_granulation((400, 600), seed=1, device="cpu"), "image": image}
    for block in blocks:
        exec(block, names)
    assert names["scores"]["contrast_ratio"] == pytest.approx(1, abs=0.05)
    assert names["scores"]["granules_ks"] < 0.2
