"""
Fit the two regressions by which ``sunpy_restore/desaturation/detection/evidence.py`` tells blooming from clipping.

    python tools/fit_blooming_evidence.py --data DATA [--scenes 800 2000]

DATA is a folder of level-1 AIA images. Half of the scenes are brightened parts of them, the others simulated flares in
front of them. Each is exposed once with charge that blooms and once with charge that is clipped. The constants to put
into the module are fitted to scenes of three of the images. A first table shows what other thresholds would change in
scenes of each of these images, with the regressions fitted to those of the two others. The rule, with all constants as
they are in the module, is then judged by scenes of four other images.
"""

import argparse
from collections import namedtuple
from itertools import pairwise, product
from pathlib import Path

import numpy as np
from scipy import ndimage, signal, special

import sunpy.map

from sunpy_restore.desaturation.detection.blooming import MATTERS, evidence_of_blooming
from sunpy_restore.desaturation.detection.evidence import (
    features,
    features_far,
    is_bloomed,
    is_doubtful,
    vertical_runs,
)
from sunpy_restore.desaturation.detection.plateau import find_plateau
from sunpy_restore.desaturation.forward import FULL_WELL, bloom, expose
from sunpy_restore.desaturation.fringes.psf import EUV_CHANNELS, mesh_psf

FITTED = (
    "aia.lev1_euv_12s.2010-11-03T121518Z.171.image.fits.gz",
    "aia.lev1_euv_12s.2010-11-03T121518Z.304.image.fits.gz",
    "AIA20220402_131341_0304.fits.gz",
)
KEPT_BACK = (
    "aia.lev1_euv_12s.2010-11-03T121518Z.193.image.fits.gz",
    "aia.lev1_euv_12s.2010-11-03T121518Z.94.image.fits.gz",
    "aia_171_cutout_20130310.fits.gz",
    "AIA20220402_131505_0304.fits.gz",
)
FIRST_SEEDS = {"fitted": 0, "kept back": 20_000}
SIZE = 240  # pixels
SATURATED = (25, 600)  # pixels of brightened images
CONTRAST = 3  # of the 300 brightest pixels of a scene to its median, at least
PEAKS = (1.15, 12)  # full wells
WIDTHS = (1, 4)  # pixels; standard deviations of the sources of a flare
MEANS = (0.95, 1)  # of the flat field
SCATTERS = (0, 0, 0.01, 0.02, 0.005)  # of the flat field
RIDGE = 0.1
DECISIVE = (1.25, 1.5, 2, 2.5)  # logarithms of odds
CONTRADICTIONS = (-0.5, 0, 0.5)  # logarithms of odds
DECISIVE_MISFITS = (0.3, 0.4)
PEAK_BINS = (1, 1.5, 2, 5, np.inf)  # full wells

Exposure = namedtuple("Exposure", "image name peak is_bloomed evidence")
"""File of the scene, the same or the channel of a flare, peak in full wells, whether charge bloomed, and evidence."""


def read_images(folder, names):
    """Images by the names of their files, in DN."""
    return {name: np.nan_to_num(sunpy.map.Map(Path(folder) / name).data.astype(float)) for name in names}


def log_uniform(rng, limits):
    return np.exp(rng.uniform(*np.log(limits)))


def cutout(rng, image):
    y, x = (rng.integers(0, length - SIZE) for length in image.shape)
    return image[y : y + SIZE, x : x + SIZE]


def brightened(rng, images):
    """Part of an observation, brightened until some of its pixels exceed the full well, in DN."""
    name = list(images)[rng.integers(len(images))]
    for _ in range(50):
        scene = cutout(rng, images[name])
        if np.sort(scene, axis=None)[-300:].max() > CONTRAST * np.median(scene):
            break
    number = int(log_uniform(rng, SATURATED))
    return FULL_WELL * scene / np.sort(scene, axis=None)[-number], name, name


def flare(rng, images):
    """One to three sources with their fringes in front of part of an observation, in DN with noise."""
    name = list(images)[rng.integers(len(images))]
    scene = cutout(rng, images[name])
    channel = EUV_CHANNELS[rng.integers(len(EUV_CHANNELS))]
    y, x = np.indices(scene.shape) - SIZE / 2 + rng.uniform(-1, 1, (2, 1, 1))
    light = np.zeros(scene.shape)
    for index in range(rng.integers(1, 4)):
        shape = source(rng, y, x, is_central=index == 0)
        light += shape if index == 0 else shape * rng.uniform(0.3, 1)
    light = signal.fftconvolve(light, mesh_psf(channel), mode="same")
    peak = log_uniform(rng, PEAKS)
    background = scene / np.sort(scene, axis=None)[-20] * rng.uniform(0.1, 0.7)
    light = FULL_WELL * (background + peak * light / light.max())
    return expose(light, channel, rng)[1], name, f"flare, {channel}"


def source(rng, y, x, *, is_central):
    """Light of a round or elongated source: a Gaussian, a ribbon of uniform brightness, or one with wide wings."""
    angle, width = rng.uniform(0, np.pi), log_uniform(rng, WIDTHS)
    length = width * log_uniform(rng, (1, 5)) if rng.random() < 0.6 else width
    if not is_central:
        up, right = rng.uniform(-35, 35, 2)
        y, x = y - up, x - right
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    kind = rng.integers(3)
    if kind == 0:
        return np.exp(-((along / length) ** 2 + (across / width) ** 2) / 2)
    if kind == 1:
        ends = [special.erf((along + side * 2 * length) / width / np.sqrt(2)) for side in (1, -1)]
        return np.exp(-((across / width) ** 2) / 2) * (ends[0] - ends[1]) / 2
    return (1 + (along / length) ** 2 + (across / width) ** 2) ** -1.5


def exposures_of(seed, images):
    """The bloomed and the clipped exposure of one scene, by a camera with a flat field and partly registered."""
    rng = np.random.default_rng(seed)
    light, *names = (brightened if rng.random() < 0.5 else flare)(rng, images)
    mean, scatter = rng.uniform(*MEANS), SCATTERS[rng.integers(len(SCATTERS))]
    flat = mean * (1 + scatter * rng.normal(size=light.shape))
    if scatter == 0 and rng.random() < 0.5:
        flat = np.ones(light.shape)
    order = {4: 1, 5: 3}.get(rng.integers(6))  # of the interpolation of a third of the images
    shift = rng.uniform(-0.5, 0.5, 2)
    for has_bloomed, charge in ((True, bloom(light)), (False, np.minimum(light, FULL_WELL))):
        image = np.rint(charge * flat)
        if order is not None:
            image = np.rint(ndimage.shift(image, shift, order=order, mode="nearest"))
        yield *names, light.max() / FULL_WELL, has_bloomed, np.minimum(image, FULL_WELL)


def collect(seeds, images):
    """Evidence in the exposures whose longest run is long enough to make a difference."""
    found = []
    for seed in seeds:
        for *known, image in exposures_of(seed, images):
            saturated, level = find_plateau(image)
            _, start, stop = vertical_runs(saturated)
            if (stop - start).max(initial=0) >= MATTERS:
                found.append(Exposure(*known, evidence_of_blooming(saturated, image, level)))
    return found


def design(exposures, quantities):
    """Quantities, one row for each exposure in which light is seen around the runs, and whether its charge bloomed."""
    seen = [exposure for exposure in exposures if np.isfinite(exposure.evidence[0]).all()]
    has_bloomed = np.array([exposure.is_bloomed for exposure in seen])
    return np.array([quantities(*exposure.evidence) for exposure in seen]), has_bloomed


def fit(values, has_bloomed):
    """
    Logistic regression with a ridge on the standardised quantities.

    Returns
    -------
    weights : `numpy.ndarray`
        Of the quantities themselves, rounded to hundredths.
    offset : `float`
    """
    mean, scale = values.mean(axis=0), values.std(axis=0)
    matrix = np.column_stack([(values - mean) / scale, np.ones(len(values))])
    weights = np.zeros(matrix.shape[1])
    for _ in range(40):  # Newton's method
        probability = special.expit(matrix @ weights)
        gradient = matrix.T @ (probability - has_bloomed) + RIDGE * weights
        hessian = (matrix.T * (probability * (1 - probability))) @ matrix + RIDGE * np.eye(len(weights))
        weights -= np.linalg.solve(hessian, gradient)
    return np.round(weights[:-1] / scale, 2), round(float(weights[-1] - weights[:-1] @ (mean / scale)), 2)


def odds_of_unknown_images(exposures, quantities):
    """Logarithms of the odds in the scenes of each image, from a fit to those of all others."""
    values, has_bloomed = design(exposures, quantities)
    image = np.array([exposure.image for exposure in exposures if np.isfinite(exposure.evidence[0]).all()])
    odds = np.empty(len(image))
    for name in np.unique(image):
        own = image == name
        weights, offset = fit(values[~own], has_bloomed[~own])
        odds[own] = values[own] @ weights + offset
    return odds, has_bloomed


def thresholds(exposures):
    """Lines of a table of misjudgements by the thresholds of the rule."""
    odds, has_bloomed = odds_of_unknown_images(exposures, features)
    far, _ = odds_of_unknown_images(exposures, features_far)
    misfit = design(exposures, lambda light, length, misfit: misfit)[0]
    yield "_DECISIVE  _DECISIVE_MISFIT  _CONTRADICTION  bloomed for clipped [%]  clipped for bloomed [%]"
    for decisive, small, contradiction in product(DECISIVE, DECISIVE_MISFITS, CONTRADICTIONS):
        taken = (odds > decisive) | ((misfit < small) & (far > contradiction))
        missed, wrong = 100 * (~taken[has_bloomed]).mean(), 100 * taken[~has_bloomed].mean()
        yield f"{decisive:9} {small:17} {contradiction:15} {missed:24.1f} {wrong:24.1f}"


def misjudgements(exposures):
    """
    Numbers of exposures by the truth and by what the rule takes them for.

    Returns
    -------
    `dict`
        Bloomed exposures; those taken for clipped without and with a warning; clipped exposures; those taken for
        bloomed; and those taken for clipped, but with a warning. A warning is never issued of bloomed charge.
    """
    counts = dict.fromkeys(["bloomed", "silent", "warned", "clipped", "for bloomed", "doubted"], 0)
    for exposure in exposures:
        doubted = is_doubtful(*exposure.evidence)
        counts["bloomed" if exposure.is_bloomed else "clipped"] += 1
        if exposure.is_bloomed and not is_bloomed(*exposure.evidence):
            counts["warned" if doubted else "silent"] += 1
        elif not exposure.is_bloomed and is_bloomed(*exposure.evidence):
            counts["for bloomed"] += 1
        elif not exposure.is_bloomed and doubted:
            counts["doubted"] += 1
    return counts


def table(exposures):
    """Lines of a table of misjudgements by image or channel, and by peak."""
    groups = {"all": exposures}
    for name in sorted({exposure.name for exposure in exposures}):
        groups[name] = [exposure for exposure in exposures if exposure.name == name]
    for low, high in pairwise(PEAK_BINS):
        groups[f"peak {low} to {high} full wells"] = [part for part in exposures if low <= part.peak < high]
    yield f"{'':55} bloomed  for clipped: silent  warned | clipped  for bloomed: silent  only warned"
    for name, members in groups.items():
        bloomed, silent, warned, clipped, wrong, doubted = misjudgements(members).values()
        yield f"{name:55} {bloomed:7} {silent:20} {warned:7} | {clipped:7} {wrong:20} {doubted:12}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of level-1 AIA images")
    parser.add_argument(
        "--scenes", type=int, nargs=2, default=(800, 2000), help="numbers of scenes to fit and to judge"
    )
    arguments = parser.parse_args()
    fitted, kept_back = (
        collect(range(first, first + number), read_images(arguments.data, names))
        for first, number, names in zip(FIRST_SEEDS.values(), arguments.scenes, (FITTED, KEPT_BACK), strict=True)
    )
    for suffix, quantities in (("", features), ("_FAR", features_far)):
        weights, offset = fit(*design(fitted, quantities))
        print(f"_WEIGHTS{suffix} = {tuple(weights.tolist())}\n_OFFSET{suffix} = {offset}")
    print("\nfitted, with other images:", *thresholds(fitted), sep="\n")
    for name, exposures in (("fitted", fitted), ("kept back", kept_back)):
        print(f"\n{name}:", *table(exposures), sep="\n")


if __name__ == "__main__":
    main()
