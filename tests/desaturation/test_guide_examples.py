"""The examples of the guide on the detection of saturated pixels run, and the warnings that it states are issued."""

import functools
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import sunpy.map

import sunpy_restore
from sunpy_restore import desaturate
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.data import sample_path
from sunpy_restore.desaturation.detection.saturation import find_saturation

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "desaturate.rst"
SECTION = re.compile(r"^Detection of saturated pixels\n=+\n(.*?)^[^\n]+\n==+\n", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^\.\. code-block:: python\n\n((?:    [^\n]*\n|\n)+)", re.MULTILINE)


@pytest.fixture
def sample():
    return sunpy.map.Map(sample_path("aia_193_flare"))


@pytest.mark.skipif(not GUIDE.is_file(), reason="docs are not here: the tests are not in a clone")
def test_examples_of_the_section_on_detection_run(sample):
    (section,) = SECTION.findall(GUIDE.read_text(encoding="utf-8"))
    blocks = [re.sub("^    ", "", code, flags=re.MULTILINE) for code in BLOCK.findall(section)]
    assert len(blocks) >= 4
    display = np.round(255 * np.sqrt(sample.data.clip(0) / sample.data.max()).clip(0, 0.97) / 0.97)
    names = {
        "aia_map": sample,
        "display_map": sunpy.map.Map(display.astype(np.uint8), sample.meta),
        "mask": find_saturation(sample).mask,
        # The same calls, without the network
        "desaturate": functools.partial(sunpy_restore.desaturate, method="biharmonic", consistency="none"),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RestoreWarning)
        for block in blocks:
            exec(block, names)
    assert sunpy_restore.filled(names["desaturated"]).any()


@pytest.mark.parametrize("masked", [False, True])
def test_a_level_above_most_saturated_pixels_is_warned_of(sample, masked):
    options = {"mask": find_saturation(sample).mask} if masked else {}
    level = sample.data.max()
    with pytest.warns(
        RestoreWarning, match=r"pixels that look saturated are fainter than saturated=.*Pass saturated=150"
    ):
        desaturate(sample, saturated=level, method="biharmonic", **options)


@pytest.mark.filterwarnings("error:.*look saturated")
@pytest.mark.parametrize("factor", [1, 0.98])
def test_the_level_of_saturated_pixels_is_not_warned_of(sample, factor):
    desaturate(sample, saturated=factor * find_saturation(sample).level, method="biharmonic")


def test_infinite_pixels_are_neither_used_nor_filled(sample):
    data = sample.data.astype(np.float32)
    results = []
    for value in (np.inf, np.nan):
        data[150, 150] = value
        results.append(desaturate(sunpy.map.Map(data, sample.meta), method="biharmonic").data)
    mask = np.indices(data.shape).sum(axis=0) != 300
    assert np.isinf(results[0][150, 150])
    np.testing.assert_array_equal(results[0][mask], results[1][mask])


def test_a_mask_of_nearly_all_pixels_is_warned_of(sample):
    mask = np.ones((40, 40), dtype=bool)
    mask[0, 0] = False
    part = sunpy.map.Map(sample.data[:40, :40], sample.meta)
    with pytest.warns(RestoreWarning, match="covers 1599 pixels and leaves only 1 valid ones"):
        desaturate(part, mask=mask, method="biharmonic")
