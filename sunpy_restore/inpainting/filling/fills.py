"""First fills of holes, which a network combines and corrects."""

import numpy as np

from sunpy_restore.core.numerics.cells import between_cells, cell_sums
from sunpy_restore.core.numerics.diffusion import edge_enhancing_diffusion
from sunpy_restore.core.numerics.filling import harmonic
from sunpy_restore.core.numerics.nearest import fill_invalid
from sunpy_restore.core.numerics.plate import thin_plate
from sunpy_restore.inpainting.filling.views import LARGEST_DEVIATION

__all__ = ["FILLS", "first_fills"]

FILLS = ("image", "plain", "radial", "plate", "radial_plate", "rings", "rays", "edge_enhancing_diffusion")
"""Names of the first fills, which are channels of a network; see `sunpy_restore.inpainting.filling.channels`."""

_CELL = 3  # pixels; thin plates are fitted to averages over cells, whose slopes have less noise
_TENSION_ACROSS = {"rings": 0.04, "rays": 0.01}  # of directional fills; fronts are not exactly circular
_FARTHEST = 120.0  # noises from the harmonic fill; a comet at the border of a hole is not a line that continues


def first_fills(image, mask, unobserved, unit=None, contrast=None, profile=None, *, polar=False):
    """
    Fill the holes of an image in several ways.

    Parameters
    ----------
    image : `numpy.ndarray`
        The image in the units of a view, shape ``(ny, nx)``.
    mask, unobserved : `numpy.ndarray` of `bool`
        Pixels to fill, and other pixels without an observation.
    unit, contrast, profile : `numpy.ndarray`, optional
        See `~sunpy_restore.inpainting.filling.views.View`. Without them the view is not one of deviations, and all
        fills are the harmonic one.
    polar : `bool`
        Whether rows are rings around the Sun and columns are rays. On other grids directional fills are isotropic.

    Returns
    -------
    `dict`
        Each name in `FILLS` to an image, zero in unobserved pixels; and ``coherence``, see
        `~sunpy_restore.core.numerics.diffusion.edge_enhancing_diffusion`, zero on other grids.
    """
    empty = mask | unobserved
    image = np.where(empty, 0, image)
    if not mask.any() or empty.all() or unit is None:
        image = image if empty.all() else harmonic(image, mask, unobserved)
        return dict.fromkeys(FILLS, image) | {"coherence": np.zeros(mask.shape)}
    unit, profile = (np.where(scale > 0, scale, 1) for scale in (unit, profile))
    brightness = np.where(empty, 0, (image + contrast) * unit)
    scaled = np.stack([brightness, brightness / profile])
    plates = _plates(scaled, mask, unobserved)
    # Plates of averages do not join the border; the difference is small and rough
    rest = np.where(empty, 0, scaled - plates)
    film = harmonic(np.concatenate([image[np.newaxis], scaled, rest]), mask, unobserved)
    low, high = (limit(scaled[:, ~empty], axis=1)[:, np.newaxis, np.newaxis] for limit in (np.min, np.max))
    plates = np.clip(plates + film[3:], low, high)
    (rings, rays), diffused, coherence = film[1:3], film[0], np.zeros(mask.shape)
    if polar:
        diffused, coherence = edge_enhancing_diffusion(image, mask, unobserved)
        diffused = film[0] + np.clip(diffused - film[0], -_FARTHEST, _FARTHEST)
        rings = harmonic(scaled[0], mask, unobserved, tension=(_TENSION_ACROSS["rings"], 1.0))
        rays = harmonic(scaled[1], mask, unobserved, tension=(1.0, _TENSION_ACROSS["rays"]))
    found = {
        "plain": film[1],
        "radial": film[2] * profile,
        "plate": plates[0],
        "radial_plate": plates[1] * profile,
        "rings": rings,
        "rays": rays * profile,
    }
    deviations = {
        name: np.clip(fill / unit - contrast, -LARGEST_DEVIATION, LARGEST_DEVIATION) for name, fill in found.items()
    }
    deviations["edge_enhancing_diffusion"] = diffused
    filled = {name: np.where(mask, fill, image) for name, fill in deviations.items()}
    return {"image": film[0]} | filled | {"coherence": coherence}


def _plates(images, mask, unobserved):
    """Images with thin-plate fills of the averages over cells, in and near the holes."""
    known = ~(mask | unobserved)
    share, lost, *values = (cell_sums(image, _CELL) for image in (known, mask, *np.where(known, images, 0)))
    sure = share >= _CELL**2 / 2
    hole = ~sure & (lost > 0)
    values = np.where(sure, np.stack(values) / np.maximum(share, 1), 0)
    if not hole.any() or not sure.any():
        return np.zeros_like(images)
    values = thin_plate(values, sure | hole, hole)
    return np.stack([
        between_cells(fill_invalid(cells, sure | hole)[0], _CELL, 1, mask.shape) for cells in values
    ])  # fmt: skip
