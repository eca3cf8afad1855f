"""Good HMI observations, by which an unusual one is told."""

from dataclasses import replace
from functools import partial

import numpy as np

from sunpy_restore.enhancement.observation import Observation
from sunpy_restore.enhancement.recipe.calibration import cases, read_scenes
from sunpy_restore.enhancement.recipe.degradation import NOISES
from sunpy_restore.enhancement.recipe.listed import arrays_of
from sunpy_restore.enhancement.task import CONTINUUM, MAGNETOGRAM

__all__ = ["good_images"]

_CUTOUTS = 60  # of each scene
_SMALLEST, _LARGEST = 24, 160  # pixels
_FRAMES = 4
_SIMULATED = 40
_NOISY = 4
"""
One of so many cutouts of real continuum images gets noise, up to the largest that errors are learned from.

In magnetograms with as much noise, sharpened images and stripes could not be told.
"""


def good_images(task, directory):
    """
    Real HMI images, cutouts of them, and simulated ones of other regions, distances from the limb and noise.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Restoration`
        The task.
    directory : path-like
        Folder of the data.

    Returns
    -------
    `list` of ``(name, make)``
        ``make()`` gives an `~sunpy_restore.enhancement.observation.Observation`.
    """
    scenes, result = read_scenes(f"{task.name}-good"), []
    for entry in scenes.entries:
        for path in scenes.paths(entry, directory):
            arrays = arrays_of(entry, path, task is not MAGNETOGRAM)
            frames = np.unique(np.linspace(0, len(arrays) - 1, _FRAMES).astype(int))
            for number in frames:
                image = arrays[number].astype(np.float32)
                rng = np.random.default_rng(number)
                result.append((f"{entry.name}, frame {number}", partial(Observation.from_array, image, task)))
                for cutout in range(_CUTOUTS // len(frames)):
                    part = _cutout(image, rng)
                    if task is not MAGNETOGRAM and cutout % _NOISY == 0:
                        part = _noisy(part, np.random.default_rng([number, cutout]))
                    name = f"{entry.name}, frame {number}, cutout {cutout}"
                    result.append((name, partial(Observation.from_array, part, task)))
    fine = {entry.name for entry in read_scenes(task.name).entries if not entry.options.get("sharpened")}
    simulated = [case for case in cases(task.name, directory) if case.name.rsplit(", ", 2)[0] in fine]
    step = max(1, len(simulated) // _SIMULATED)
    return result + [(case.name, partial(_observation, case)) for case in simulated[::step]]


def _cutout(image, rng):
    sides = [rng.integers(_SMALLEST, min(_LARGEST, length) + 1) for length in image.shape]
    corner = [rng.integers(length - side + 1) for length, side in zip(image.shape, sides, strict=True)]
    return image[corner[0] : corner[0] + sides[0], corner[1] : corner[1] + sides[1]]


def _noisy(image, rng):
    noises = NOISES[CONTINUUM.name]
    noise = np.exp(rng.uniform(np.log(noises[0]), np.log(noises[-1])))
    return image + (noise * rng.standard_normal(image.shape)).astype(np.float32)


def _observation(case):
    """The observation of a case; its gaps are no outliers."""
    observation = case.make()[0]
    return replace(observation, gaps=~observation.valid)
