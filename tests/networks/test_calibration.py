"""Calibrations of generators."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sunpy_restore.networks.calibration import Calibrated, Calibration


def test_a_new_calibration_adds_one():
    image = torch.linspace(-3, 3, 64).reshape(1, 1, 8, 8)
    torch.testing.assert_close(Calibration(5)(image), 1 + image)


@given(st.lists(st.floats(0.01, 2), min_size=8, max_size=8), st.floats(-5, 5))
def test_the_curve_is_monotonic_and_passes_through_its_knots(steps, start):
    calibration = Calibration(1, knots=9).double()
    given, wanted = np.linspace(-1, 1, 9), start + np.cumsum([0, *steps])
    calibration.set_curve(given, wanted)
    image = torch.linspace(-2, 2, 401).double().reshape(1, 1, 1, -1)
    found = calibration(image)[0, 0, 0].numpy()
    assert (np.diff(found) > 0).all()
    at_knots = calibration(torch.from_numpy(given).reshape(1, 1, 1, -1))[0, 0, 0].numpy()
    np.testing.assert_allclose(at_knots, wanted, atol=1e-3)
    np.testing.assert_allclose(found[100:301], np.interp(image[0, 0, 0, 100:301].numpy(), given, wanted), atol=1e-3)


def test_equal_knots_are_separated():
    calibration = Calibration(1, knots=4)
    calibration.set_curve([-1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 2.0, 3.0])
    assert (calibration.given.diff() > 0).all()
    assert torch.isfinite(calibration.slope).all()


def test_the_filter_is_a_correlation_with_the_kernel():
    calibration = Calibration(3).double()
    kernel = torch.rand(3, 3, generator=torch.Generator().manual_seed(0)).double()
    calibration.kernel.copy_(kernel)
    image = torch.rand(1, 1, 6, 7, generator=torch.Generator().manual_seed(1)).double()
    expected = sum(kernel[i, j] * image[..., i : i + 4, j : j + 5] for i in range(3) for j in range(3))
    torch.testing.assert_close(calibration.filtered(image)[..., 1:-1, 1:-1], expected)
    assert calibration.filtered(image).shape == image.shape


def test_receptive_radius_with_a_calibration_is_in_cells():
    generator = torch.nn.Identity()
    generator.calibration, generator.stride, generator.receptive_radius = Calibration(33), 8, 3
    assert Calibrated(generator).receptive_radius == 5


@pytest.mark.parametrize("wrong", [{"taps": 4}, {"knots": 1}])
def test_wrong_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match="an odd number and at least 2"):
        Calibration(**wrong)
