"""Images that are unlike good AIA images are told, and good ones are not."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from skimage import restoration

import sunpy.map

from sunpy_restore import desaturate
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.reports.likeness import score_of
from sunpy_restore.data import sample_path
from sunpy_restore.desaturation.likeness import fingerprint
from sunpy_restore.desaturation.observation import Observation
from sunpy_restore.desaturation.task import TASK


def smooth(image, sigma):
    return ndimage.gaussian_filter(image, sigma)


def jpeg(image, quality):
    """An image after JPEG compression, on its own scale, with values that are not those of 8 bits."""
    low, high = image.min(), np.quantile(image, 0.9999)
    file = BytesIO()
    Image.fromarray((255 * np.clip((image - low) / (high - low), 0, 1)).astype(np.uint8)).save(
        file, "JPEG", quality=quality
    )
    return smooth(np.asarray(Image.open(file)).astype(float) / 255 * (high - low) + low, 0.1)


def struck(image, rng, share, shape):
    hits = ndimage.binary_dilation(rng.random(image.shape) < share, shape)
    return np.where(hits, image + 3 * np.quantile(image, 0.99) * rng.exponential(1, image.shape), image)


def deconvolved(image):
    x = np.arange(-8, 9)
    psf = np.exp(-(x**2 + x[:, None] ** 2) / (2 * 1.5**2))
    top = image.max()
    return top * restoration.richardson_lucy(np.maximum(image, 0.1) / top, psf / psf.sum(), num_iter=30, clip=False)


def whitened(image):
    """Multi-scale Gaussian normalisation."""
    parts = [image - smooth(image, sigma) for sigma in (2, 5, 10)]
    return sum(part / np.sqrt(smooth(part**2, 5) + 1e-6) for part in parts)


KINDS = {
    "fourth root": lambda a, _: np.maximum(a, 0) ** 0.25,
    "smoothed strongly": lambda a, _: smooth(a, 3),
    "deconvolved": lambda a, _: deconvolved(a),
    "noise of half the brightness": lambda a, rng: a + rng.normal(0, 0.5 * np.median(a), a.shape),
    "noise as bright as the image": lambda a, rng: a + rng.normal(0, np.median(a), a.shape),
    "cosmic rays": lambda a, rng: struck(a, rng, 0.01, np.ones((1, 1))),
    "particle storm": lambda a, rng: struck(a, rng, 0.004, np.eye(7)),
    "JPEG, quality 30": lambda a, _: jpeg(a, 30),
    "JPEG, quality 60": lambda a, _: jpeg(a, 60),
    "inverted": lambda a, _: a.max() - a,
    "flat": lambda a, rng: np.median(a) + rng.normal(0, np.sqrt(np.median(a)), a.shape),
    "constant": lambda a, _: np.full(a.shape, np.median(a)),
    "white noise": lambda a, rng: np.abs(rng.normal(0, np.median(a), a.shape)),
    "large pedestal": lambda a, _: a + 20 * np.median(a),
    "pedestal": lambda a, _: a + 5 * np.median(a),
    "stripes": lambda a, rng: a + 0.3 * np.median(a) * rng.normal(size=(len(a), 1)),
    "missing rows": lambda a, _: np.where((np.arange(len(a)) % 4 == 1)[:, None], 0, a),
    "whitened": lambda a, _: whitened(a),
    "running difference": lambda a, _: a - np.roll(a, (1, 2), (0, 1)),
    "rows displaced": lambda a, _: np.stack([np.roll(row, 4 * (i % 2)) for i, row in enumerate(a)]),
}


@pytest.fixture(scope="module")
def quiet():
    return sunpy.map.Map(sample_path("aia_171_quiet"))


@pytest.fixture(scope="module")
def flaring_sample():
    return sunpy.map.Map(sample_path("aia_193_flare"))


@pytest.fixture(scope="module")
def crops(quiet, flaring_sample):
    first, second = quiet.data.astype(float), flaring_sample.data.astype(float)
    return [first[:180, :180], first[70:250, 60:240], first[20:148, 100:228], second, second[10:150, 40:190]]


def observed(image, number=0, **options):
    y, x = np.indices(image.shape)
    place = np.hypot(y - image.shape[0] * (0.3 + 0.1 * number), x - image.shape[1] * (0.6 - 0.1 * number))
    return Observation(image=image, mask=place < 5 + number, **{"channel": 171} | options)


@pytest.mark.parametrize("kind", KINDS)
def test_unusual_images_are_told(kind, crops):
    rng = np.random.default_rng(5)
    scores = [score_of(TASK, observed(KINDS[kind](image, rng), i))[0] for i, image in enumerate(crops)]
    assert np.mean(np.array(scores) > 1) > 0.9, scores


def test_good_images_are_not_unusual(crops):
    """As observed, in another unit, with a shorter exposure, interpolated, mirrored, cut, and with other masks."""
    rng = np.random.default_rng(6)
    scores = []
    for image in crops:
        short = 0.4 * image + np.sqrt(np.maximum(image, 0) * 0.24) * rng.standard_normal(image.shape)
        moved = ndimage.shift(image, (0.3, -0.4))[3:-3, 3:-3]
        good = [image, image / 2, short, moved, image[::-1], image.T, image[20:120, 20:120]]
        scores += [score_of(TASK, observed(part, number))[0] for part in good for number in (0, 2)]
    assert np.mean(np.array(scores) > 1) < 0.02, sorted(scores)[-5:]


def test_display_images_are_not_unusual(crops):
    for image in crops:
        shown = np.round(255 * np.sqrt(np.clip(image / np.quantile(image, 0.999), 0, 1)))
        assert score_of(TASK, observed(shown, channel=None))[0] < 1


def test_real_flare_is_not_unusual(flaring_sample):
    assert score_of(TASK, Observation.from_map(flaring_sample))[0] < 1


def test_only_the_noise_of_photons_depends_on_the_unit(crops):
    first, second = (fingerprint(observed(crops[0] * factor, channel=None)) for factor in (1, 1e-3))
    assert second == pytest.approx(first, rel=1e-3, abs=1e-3)
    name = "variance of the noise relative to the brightness in DN"
    first, second = (fingerprint(observed(crops[0] * factor)) for factor in (1, 2))
    assert second[name] == pytest.approx(first[name] + np.log(2), abs=0.05)


def test_small_images_are_not_judged(crops):
    for side in (9, 20, 40):
        y, x = np.indices((side, side))
        image = crops[1][:side, :side]
        small = Observation(image=image, mask=(y - side // 2) ** 2 + (x - side // 2) ** 2 < 6, channel=171)
        assert score_of(TASK, small)[0] < 1


def test_user_is_warned_of_an_unusual_image(quiet):
    mask = observed(quiet.data).mask
    unusual = sunpy.map.Map(smooth(quiet.data.astype(float), 3), quiet.meta)
    with pytest.warns(RestoreWarning, match="unlike those that it is compared with"):
        result = desaturate(unusual, mask=mask, method="biharmonic")
    assert result.meta["rstlike"] > 1
    assert desaturate(quiet, mask=mask, method="biharmonic").meta["rstlike"] <= 1


REFUSED = {
    "8-bit image": lambda a: (255 * np.sqrt(a / a.max())).astype(np.uint8),
    "millions of DN": lambda a: a * 1e3,
    "no number": lambda a: np.full(a.shape, np.nan),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_unusual_values_are_refused(kind, quiet):
    with pytest.raises(ValueError, match=r"Found|expected"):
        desaturate(sunpy.map.Map(REFUSED[kind](quiet.data.astype(float)), quiet.meta), method="biharmonic")


@pytest.mark.parametrize(
    "changes",
    [
        {"instrume": "EUVI", "telescop": "STEREO_A", "detector": "EUVI", "obsrvtry": "STEREO_A"},
        {"cdelt1": 1.2, "cdelt2": 1.2},
        {"lvl_num": 2.0},
        {"pixlunit": "W / m2", "bunit": "W / m2"},
    ],
)
def test_other_instruments_scales_levels_and_units_are_refused(changes, quiet):
    with pytest.raises((TypeError, ValueError), match="expected"):
        desaturate(sunpy.map.Map(quiet.data, dict(quiet.meta) | changes), method="biharmonic")
