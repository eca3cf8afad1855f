"""Images drawn from a blended feature map."""

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
    z = np.random.default_rng(3).standard_normal((*layout.grid, source.latent))
    return Mosaic(source, layout, z, stitching="latent", **options)


@pytest.mark.parametrize("block", [8, 13, 512])
def test_the_image_does_not_depend_on_the_block_size(source, monkeypatch, block):
    one = mosaic(source)
    features = np.stack([source.features(row.astype(np.float32)) for row in one.z])
    size, overlap = 32 // 4, 8 // 4
    shape = tuple(count * (size - overlap) + overlap for count in one.layout.grid)
    blend = LinearBlend(Layout(shape, size, overlap), lambda row, columns: features[row, list(columns)])
    expected = source.draw(blend.canvas(*map(range, one.layout.grid)))[:100, :85]
    monkeypatch.setattr(latent, "_BLOCK", block)
    np.testing.assert_allclose(one.window(*EVERYTHING), expected, rtol=1e-6)


def test_away_from_overlaps_the_image_equals_the_tile(source):
    one = mosaic(source)
    image = one.window(*EVERYTHING)
    for row, column in [(0, 0), (1, 2)]:
        tile = source.tiles(one.z[row, column][np.newaxis])[0]
        y, x = 24 * row, 24 * column
        # One feature, the receptive radius, away from the overlap
        np.testing.assert_allclose(image[y + 12 : y + 20, x + 12 : x + 20], tile[12:20, 12:20], rtol=1e-5)


def test_in_overlaps_the_image_differs_from_a_blend_of_pixels(source):
    one = mosaic(source)
    pixels = Mosaic(source, one.layout, one.z).window(*EVERYTHING)
    image = one.window(*EVERYTHING)
    assert np.abs(image - pixels)[:, 24:32].max() > 0.05
    np.testing.assert_allclose(np.abs(image - pixels)[12:20, 12:20], 0, atol=1e-5)


def test_variance_weights_keep_the_contrast(source):
    """For independent tiles."""
    bands = []
    for blending in ("linear", "variance"):
        one = mosaic(source, (800, 800), blending=blending)
        image, seams = one.window(*EVERYTHING), one.seams()
        bands.append(image[np.ix_(seams.row_band, seams.column_band)].std())
    inside = image[np.ix_(~seams.row_band, ~seams.column_band)].std()
    assert bands[0] < 0.8 * inside
    assert bands[1] == pytest.approx(inside, rel=0.15)


def test_sources_without_features_and_overlaps_of_fractional_features_are_refused(source):
    with pytest.raises(ValueError, match="without features, draw, stride, receptive_radius"):
        latent.check_features(SimpleNamespace(side=32, latent=4), 8)
    with pytest.raises(ValueError, match="multiple of 4 px"):
        latent.check_features(source, 6)
