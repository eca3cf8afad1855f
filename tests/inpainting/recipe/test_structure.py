"""Synthetic structure of the corona."""

import numpy as np
import pytest
from scipy import ndimage

from sunpy_restore.inpainting.recipe import structure


@pytest.mark.parametrize("sigma", [0.7, 16.0, 55.5, 320.0])
def test_smoothing_along_rows_is_that_of_scipy(sigma):
    """Whatever the width is, also where the kernel is longer than the image."""
    noise = np.random.default_rng(0).standard_normal((470, 32), dtype=np.float32)
    expected = ndimage.gaussian_filter1d(noise, sigma, axis=0)
    found = structure._smoothed_along_rows(noise, sigma)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.std())


def test_a_structure_needs_no_long_kernels(monkeypatch):
    """Their time grew with the length of the rays, and was most of that of the preparation."""
    kernels, smooth = [], ndimage.gaussian_filter1d

    def recorded(image, sigma, *arguments, **options):
        kernels.append(sigma)
        return smooth(image, sigma, *arguments, **options)

    monkeypatch.setattr(structure.ndimage, "gaussian_filter1d", recorded)
    (field,) = structure.structure_fields(470, np.random.default_rng(0), 0.1, None)
    assert np.isfinite(field).all()
    assert 0 < max(kernels) <= 16
