"""Images of the corona that are unlike good ones are told by their numbers; good ones are not."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import fft, ndimage

import sunpy.map

from sunpy_restore.core.reports.likeness import FOLDER, read_likeness
from sunpy_restore.data import sample_path
from sunpy_restore.inpainting.likeness import fingerprint
from sunpy_restore.inpainting.observation import Observation

CUTOUTS = (np.s_[120:700, 300:900], np.s_[600:900, 200:700], np.s_[300:800, 580:900])


@cache
def sample(name):
    return sunpy.map.Map(sample_path(name))


def above(smap):
    """Brightness above the bias."""
    return np.maximum(smap.data - smap.meta["offset"], 1.0)


def of_sample(name, corner=128):
    """A sample of another instrument, repeated to a full frame of values from 0 to 10,000."""
    data = np.nan_to_num(sunpy.map.Map(sample_path(name)).data.astype(float))[:corner, :corner]
    data = np.tile(data, (1024 // corner + 1, 1024 // corner + 1))[:1024, :1024]
    return 1e4 * (data - data.min()) / np.ptp(data)


def noise(shape, rng, sigma):
    return sigma * rng.standard_normal(shape)


def storm(image, rng, share, length):
    """Hits of particles along short tracks."""
    hits = np.zeros(image.shape)
    rows, columns = rng.integers(0, image.shape, (int(share * image.size / length), 2)).T
    for step in range(length):
        hits[rows % len(hits), (columns + step) % len(hits)] += rng.exponential(2000, len(rows))
    return image + hits


def coded(image, step):
    """As JPEG: the cosine transform of blocks of 8 x 8 pixels in coarse steps."""
    blocks = image.reshape(len(image) // 8, 8, -1, 8)
    return fft.idctn(step * np.round(fft.dctn(blocks, axes=(1, 3), norm="ortho") / step), axes=(1, 3),
                     norm="ortho").reshape(image.shape)  # fmt: skip


def star(image, rng):
    y, x = np.indices(image.shape)
    return 2e4 / (1 + (np.hypot(x - 300, y - 700) / 9) ** 2) ** 1.5 + noise(image.shape, rng, 5) + 100


KINDS = {
    "logarithm": lambda image, rng: 1000 * np.log(image + 10),
    "cosmic-ray storm": lambda image, rng: storm(image, rng, 0.06, 1),
    "particle storm": lambda image, rng: storm(image, rng, 0.3, 6),
    "smoothed": lambda image, rng: ndimage.gaussian_filter(image, 2),
    "sharpened": lambda image, rng: image + 3 * (image - ndimage.gaussian_filter(image, 1.5)),
    "running difference": lambda image, rng: image - above(sample("lasco_c3_later")) + 0.1 * (image.mean() - image),
    "compressed": lambda image, rng: coded(image, 400.0),
    "noise": lambda image, rng: image + noise(image.shape, rng, 400),
    "enlarged": lambda image, rng: ndimage.zoom(image[256:768, 256:768], 2, order=3),
    "flat": lambda image, rng: np.full(image.shape, 3000.0) + noise(image.shape, rng, 20),
    "gradient": lambda image, rng: np.linspace(500, 5000, image.shape[1]) + noise(image.shape, rng, 20),
    "inverted": lambda image, rng: np.percentile(image, 99.9) - image,
    "star": star,
    "solar disk": lambda image, rng: of_sample("aia_171_quiet") + noise(image.shape, rng, 10),
    "overexposed": lambda image, rng: np.minimum(image, np.percentile(image, 40)),
    "underexposed": lambda image, rng: rng.poisson(image / 400).astype(float),
    "stripes": lambda image, rng: image + 200 * (np.arange(1024)[:, np.newaxis] % 2),
    "row offsets": lambda image, rng: image + rng.normal(0, 100, (1024, 1)),
    "shuffled": lambda image, rng: rng.permutation(image.ravel()).reshape(image.shape),
}
"""Images that are no normal ones, from an image above its bias."""


def unlikeness(image, place, header=None):
    """Score of a part of a full frame with a hole; infinite if it is refused."""
    smap = sample("lasco_c3_cme")
    data = np.where(smap.data == 0, 0, image + smap.meta["offset"])[place].astype(np.float32)
    meta = smap.meta.copy()
    for axis, part in enumerate(reversed(place), start=1):
        meta[f"crpix{axis}"] -= part.start or 0
    meta.update(header or {})
    mask = np.zeros(data.shape, dtype=bool)
    mask[64:96, 64:128] = True
    try:
        observation = Observation.from_map(sunpy.map.Map(data, meta), mask=mask)
    except (TypeError, ValueError):
        return np.inf
    return read_likeness(FOLDER / "inpaint.json").measure(fingerprint(observation))[0]


@pytest.mark.parametrize("kind", KINDS)
def test_unusual_images_are_told(kind):
    image, rng = above(sample("lasco_c3_cme")), np.random.default_rng(5)
    changed = KINDS[kind](image, rng)
    scores = [unlikeness(changed, place) for place in CUTOUTS]
    assert np.mean(np.array(scores) > 1) > 0.9, scores


def test_another_pointing_is_told():
    assert unlikeness(above(sample("lasco_c3_cme")), np.s_[:, :], {"crpix1": 900.0, "crpix2": 300.0}) > 1


@pytest.mark.parametrize("name", ["lasco_c3_cme", "lasco_c3_later"])
@pytest.mark.parametrize("place", [np.s_[:, :], *CUTOUTS])
def test_good_images_are_like_good_images(name, place):
    image = above(sample(name))
    assert unlikeness(image, place) <= 1
    assert (
        unlikeness(image + noise(image.shape, np.random.default_rng(2), 0.005 * np.sqrt(image.mean() * image)), place)
        <= 1
    )


def test_numbers_do_not_depend_on_the_unit():
    smap = sample("lasco_c3_cme")
    mask = np.zeros(smap.data.shape, dtype=bool)
    mask[640:672, 300:332] = True
    one = Observation.from_map(smap, mask=mask)
    other = replace(one, image=1e-13 * one.image, bias=1e-13 * one.bias)
    for (name, first), second in zip(fingerprint(one).items(), fingerprint(other).values(), strict=True):
        assert first == pytest.approx(second, abs=1e-3), name


def test_nothing_is_measured_in_too_few_pixels():
    one = Observation(image=np.ones((8, 8)), mask=np.eye(8, dtype=bool), unobserved=np.zeros((8, 8), dtype=bool),
                      center=(-200.0, 0.0), detector="C2")  # fmt: skip
    assert np.isnan(list(fingerprint(one).values())).all()
