"""Cubic interpolation without clipping raises a few pixels at the rim of a plateau above the full well."""

import numpy as np
import pytest
from scipy import ndimage

from sunpy_restore import desaturate, filled
from sunpy_restore.desaturation.detection.plateau import find_overshoots
from sunpy_restore.desaturation.detection.saturation import find_saturation
from sunpy_restore.desaturation.forward import bloom

WELL = 16383.0
HIGHEST = 1.08 * WELL
STEPS = ((0.5, 0.5), (0.35, -0.4), (-0.2, 0.45))
MESSAGE = "corrected for degradation, deconvolved or scaled"


def cubic_convolution(image, steps):
    """With the kernel of Keys (1981) for a = -0.5, as by IDL's ``rot(cubic=-0.5)``."""
    for axis, step in enumerate(steps):
        distance = np.abs(np.arange(-2, 3) - step)
        near = 1.5 * distance**3 - 2.5 * distance**2 + 1
        far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
        kernel = np.where(distance < 1, near, np.where(distance < 2, far, 0))
        image = ndimage.convolve1d(image, kernel, axis, mode="nearest")
    return image


INTERPOLATIONS = {
    "cubic convolution": cubic_convolution,
    "cubic spline": lambda image, steps: ndimage.shift(image, steps, order=3, mode="nearest"),
}


@pytest.fixture(scope="module")
def bloomed(make_flare):
    """A bloomed exposure, and the truth."""
    _, truth = make_flare(peak=8.0)
    return bloom(np.round(truth)), truth


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("steps", STEPS)
def test_overshoots_of_registered_images_are_saturated(make_map, bloomed, interpolation, steps):
    image = INTERPOLATIONS[interpolation](bloomed[0], steps)
    high = image > HIGHEST
    whole, found = find_saturation(make_map(bloomed[0])), find_saturation(make_map(image))
    assert found.saturated[high].all()
    assert found.level == pytest.approx(WELL, rel=0.01)
    assert found.blooming.sum() == pytest.approx(whole.blooming.sum(), rel=0.25)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_more_than_two_pixels_overshoot(bloomed, interpolation):
    """Otherwise they would be spikes."""
    images = [INTERPOLATIONS[interpolation](bloomed[0], steps) for steps in STEPS]
    assert max((image > HIGHEST).sum() for image in images) > 2


def test_the_flux_is_right_where_pixels_overshoot(make_map, bloomed):
    observed, truth = (cubic_convolution(image, STEPS[0]) for image in bloomed)
    smap = make_map(observed)
    for options in ({}, {"saturated": WELL}):
        result = desaturate(smap, **options)
        mask = filled(result)
        assert result.data[mask].sum() == pytest.approx(truth[mask].sum(), rel=0.02)


@pytest.mark.parametrize("factor", [1.1, 1.2, 1.5])
@pytest.mark.parametrize("interpolation", [None, *INTERPOLATIONS])
def test_scaled_saturated_images_are_refused(make_map, bloomed, interpolation, factor):
    image = bloomed[0] if interpolation is None else INTERPOLATIONS[interpolation](bloomed[0], STEPS[0])
    with pytest.raises(ValueError, match=MESSAGE):
        find_saturation(make_map(factor * image))


@pytest.mark.parametrize("width", [1.2, 2, 3, 6])
@pytest.mark.parametrize("peak", [1.1, 1.15, 1.3])
def test_smooth_peaks_above_the_full_well_are_no_overshoots(width, peak):
    rows, columns = np.indices((60, 60)) - 30.3
    image = peak * WELL * np.exp(-(rows**2 + columns**2) / (2 * width**2))
    assert not find_overshoots(image, image > HIGHEST).any()


def test_overshoots_inside_a_plateau_are_none():
    image = np.full((60, 60), 500.0)
    image[20:40, 20:40] = WELL
    image[29:32, 29:32] = 1.1 * WELL
    high = image > HIGHEST
    assert not find_overshoots(image, high).any()
    image[29:32, 29:32], image[20, 22:32:2] = WELL, 1.1 * WELL
    high = image > HIGHEST
    assert (find_overshoots(image, high) == high).all()
