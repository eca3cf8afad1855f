"""What the networks learn from own pairs is what the function shows of their output."""

from types import SimpleNamespace

import numpy as np
import pytest

from sunpy_restore.backprojection.fitting.scenes import ellipse, visibilities_of_scene
from sunpy_restore.backprojection.imaging.beam import beam_area
from sunpy_restore.backprojection.imaging.clean import clean_visibilities
from sunpy_restore.backprojection.provenance.geometry import points_in_pixels, rotation
from sunpy_restore.backprojection.recipe.own import pair_of
from sunpy_restore.backprojection.recipe.paired import OwnPair
from sunpy_restore.backprojection.restore import with_network
from sunpy_restore.backprojection.visibilities.fourier import Grid
from sunpy_restore.backprojection.visibilities.uvplane import stix_uv
from sunpy_restore.core.datasets.item import Item
from sunpy_restore.core.datasets.samples import Candidate


@pytest.mark.parametrize(("angle", "pixel"), [(0.0, 4.0), (35.0, 4.0), (125.0, 2.0)])
def test_target_of_the_network_is_the_clean_image(make_backprojection, angle, pixel):
    scene, points, grid = ellipse(5, 12, -20, 20, 10, 0.7), stix_uv(), Grid((65, 65), (4.0, 4.0))
    dirty = make_backprojection(scene, shape=grid.shape, pixel=grid.pixel, angle=angle)
    own = points_in_pixels(points, rotation(np.radians(angle)))
    cleaned = clean_visibilities(visibilities_of_scene(scene, points), own, grid)
    # Without the residual, which reaches the edge of the image
    image = cleaned.image - cleaned.residual / beam_area()
    header = {str(key).upper(): value for key, value in dirty.meta.items()}
    sample = pair_of(Candidate(dirty.data, header), Candidate(image, header))
    item = Item(
        origin="", sha256="", shard="", shape=sample.image.shape, group="STIX", unit=sample.unit, pixel_scale=4.0,
        values=sample.values,
    )  # fmt: skip
    pair = OwnPair(SimpleNamespace(read=lambda item, name: sample.truth), item)
    fields = []

    def network(channels, progress=False):
        view, target = pair.view((0, 0), channels.shape[-1], pixel)
        fields.append(np.abs(view - channels)[:11].max())
        return target

    network.module = SimpleNamespace(pixel=pixel)
    restored = with_network(pair.observation, network).image / beam_area()
    assert max(fields) < 1e-5
    np.testing.assert_allclose(restored, np.maximum(sample.truth, 0), atol=0.01 * sample.truth.max())
