"""A map of features is drawn in parts as it is as a whole."""

from types import SimpleNamespace

import numpy as np
import pytest

from sunpy_restore.granulation.stitching import latent
from sunpy_restore.granulation.stitching.blending import LinearBlend
from sunpy_restore.granulation.stitching.layout import Layout
from sunpy_restore.granulation.stitching.mosaic import Mosaic

EVERYTHING = slice(None), slice(None)


def mosaic(source, shape=(100, 85), **options):
    layout = Layout(shape, 32, 8)
    z = np.random.default_rng(3).standard_normal((*layout.places, source.latent))
    return Mosaic(source, layout, z, stitching="latent", **options)


@pytest.mark.parametrize("block", [8, 13, 512])
def test_blocks_do_not_show(source, monkeypatch, block):
    one = mosaic(source)
    features = np.stack([source.features(row.astype(np.float32)) for row in one.z])
    size, overlap = 32 // 4, 8 // 4
    shape = tuple(count * (size - overlap) + overlap for count in one.layout.places)
    blend = LinearBlend(Layout(shape, size, overlap), lambda row, columns: features[row, list(columns)])
    expected = source.draw(blend.canvas(*map(range, one.layout.places)))[:100, :85]
    monkeypatch.setattr(latent, "BLOCK", block)
    np.testing.assert_allclose(one.window(*EVERYTHING), expected, rtol=1e-6)


def test_far_from_the_overlap_it_is_the_tile(source):
    one = mosaic(source)
    image = one.window(*EVERYTHING)
    for row, column in [(0, 0), (1, 2)]:
        tile = source.tiles(one.z[row, column][np.newaxis])[0]
        y, x = 24 * row, 24 * column
        # The overlap, and one feature more that pixels look at
        np.testing.assert_allclose(image[y + 12 : y + 20, x + 12 : x + 20], tile[12:20, 12:20], rtol=1e-5)


def test_it_is_not_a_blend_of_pixels(source):
    one = mosaic(source)
    pixels = Mosaic(source, one.layout, one.z).window(*EVERYTHING)
    image = one.window(*EVERYTHING)
    assert np.abs(image - pixels)[:, 24:32].max() > 0.05
    np.testing.assert_allclose(np.abs(image - pixels)[12:20, 12:20], 0, atol=1e-5)


def test_variance_of_features_is_kept(source):
    """Those of tiles that have nothing to do with each other, as they are here."""
    bands = []
    for blending in ("linear", "variance"):
        one = mosaic(source, (800, 800), blending=blending)
        image, seams = one.window(*EVERYTHING), one.seams()
        bands.append(image[np.ix_(seams.row_band, seams.column_band)].std())
    inside = image[np.ix_(~seams.row_band, ~seams.column_band)].std()
    assert bands[0] < 0.8 * inside
    assert bands[1] == pytest.approx(inside, rel=0.15)


def test_sources_without_features_and_overlaps_of_part_of_them_are_refused(source):
    with pytest.raises(ValueError, match="no features, draw, stride, receptive_radius"):
        latent.check_features(SimpleNamespace(side=32, latent=4), 8)
    with pytest.raises(ValueError, match="multiple of 4 px"):
        latent.check_features(source, 6)
