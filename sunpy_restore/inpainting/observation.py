"""What `sunpy_restore.inpaint` reads in a Map: the image, its missing pixels, and a prediction from neighbours."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from sunpy_restore.core.images.maps import valid_pixels
from sunpy_restore.core.messages import warn_user
from sunpy_restore.core.restoration import observation
from sunpy_restore.inpainting.corona.background import find_background
from sunpy_restore.inpainting.corona.cells import cell_medians
from sunpy_restore.inpainting.corona.outliers import find_outliers
from sunpy_restore.inpainting.corona.surroundings import Surroundings
from sunpy_restore.inpainting.lasco.detector_edge import (
    detector_sides,
    edge_response,
    flat_field_without_edge,
    unusual,
    without_response,
)
from sunpy_restore.inpainting.lasco.flat_field import flat_field
from sunpy_restore.inpainting.lasco.geometry import BLOCK, empty_pixels
from sunpy_restore.inpainting.lasco.header import check_lasco
from sunpy_restore.inpainting.lasco.mean_corona import mean_corona
from sunpy_restore.inpainting.lasco.missing_pixels import (
    count_guessed,
    count_without_data,
    missing_pixels,
    most_frequent,
    not_filled,
    without_masked,
)
from sunpy_restore.inpainting.temporal.neighbours import check_neighbours
from sunpy_restore.inpainting.temporal.usable import usable_prediction

__all__ = ["Observation"]

_BINNED = (
    f"The image was binned after it was sent, and missing blocks of less than {BLOCK} x {BLOCK} pixels are not found. "
    "Inpaint the image before it is binned or resampled, or pass mask= with True in the pixels to fill."
)


@dataclass(frozen=True, kw_only=True)
class Observation(observation.Observation):
    """
    An image of LASCO C2 or C3 with missing pixels.

    Parameters
    ----------
    image : `numpy.ndarray`
        Brightness in any linear unit, shape ``(ny, nx)``; finite in pixels that are neither missing nor unobserved.
    mask : `numpy.ndarray` of `bool`
        Missing pixels, which are to be filled.
    unobserved : `numpy.ndarray` of `bool`
        Other pixels without an observation: behind the occulter and the pylon, outside of the field of view, masked in
        the Map, or not finite.
    center : pair of `float`
        Centre of the Sun as ``(x, y)`` in pixels counted from 0.
    detector : ``"C2"`` or ``"C3"``
        The coronagraph.
    level : `float`
        Calibration level, 0.5 or 1.
    bias : `float`
        Bias of the detector in the unit of the image.
    flat_field : `numpy.ndarray`, optional
        Natural logarithm of the response of the detector to a smooth corona; NaN where it is unknown.
    neighbours : `numpy.ndarray`, optional
        Prediction of the image from the images before and after it, in its unit; NaN where it is unknown.
    never_sent : `numpy.ndarray` of `bool`, optional
        Unobserved pixels under a given mask that the instrument sets to zero on board in this image. They get the value
        ``empty_value``.
    empty_value : `float`
        Usual value of unobserved pixels in this image.
    guessed : `int`
        Number of missing pixels far from all valid pixels, or with more missing than valid pixels around.
    outliers : `numpy.ndarray` of `bool`, optional
        Observed pixels that do not show the corona and that no fill uses, see
        `~sunpy_restore.inpainting.corona.outliers.find_outliers`.
    mask_given : `bool`
        Whether the mask was given and not found.
    without_data : `int`
        Number of pixels without data that are neither missing nor hidden by the instrument.
    binned_on_ground : `bool`
        Whether the image was binned after it was sent.
    binning : `int`
        Pixels of the detector along each axis of an image pixel.
    turn : `float`
        Angle in degrees by which the image was rotated on the ground.
    sides : `tuple` of 4 `bool`, optional
        Sides at which the border of the detector lies, see
        `~sunpy_restore.inpainting.lasco.detector_edge.detector_sides`; by default all sides of a full frame, and none
        of another image.
    """

    image: np.ndarray
    mask: np.ndarray
    unobserved: np.ndarray
    center: tuple[float, float]
    detector: str
    level: float = 0.5
    bias: float = 0.0
    flat_field: np.ndarray | None = None
    neighbours: np.ndarray | None = None
    never_sent: np.ndarray | None = None
    empty_value: float = np.nan
    guessed: int = 0
    outliers: np.ndarray | None = None
    mask_given: bool = False
    without_data: int = 0
    binned_on_ground: bool = False
    binning: int = 1
    turn: float = 0.0
    sides: tuple[bool, bool, bool, bool] | None = None

    @property
    def holes(self):
        """Pixels whose value the corona has to be estimated in: missing ones and outliers."""
        return self.mask if self.outliers is None else self.mask | self.outliers

    @property
    def valid(self):
        """Pixels that show the corona."""
        return ~(self.holes | self.unobserved)

    @property
    def filled(self):
        """Pixels that a restoration changes."""
        return self.mask if self.never_sent is None else self.mask | self.never_sent

    @cached_property
    def edge_response(self):
        """See `~sunpy_restore.inpainting.lasco.detector_edge.edge_response`; `None` at level 1."""
        known = ~(self.mask | self.unobserved)
        return None if self.level >= 1 else edge_response(self.image - self.bias, known, self.binning, self.sides)

    def without_edge_response(self, image):
        """An image in the unit of the observation, divided by the response of the outermost rows and columns."""
        return without_response(image, self.edge_response, self.bias)

    @cached_property
    def without_outliers(self):
        """The observation with its ``outliers``, and without the response of the outermost rows and columns."""
        image, response = self.without_edge_response(self.image), self.edge_response
        whole, neighbours = replace(self, outliers=None), self.neighbours
        flat_field = flat_field_without_edge(self.flat_field, response, self.binning, self.sides)
        outliers = find_outliers(image - self.bias, whole.valid, self.center, flat_field)
        if response is not None:
            outliers |= unusual(response) & whole.valid
            neighbours = None if neighbours is None else np.where(response == 1, neighbours, np.nan)
        return replace(self, image=image, outliers=outliers, neighbours=neighbours, flat_field=flat_field)

    @cached_property
    def background(self):
        """See `~sunpy_restore.inpainting.corona.background.find_background`."""
        # The background is fitted without the flat field where that is unknown, in corners for instance
        flat_field = None if self.flat_field is None else np.nan_to_num(self.flat_field)
        expected = mean_corona(self.detector, self.level, self.binning, self.turn)
        return find_background(
            np.where(self.valid, self.image - self.bias, 0), self.valid, self.center, flat_field,
            mean_corona=expected, missing=self.holes & ~self.unobserved,
        )  # fmt: skip

    @cached_property
    def surroundings(self):
        """What surrounds the holes; `None` if no cell of 4 x 4 pixels has half of its pixels valid."""
        return Surroundings(self) if cell_medians(self.image, self.valid)[1].any() else None

    @property
    def nothing_to_do(self):
        if self.filled.any():
            return None
        if self.mask_given:
            return "Found a mask without any True pixel; the image is returned unchanged."
        found = "Found no missing pixels"
        hint = (
            f"Only whole blocks of {BLOCK} x {BLOCK} pixels are found, as they were sent. Pass mask= with True in the "
            "pixels to fill."
        )
        if self.without_data:
            found, hint = "Found no missing blocks", not_filled(self.without_data)
        if self.binned_on_ground:
            hint = f"{hint} {_BINNED}" if self.without_data else _BINNED
        return f"{found}; the image is returned unchanged. {hint}"

    @classmethod
    def check(cls, smap, *, mask=None, neighbours=None):
        """
        Refuse Maps that cannot be inpainted, and masks and neighbours that do not belong to the Map.

        Parameters
        ----------
        smap : `~sunpy.map.GenericMap`
            Any Map.
        mask : `numpy.ndarray` of `bool`, optional
            True for the pixels to fill, shape ``(ny, nx)``; by default the missing blocks are found.
        neighbours : `~sunpy.map.GenericMap`, `list` or `tuple` of them, optional
            Images taken before and after.

        Raises
        ------
        TypeError
            Another instrument than LASCO, or a mask that is not boolean.
        ValueError
            Another coronagraph or level; no valid pixel; a mask of another shape, or one that leaves no valid pixel; an
            8-bit image without a mask; neighbours of another kind.
        """
        original, smap = smap, without_masked(smap, mask)
        missing_pixels(smap, check_lasco(smap), mask, original)
        if neighbours is not None:
            check_neighbours(smap, neighbours)

    @classmethod
    def from_map(cls, smap, *, mask=None, neighbours=None):
        """
        Read the observation in a Map.

        Parameters
        ----------
        smap : `~sunpy.map.GenericMap`
            A Map that `check` has accepted.
        mask, neighbours
            As for `check`.

        Returns
        -------
        Observation

        Warns
        -----
        ~sunpy_restore.core.exceptions.RestoreWarning
            Some missing pixels are far from all valid pixels or have more missing than valid pixels around; or see
            `~sunpy_restore.inpainting.temporal.usable.usable_prediction`.
        """
        original, smap = smap, without_masked(smap, mask)
        lasco = check_lasco(smap)
        missing, unobserved, never_sent = missing_pixels(smap, lasco, mask, original)
        nothing = missing | unobserved
        own = {"mask_given": mask is not None, "binning": lasco.binning, "turn": lasco.turn}
        if mask is None:
            own["without_data"] = count_without_data(smap, lasco, missing)
            own["binned_on_ground"] = lasco.binned_on_ground
            if lasco.binned_on_ground and missing.any():
                warn_user(_BINNED)
        if missing.any():
            missing &= ~never_sent
            own["guessed"] = count_guessed(missing, unobserved, np.count_nonzero(missing | never_sent))
            empty = empty_pixels(smap.data, lasco)
            own["flat_field"] = flat_field(smap.data.shape, lasco, empty)
            own["sides"] = detector_sides(smap.data.shape, lasco, empty)
            if neighbours is not None:
                own["neighbours"] = usable_prediction(smap, neighbours, missing, ~nothing, cls._complete)
        if never_sent.any():
            own |= {"never_sent": never_sent, "empty_value": most_frequent(smap.data[unobserved])}
        return cls(
            image=np.where(nothing, 0, smap.data).astype(float), mask=missing, unobserved=unobserved | never_sent,
            center=lasco.center, detector=lasco.detector, level=lasco.level, bias=lasco.bias, **own,
        )  # fmt: skip

    @classmethod
    def _complete(cls, smap):
        """The observation in a neighbour, in which nothing is to be filled."""
        lasco = check_lasco(smap)
        empty = empty_pixels(smap.data, lasco)
        unobserved = empty | ~valid_pixels(smap)
        return cls(
            image=np.where(unobserved, 0, smap.data).astype(float), mask=np.zeros_like(unobserved),
            unobserved=unobserved, center=lasco.center, detector=lasco.detector, level=lasco.level, bias=lasco.bias,
            flat_field=flat_field(smap.data.shape, lasco, empty), binning=lasco.binning, turn=lasco.turn,
        )  # fmt: skip

    @classmethod
    def from_pair(cls, smap, filled, **options):
        """See `sunpy_restore.core.restoration.observation.Observation.with_filled`."""
        return cls.with_filled(smap, filled, **options)
