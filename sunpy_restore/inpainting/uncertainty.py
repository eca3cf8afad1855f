"""What tells how large the errors of filled pixels can be. They are measured in units of the noise per pixel."""

import numpy as np
from scipy import ndimage

from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.numerics.cells import normalized_convolution
from sunpy_restore.core.uncertainty.evidence import Evidence
from sunpy_restore.inpainting.corona.cells import CELL, average_near
from sunpy_restore.inpainting.corona.surroundings import LAGS, LARGEST, cell_means
from sunpy_restore.inpainting.lasco.detector_edge import BORDER, full_frame_sides
from sunpy_restore.inpainting.lasco.geometry import OCCULTER_EDGE
from sunpy_restore.inpainting.lasco.missing_blocks import FARTHEST
from sunpy_restore.inpainting.lasco.wide_holes import WIDEST, hole_widths

__all__ = ["BORDER", "ENLARGED", "FARTHEST", "FEATURES", "LONGER", "STRATA", "UNKNOWN", "evidence"]

STRATA = ("quiet corona", "streamer", "front", "occulter's edge")
"""Kinds of filled pixels, by what is around the hole."""

UNKNOWN = "far from any observed pixel, at the border of the field, or never sent"
"""What nothing is known of."""

FEATURES = (
    "distance", "size", "open", "unobserved", "ring", "radius", "relative noise",
    *(f"variation over {CELL * lag} pixels" for lag in LAGS), "radial gradient", "azimuthal gradient", "border",
    "plate - harmonic", "radial - harmonic", "neighbours", "mismatch of neighbours", "fill - harmonic", "fill - plate",
    "fill - neighbours", "step",
)  # fmt: skip
"""Names of the features."""

ENLARGED = 2.5
"""Factor of the uncertainty in holes of at least 10 blocks, from missing half frames."""

LONGER = 3.0
"""Factor of the distances over which errors are correlated, if there are such holes."""

_LEAST = 0.05  # noises; added before logarithms
_FULLY = 10.0  # blocks
_STRONG = 1.0  # noises; smallest gradient over 16 pixels of a streamer or front


def evidence(observation, restored, method):
    """
    Describe the filled pixels of an image.

    Parameters
    ----------
    observation : `~sunpy_restore.inpainting.observation.Observation`
        The observation, shape ``(ny, nx)``.
    restored : `~sunpy_restore.core.restoration.methods.Restored`
        The filled image, by any method.
    method : `~sunpy_restore.core.restoration.methods.Method`
        The method.

    Returns
    -------
    `~sunpy_restore.core.uncertainty.evidence.Evidence`
        For the filled pixels. Nothing is known in pixels that are more than `FARTHEST` pixels from the nearest observed
        one, within `BORDER` pixels of the border of the detector, or never sent by the instrument, and if no cell of 4
        x 4 pixels is observed. In holes that are more than `~sunpy_restore.inpainting.lasco.wide_holes.WIDEST` blocks
        wide, larger than any in the calibration, errors are larger by a factor and correlated over larger distances.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        There are holes of this kind.
    """
    where, scene = observation.filled, observation.without_outliers.surroundings
    if scene is None:
        count = np.count_nonzero(where)
        return Evidence(
            where=where, features=dict.fromkeys(FEATURES, np.zeros(count, dtype=np.float32)), scale=np.ones(count),
            stratum=np.zeros(count, dtype=int), unknown=np.ones(count, dtype=bool),
        )  # fmt: skip
    values = [*_of_place(scene), *_of_surroundings(scene), *_of_neighbours(scene)]
    filled = restored.data if restored.added is None else restored.data - restored.added
    values += _of_fill(scene, observation.without_edge_response(filled))
    unknown = (scene.distance > FARTHEST) | _at_border(scene)
    if observation.never_sent is not None:
        unknown |= observation.never_sent[where]
    enlarged, longer = _in_wide_holes(scene, unknown)
    features = {name: np.nan_to_num(part).astype(np.float32) for name, part in zip(FEATURES, values, strict=True)}
    return Evidence(
        where=where, features=features, scale=scene.noise * enlarged, stratum=_stratum(scene), unknown=unknown,
        added=None if restored.added is None else scene.noise, magnification=longer,
    )  # fmt: skip


def _in_wide_holes(scene, unknown):
    """Factors of the errors of all filled pixels, and of the distances over which they are correlated."""
    widths = hole_widths(scene.observation.filled, scene.observation.binning)
    share = np.clip((widths - WIDEST) / (_FULLY - WIDEST), 0, 1)
    wide = (share > 0) & ~unknown
    if wide.any():
        warn_user(
            f"Found a hole {widths.max():.3g} telemetry blocks wide; expected at most {WIDEST}, for which the "
            f"uncertainty was calibrated. That of {np.count_nonzero(wide)} pixels in such holes is enlarged up to "
            f"{ENLARGED:g} times and only a rough estimate: the whole fill can be too bright or too faint by tens of "
            "per cent. Leave these pixels out of measurements."
        )
    return 1 + (ENLARGED - 1) * share, float(1 + (LONGER - 1) * share.max(initial=0))


def _at_border(scene):
    """Filled pixels at the border of the detector."""
    (ny, nx), binning, sides = scene.observation.mask.shape, scene.observation.binning, scene.observation.sides
    sides = full_frame_sides((ny, nx), binning) if sides is None else sides
    distances = (scene.y, nx - 1 - scene.x, ny - 1 - scene.y, scene.x)
    close = [side & (binning * distance < BORDER) for side, distance in zip(sides, distances, strict=True)]
    return np.logical_or.reduce(close)


def _logarithm(scene, squares):
    """Logarithm of a root mean square at the filled pixels, from mean squares in cells."""
    return np.log(_LEAST + np.sqrt(np.maximum(scene.at(squares), 0)))


def _of_place(scene):
    """Features of the place of a pixel in its hole and in the image."""
    return [
        np.log(scene.distance),
        np.log(scene.blocks) / 2,
        *map(scene.at, scene.shares),
        scene.at(scene.ring),
        np.log(np.maximum(scene.radius, 0.1)),
        np.log(scene.relative_noise),
    ]


def _of_surroundings(scene):
    """Features of the structure around the holes, and of what it makes of fills."""
    differences = [(fill - scene.harmonic) ** 2 for fill in (scene.plate, scene.radial)]
    return [_logarithm(scene, squares) for squares in (*scene.variations, *scene.gradients, *differences)]


def _of_neighbours(scene):
    """Features of the prediction from images before and after."""
    _, share, mismatch = scene.expected
    seen = scene.at(share)
    return [seen, _logarithm(scene, mismatch) * seen]


def _of_fill(scene, filled):
    """Features of the fill: differences from other fills, and step at the border."""
    observation = scene.observation
    inside = observation.mask & np.isfinite(filled)
    means = cell_means(np.where(inside, filled - observation.bias, 0), inside)
    means = np.clip((means - scene.level) / scene.unit, -LARGEST, LARGEST)
    cells = np.where(scene.known, scene.medians, np.where(scene.missing, means, 0))
    expected, share, _ = scene.expected
    differences = [
        _logarithm(scene, np.where(scene.missing, cells - fill, 0) ** 2)
        for fill in (scene.harmonic, scene.plate, expected)
    ]
    differences[2] = differences[2] * scene.at(share)
    border = scene.missing & ndimage.binary_dilation(scene.known)
    step = cells - normalized_convolution(np.where(scene.known, scene.medians, 0.0), scene.known, 0.5)
    return [*differences, _logarithm(scene, average_near(step**2, border))]


def _stratum(scene):
    """Index in `STRATA`."""
    _, high = OCCULTER_EDGE[scene.observation.detector]
    radial, azimuthal = (np.sqrt(np.maximum(scene.at(part), 0)) for part in scene.gradients[:2])
    kind = np.where(np.maximum(radial, azimuthal) < _STRONG, 0, np.where(azimuthal > radial, 1, 2))
    return np.where(scene.radius < high, 3, kind)
