"""Images that were rotated or resampled before the restoration are told from original ones."""

import warnings
from pathlib import Path

import numpy as np
import pytest

import astropy.units as u

from sunpy_restore import enhance
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.enhancement.hmi.sampling import warn_of_interpolation
from sunpy_restore.enhancement.optics.telescope import HMI

NAMES = ("hmi_continuum_spot", "hmi_continuum_quiet", "hmi_magnetogram")


def warned(smap):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        warn_of_interpolation(smap)
    assert all(one.category is RestoreWarning for one in found)
    return [str(one.message) for one in found]


@pytest.mark.parametrize("name", NAMES)
def test_original_images_are_accepted(samples, name):
    smap = samples[name]
    assert not warned(smap)
    assert not warned(smap.submap((5, 5) * u.pix, top_right=(30, 30) * u.pix))
    assert not warned(smap.rotate(90 * u.deg, missing=0))


@pytest.mark.parametrize("scale", [0.5040, 0.50423, 0.5045, 0.5055])
@pytest.mark.parametrize("roll", [0.0, -0.3, 179.93, 180.07, -179.9, 90.02, 270.0])
def test_headers_of_the_telescope_are_accepted(small_sun, scale, roll):
    assert not warned(small_sun(np.ones((20, 20)), cdelt1=scale, cdelt2=scale, crota2=roll))
    assert not warned(small_sun(np.ones((20, 20)), cdelt1=-scale, cdelt2=scale, crota2=roll))


@pytest.mark.parametrize("angle", [30, -45, 1.5, 93])
def test_rotated_images(samples, angle):
    messages = warned(samples["hmi_continuum_spot"].rotate(angle * u.deg, missing=0))
    assert len(messages) == 1
    assert "Enhance the original image and rotate the result" in messages[0]


@pytest.mark.parametrize("size", [(129, 129), (128, 129), (127, 127), (126, 128)])
def test_resampled_images(samples, size):
    messages = warned(samples["hmi_continuum_spot"].resample(size * u.pix))
    assert len(messages) == 1
    assert "expected 0.504 arcsec" in messages[0]
    assert "Enhance the original image and resample the result" in messages[0]


def test_both(samples):
    smap = samples["hmi_continuum_spot"].rotate(30 * u.deg, missing=0)
    assert len(warned(smap.resample(u.Quantity(smap.dimensions) * 1.01))) == 2


def test_enhance_warns_and_names_the_line_of_the_user(samples):
    smap = samples["hmi_continuum_quiet"]
    with pytest.warns(RestoreWarning, match=r"^Found pixels of 0.5001 x 0.504 arcsec") as found:
        enhance(smap.resample((129, 40) * u.pix), method="bicubic")
    assert Path(found[0].filename) == Path(__file__)


def test_other_telescopes_have_their_own_pixels(samples):
    from dataclasses import replace

    from sunpy_restore.enhancement.observation import Observation

    smap = samples["hmi_continuum_quiet"].resample((129, 41) * u.pix)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RestoreWarning)
        Observation.from_map(smap, product="continuum", telescope=replace(HMI, pixel_scale=0.5))
