"""Inputs that are unlike good HMI images are told, and good ones are not."""

import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage

import astropy.units as u

import sunpy.map

from sunpy_restore import enhance
from sunpy_restore.core.exceptions import RestoreWarning
from sunpy_restore.core.reports.likeness import likeness_of
from sunpy_restore.data import sample_path
from sunpy_restore.enhancement.deconvolution.classical import richardson_lucy, richardson_lucy_signed
from sunpy_restore.enhancement.likeness import fingerprint
from sunpy_restore.enhancement.observation import Observation
from sunpy_restore.enhancement.task import CONTINUUM, MAGNETOGRAM

CUTOUTS = 4
SIDE = 80
LEAST_DETECTED = 0.9


def levels(image, number=256):
    """Rounded to as many values from zero, or the smallest negative one, to the largest."""
    low, high = min(0, image.min()), image.max()
    return np.round((image - low) / (high - low) * (number - 1)) / (number - 1) * (high - low) + low


def compressed(image, rng):
    low, high = min(0, image.min()), image.max()
    buffer = io.BytesIO()
    Image.fromarray((255 * np.clip((image - low) / (high - low), 0, 1)).astype(np.uint8)).save(
        buffer, "JPEG", quality=75
    )
    return np.asarray(Image.open(buffer), float) / 255 * (high - low) + low


def zoomed(factor):
    def zoomed(image, rng):
        scaled = ndimage.zoom(image, factor, order=3, mode="mirror", grid_mode=True)
        return np.tile(scaled, (3, 3))[: image.shape[0], : image.shape[1]] if factor < 1 else scaled

    return zoomed


def replicated(image, rng):
    return np.kron(image[::2, ::2], np.ones((2, 2)))


def storm(image, rng):
    hit = rng.uniform(size=image.shape) < 0.03
    return np.where(hit, image + 3 * np.ptp(image), image)


def particles(image, rng):
    hit = ndimage.binary_dilation(rng.uniform(size=image.shape) < 0.02, iterations=1)
    return np.where(hit, image + 3 * np.ptp(image), image)


def binned_restoration(restored):
    ny, nx = (length // 2 for length in restored.shape)
    return restored.reshape(ny, 2, nx, 2).mean(axis=(1, 3))


def stars(image, rng):
    points = np.where(rng.uniform(size=image.shape) < 0.003, rng.exponential(size=image.shape), 0)
    return image.mean() * (0.2 + 60 * ndimage.gaussian_filter(points, 1) + 0.01 * rng.standard_normal(image.shape))


def stripes(image, rng):
    return image * (1 + 0.05 * (np.arange(image.shape[0]) % 2))[:, None]


def stripes_of(amplitude):
    return lambda image, rng: image + amplitude * rng.standard_normal(image.shape[0])[:, None]


def moved(image, rng):
    return ndimage.uniform_filter1d(image, 9, axis=1)


def noisy(share):
    return lambda image, rng: image + share * np.median(image) * rng.standard_normal(image.shape)


CONTINUUM_KINDS = {
    "strong noise": noisy(0.03),
    "very strong noise": noisy(0.1),
    "smoothed": lambda image, rng: ndimage.gaussian_filter(image, 1.5),
    "median filter": lambda image, rng: ndimage.median_filter(image, 5),
    "8 bits": lambda image, rng: levels(image),
    "8 bits, square root": lambda image, rng: levels(np.sqrt(image)),
    "8 bits, logarithm": lambda image, rng: levels(np.log(image / image.min())),
    "square root": lambda image, rng: np.sqrt(np.clip(image / np.median(image), 0.05, None)) ** 0.5,
    "squared": lambda image, rng: (image / np.median(image)) ** 3,
    "inverted": lambda image, rng: image.max() - image,
    "inverted about the median": lambda image, rng: (2 * np.median(image) - image).clip(0.05 * np.median(image)),
    "compressed": compressed,
    "smaller pixels": zoomed(3),
    "larger pixels": zoomed(0.34),
    "replicated pixels": replicated,
    "cosmic-ray storm": storm,
    "particle storm": particles,
    "deconvolved": lambda image, rng: binned_restoration(richardson_lucy(image, 60)),
    "unsharp mask": lambda image, rng: image + 4 * (image - ndimage.gaussian_filter(image, 2)),
    "high contrast": lambda image, rng: np.median(image) * (1 + 4 * (image / np.median(image) - 1)).clip(0.01),
    "low contrast": lambda image, rng: np.median(image) * (1 + 0.2 * (image / np.median(image) - 1)),
    "constant": lambda image, rng: np.full_like(image, np.median(image)),
    "gradient": lambda image, rng: np.median(image) * (0.6 + 0.8 * np.indices(image.shape)[1] / image.shape[1]),
    "white noise": lambda image, rng: 1 + 0.04 * rng.standard_normal(image.shape),
    "stars": stars,
    "stripes": stripes,
    "motion": moved,
    "clipped": lambda image, rng: np.clip(image, *np.percentile(image, [10, 90])),
    "rows exchanged": lambda image, rng: image[np.argsort(np.arange(len(image)) ^ 1)],
    "checkerboard": lambda image, rng: image * (1 + 0.03 * (-1.0) ** np.indices(image.shape).sum(axis=0)),
    "dead pixels": lambda image, rng: np.where(rng.uniform(size=image.shape) < 0.03, 0.01 * np.median(image), image),
    "equalised": lambda image, rng: np.argsort(np.argsort(image.ravel())).reshape(image.shape) / image.size,
}

MAGNETOGRAM_KINDS = {
    "strong noise": lambda image, rng: image + 60 * rng.standard_normal(image.shape),
    "smoothed": lambda image, rng: ndimage.gaussian_filter(image, 2),
    "median filter": lambda image, rng: ndimage.median_filter(image, 5),
    "8 bits": lambda image, rng: levels(np.clip(image, -1500, 1500)),
    "8 bits, clipped": lambda image, rng: levels(np.clip(image, -100, 100)),
    "logarithm": lambda image, rng: np.sign(image) * np.log1p(np.abs(image)),
    "8 bits, square root": lambda image, rng: levels(np.sign(image) * np.sqrt(np.abs(image))),
    "absolute values": lambda image, rng: np.abs(image),
    "kG given as G": lambda image, rng: image / 1000,
    "too strong": lambda image, rng: image * 20,
    "compressed": compressed,
    "smaller pixels": zoomed(3),
    "replicated pixels": replicated,
    "cosmic-ray storm": storm,
    "particle storm": particles,
    "deconvolved": lambda image, rng: 1000 * binned_restoration(richardson_lucy_signed(image / 1000, 60)),
    "unsharp mask": lambda image, rng: image + 4 * (image - ndimage.gaussian_filter(image, 2)),
    "constant": lambda image, rng: np.full_like(image, 20),
    "gradient": lambda image, rng: 500.0 * np.indices(image.shape)[1] / image.shape[1] - 250,
    "white noise": lambda image, rng: 300 * rng.standard_normal(image.shape),
    "stripes": stripes_of(60),
    "motion": moved,
    "clipped": lambda image, rng: np.clip(image, -40, 40),
    "rows exchanged": lambda image, rng: image[np.argsort(np.arange(len(image)) ^ 1)],
    "checkerboard": lambda image, rng: image + 40 * (-1.0) ** np.indices(image.shape).sum(axis=0),
    "without weak field": lambda image, rng: np.where(np.abs(image) < 30, 0, image),
    "sign only": lambda image, rng: 100 * np.sign(image),
}

SAMPLES = {"continuum": ("hmi_continuum_quiet", "hmi_continuum_spot"), "magnetogram": ("hmi_magnetogram",)}
KINDS = [("continuum", name) for name in CONTINUUM_KINDS] + [("magnetogram", name) for name in MAGNETOGRAM_KINDS]


def cutouts(product, number=CUTOUTS, side=SIDE):
    """Maps of cutouts, as arrays and headers."""
    rng = np.random.default_rng(8)
    for index in range(number):
        smap = sunpy.map.Map(sample_path(SAMPLES[product][index % len(SAMPLES[product])]))
        row, column = (rng.integers(max(length - side, 0) + 1) for length in smap.data.shape)
        meta = dict(smap.meta)
        meta["crpix1"], meta["crpix2"] = meta["crpix1"] - column, meta["crpix2"] - row
        yield smap.data[row : row + side, column : column + side].astype(float), meta


def score(image, meta, product):
    """Infinite for an image that is refused."""
    meta = {key: value for key, value in meta.items() if key not in ("naxis1", "naxis2")}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            observation = Observation.from_map(sunpy.map.Map(image.astype(np.float32), meta))
    except ValueError:
        return np.inf
    task = {"continuum": CONTINUUM, "magnetogram": MAGNETOGRAM}[product]
    return likeness_of(task).measure(fingerprint(observation))[0]


@pytest.mark.parametrize(("product", "kind"), KINDS)
def test_unusual_images_are_told(product, kind):
    change = {"continuum": CONTINUUM_KINDS, "magnetogram": MAGNETOGRAM_KINDS}[product][kind]
    rng = np.random.default_rng(1)
    scores = [score(change(image, rng), meta, product) for image, meta in cutouts(product)]
    assert np.mean(np.array(scores) > 1) > LEAST_DETECTED, np.round(scores, 2)


@pytest.mark.parametrize("product", SAMPLES)
@pytest.mark.parametrize("side", [20, 40, 64, 100])
def test_good_images_are_not(product, side):
    for image, meta in cutouts(product, 12, side):
        for turned in (image, image[::-1], image.T):
            assert score(turned, meta, product) <= 1


@settings(max_examples=20, deadline=None)
@given(ny=st.integers(1, 12), nx=st.integers(1, 12), product=st.sampled_from(sorted(SAMPLES)))
def test_small_images_are_like_typical_ones(ny, nx, product):
    ((image, _),) = cutouts(product, 1)
    task = {"continuum": CONTINUUM, "magnetogram": MAGNETOGRAM}[product]
    part = image[:ny, :nx] / (np.median(image) if task is CONTINUUM else 1000)
    found = fingerprint(Observation.from_array(part.astype(np.float32), task))
    assert np.isfinite(list(found.values())).all()
    assert likeness_of(task).measure(found)[0] <= 1


def test_a_noise_that_the_image_does_not_have_is_told():
    ((image, meta),) = cutouts("magnetogram", 1, 120)
    smap = sunpy.map.Map(image.astype(np.float32), {key: meta[key] for key in meta if key not in ("naxis1", "naxis2")})
    ranges, name = likeness_of(MAGNETOGRAM), "noise in fine structure"
    measured = fingerprint(Observation.from_map(smap))
    assert ranges.measure(measured)[0] <= 1
    stated = {noise: fingerprint(Observation.from_map(smap, noise=noise * u.G)) for noise in (7, 35)}
    assert stated[7][name] == pytest.approx(measured[name], abs=0.5)
    assert stated[35][name] > measured[name] + 1
    assert ranges.measure(stated[35])[0] > 1


def test_the_warning_shows_plain_values(samples):
    smap = sunpy.map.Map(np.full((50, 50), 5e4, np.float32), samples["hmi_continuum_spot"].meta)
    with pytest.warns(RestoreWarning, match="is unlike those") as found:
        enhance(smap, method="bicubic")
    text = next(str(one.message) for one in found if "is unlike those" in str(one.message))
    assert "share of equal neighbours is 35.5 % (in good images 2 % at most)" in text


@pytest.mark.parametrize("noise", [3e-4, 1e-3, 3e-3, 1e-2])
def test_noise_that_errors_are_learned_from_is_not_unusual(noise):
    rng = np.random.default_rng(5)
    for image, meta in cutouts("continuum", 4, 100):
        assert score(image + noise * np.median(image) * rng.standard_normal(image.shape), meta, "continuum") <= 1
