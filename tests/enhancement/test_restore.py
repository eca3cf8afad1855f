"""What happens to an observation before and after a method."""

from dataclasses import replace

import numpy as np
import pytest

from sunpy_restore.core.restoration.methods import Method
from sunpy_restore.enhancement import restore as module
from sunpy_restore.enhancement.deconvolution.classical import bicubic
from sunpy_restore.enhancement.observation import Observation
from sunpy_restore.enhancement.restore import restore, with_bicubic, with_network
from sunpy_restore.enhancement.task import CONTINUUM


@pytest.fixture
def image():
    return np.random.default_rng(3).normal(1, 0.1, (40, 30))


@pytest.fixture
def limb(image):
    """Rows from 30 on lie off the disk; one pixel on the disk and one off it have no data."""
    rows = np.indices(image.shape)[0]
    valid = np.ones(image.shape, bool)
    valid[5, 6] = valid[35, 7] = False
    on_disk = valid & (rows < 30)
    return Observation(
        data=5e4 * image, valid=valid, on_disk=on_disk, limb_darkening=(1 - 0.01 * rows).astype(np.float32), level=5e4,
        untrusted=~on_disk | (rows > 20), gaps=~valid,
    )  # fmt: skip


def ones(observation, *, progress=False):
    return np.ones([2 * n for n in observation.data.shape], np.float32)


def doubled(array):
    return np.kron(array, np.ones((2, 2), array.dtype))


def test_result_is_in_the_unit_of_the_observation(limb):
    restored = restore(limb, Method(CONTINUUM, "bicubic", ones))
    disk, valid = doubled(limb.on_disk), doubled(limb.valid)
    expected = limb.level * bicubic(limb.limb_darkening)
    np.testing.assert_allclose(restored.data[disk], expected[disk], rtol=1e-6)
    assert restored.data.dtype == limb.data.dtype
    np.testing.assert_array_equal(np.isnan(restored.data), ~valid)
    sky = valid & ~disk
    assert sky.any()
    np.testing.assert_array_equal(restored.data[sky], bicubic(limb.data)[sky])


def test_mask_follows_the_pixels(limb, image):
    np.testing.assert_array_equal(restore(limb, Method(CONTINUUM, "bicubic", ones)).mask, doubled(limb.untrusted))
    for observation in (Observation.from_array(image), replace(limb, untrusted=np.zeros(image.shape, bool))):
        assert restore(observation, Method(CONTINUUM, "bicubic", ones)).mask is None


@pytest.mark.parametrize("rows", [1, 7, 39])
def test_blocks_of_rows_leave_no_seams(limb, monkeypatch, rows):
    method = Method(CONTINUUM, "bicubic", with_bicubic)
    whole = restore(limb, method).data
    monkeypatch.setattr(module, "_ROWS", rows)
    np.testing.assert_array_equal(restore(limb, method).data, whole)


def test_methods_restore_the_normalised_image(image, limb):
    # The function continues an image by its edge pixels, the tiles by reflection
    inner = (slice(4, -4), slice(4, -4))
    for observation in (Observation.from_array(image), limb):
        expected = bicubic(observation.normalised())[inner]
        np.testing.assert_allclose(with_bicubic(observation)[inner], expected, rtol=1e-6)


def test_network_is_applied_to_the_normalised_disk(limb):
    def network(channels, *, active, progress):
        np.testing.assert_array_equal(channels, limb.channels())
        assert active is limb.on_disk
        return progress

    assert with_network(limb, network, progress="shown") == "shown"
