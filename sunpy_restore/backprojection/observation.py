"""The observation behind `sunpy_restore.backproj_to_clean`: the visibilities of a back-projected image."""

from dataclasses import dataclass, replace

import numpy as np

import astropy.units as u

from sunpy_restore.backprojection.fitting.noise import measured_points, warn_of_wrong_errors
from sunpy_restore.backprojection.provenance.geometry import map_center, points_in_pixels, scale_matrix
from sunpy_restore.backprojection.provenance.inversion import find_orientations
from sunpy_restore.backprojection.provenance.matching import match_inversions
from sunpy_restore.backprojection.provenance.options import find_used, weighting_of
from sunpy_restore.backprojection.provenance.outside import warn_of_outside
from sunpy_restore.backprojection.provenance.recognition import filled_corners, refuse_residual
from sunpy_restore.backprojection.provenance.units import is_by_idl, unit_of, warn_of_sums
from sunpy_restore.backprojection.visibilities.fourier import Grid, weights_of
from sunpy_restore.backprojection.visibilities.uvplane import SUBCOLLIMATORS, UVPoints, stix_uv, subcollimator_numbers
from sunpy_restore.core.restoration import observation

__all__ = ["Observation"]

_SMALLEST_FIELD = 60.0
"""Smallest side of an image in arcsec."""
_LEAST_SURROUNDINGS = 192.0
"""Smallest side in arcsec of the field in which sources are searched."""
_LARGEST_PIXEL = 60.0
"""Largest side of a pixel in arcsec, of the order of the resolution of the coarse sub-collimators."""
_LEAST_PIXELS = 120
"""Least number of valid pixels: twice that of the real and imaginary parts of 30 visibilities."""
_LARGEST_SKEW = 1e-3
"""Largest cosine of the angle between the pixel axes."""


_ROTATED = (
    "The corners are exactly 0, as after rotate(missing=0), which distorts pixels next to them: use missing=numpy.nan."
)


@dataclass(frozen=True, kw_only=True)
class Observation(observation.Observation):
    """
    The visibilities of a back-projected image, and its pixels.

    Parameters
    ----------
    visibilities : `numpy.ndarray` of `complex`
        Visibilities with the centre of the image as phase centre, shape ``(n,)``.
    points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        Their points of the (u, v) plane along the axes of the instrument.
    matrix : `numpy.ndarray`
        Steps from pixel to pixel in arcsec along the x and y axes of the instrument, shape ``(2, 2)``: the first column
        is the step from a column of the image to the next one, the second column is that from a row to the next one.
    shape : pair of `int`
        Rows and columns of the image.
    unit : `~astropy.units.Unit`
        Unit of the visibilities.
    errors : `numpy.ndarray`, optional
        Standard deviations of the real and the imaginary part of measured visibilities, shape ``(n,)``. The restored
        image is then fitted to the visibilities.
    world : `numpy.ndarray`, optional
        Steps from pixel to pixel along the axes of the Map's coordinates, in the form of ``matrix``, which is also the
        default.
    center : pair of `float`
        Centre of the image in the Map's coordinates as ``(x, y)`` in arcsec.
    """

    visibilities: np.ndarray
    points: UVPoints
    matrix: np.ndarray
    shape: tuple[int, int]
    unit: u.UnitBase = u.dimensionless_unscaled
    errors: np.ndarray | None = None
    world: np.ndarray | None = None
    center: tuple[float, float] = (0.0, 0.0)

    def offsets(self):
        """
        Positions of the pixels along the axes of the instrument.

        Returns
        -------
        x, y : `numpy.ndarray`
            In arcsec from the centre of the image, in the shape of the image.
        """
        rows, columns = (np.arange(n) - (n - 1) / 2 for n in self.shape)
        return tuple(row[0] * columns + row[1] * rows[:, np.newaxis] for row in self.matrix)

    def own_axes(self):
        """
        Points of the (u, v) plane and pixel grid along the axes of the image.

        Returns
        -------
        points : `~sunpy_restore.backprojection.visibilities.uvplane.UVPoints`
        grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`

        Raises
        ------
        ValueError
            The axes are not perpendicular.
        """
        sizes = np.linalg.norm(self.matrix, axis=0)
        axes = self.matrix / sizes
        if abs(axes[:, 0] @ axes[:, 1]) > _LARGEST_SKEW:
            raise ValueError(
                "Found pixel axes that are not perpendicular; expected perpendicular ones. Use the original image."
            )
        return points_in_pixels(self.points, axes), Grid(self.shape, (float(sizes[1]), float(sizes[0])))

    def with_surroundings(self):
        """
        Widen the field to 192 arcsec, because the visibilities contain the light of sources outside of a small image.

        Returns
        -------
        observation : `Observation`
            With a larger shape and the same centre.
        part : pair of `slice`
            The rows and columns that are the image.
        """
        sizes = np.linalg.norm(self.matrix, axis=0)[::-1]
        whole = [int(_LEAST_SURROUNDINGS / size) + 1 for size in sizes]
        margins = [max(m - n, 0) // 2 for m, n in zip(whole, self.shape, strict=True)]
        part = tuple(slice(margin, margin + n) for margin, n in zip(margins, self.shape, strict=True))
        shape = tuple(n + 2 * margin for n, margin in zip(self.shape, margins, strict=True))
        return (replace(self, shape=shape) if any(margins) else self), part

    @classmethod
    def check(cls, smap, *, visibilities=None, subcollimators=None, weighting=None, instrument=None):
        """
        Refuse Maps that are not back-projections of STIX, or of the given visibilities.

        Parameters
        ----------
        smap : `~sunpy.map.GenericMap`
            Any Map.
        visibilities : `~sunpy_restore.backprojection.visibilities.measured.MeasuredVisibilities`, optional
            Measured visibilities; the Map may then be that of any instrument.
        subcollimators, weighting, instrument
            See `sunpy_restore.backproj_to_clean`.

        Raises
        ------
        TypeError
            Another instrument than STIX.
        ValueError
            No valid pixel is positive, pixels are complex, the unit is unknown or not that of visibilities, the field
            is smaller than 60 arcsec or a pixel larger, fewer than 120 pixels are valid, or an option has an unknown
            value.
        """
        if instrument not in (None, "STIX"):
            raise ValueError(
                f"Found instrument={instrument!r}; expected 'STIX'. For other instruments give visibilities=."
            )
        if visibilities is None:
            _check_instrument(smap, instrument)
        weights_of(_points(visibilities, subcollimators), weighting or "natural")
        if not np.issubdtype(smap.data.dtype, np.number) or np.iscomplexobj(smap.data):
            raise ValueError(f"Found data of type {smap.data.dtype}; expected real numbers. Give the real part.")
        unit_of(smap, visibilities)
        _check_valid(smap)

    @classmethod
    def from_map(cls, smap, *, visibilities=None, subcollimators=None, weighting=None, instrument=None):
        """
        Find the visibilities of a Map, or match given ones to it.

        Parameters
        ----------
        smap : `~sunpy.map.GenericMap`
            A Map that `check` has accepted.
        visibilities, subcollimators, weighting, instrument
            See `check`.

        Returns
        -------
        Observation

        Raises
        ------
        ValueError
            The Map is not a back-projection of visibilities at these points, or not of the given visibilities.

        Warns
        -----
        ~sunpy_restore.core.exceptions.RestoreWarning
            The Map was binned, sources are outside of it or at its edge, or the errors are too small or much too large;
            or see `~sunpy_restore.backprojection.provenance.options.find_used` and
            `~sunpy_restore.backprojection.provenance.matching.match_inversions`.
        """
        try:
            return cls._inverted(smap, visibilities, subcollimators, weighting)
        except ValueError as error:
            if "not a back-projection" in str(error) and filled_corners(np.asarray(smap.data)).any():
                raise ValueError(f"{error} {_ROTATED}") from error
            raise

    @classmethod
    def _inverted(cls, smap, visibilities, subcollimators, weighting):
        by_idl = is_by_idl(smap)
        data, world = _valid_data(smap), scale_matrix(smap)
        center = map_center(smap, world)
        errors = None
        if visibilities is not None:
            points, errors = visibilities.points, visibilities.errors
            inversions, _ = find_orientations(data, world, points, weights_of(points))
            found, matrix = match_inversions(visibilities, inversions, data.shape, center, weighting)
            if errors is not None:
                kept = measured_points(errors, points)
                points, found, errors = points.only(kept), found[kept], errors[kept]
        else:
            warn_of_sums(smap)
            points, found, matrix = find_used(data, world, subcollimators, by_idl=by_idl)
            own = cls(visibilities=found, points=points, matrix=matrix, shape=smap.data.shape)
            own, _ = own.with_surroundings()
            weighting = weighting_of(own, weighting, by_idl=by_idl)
            if weighting != "natural":
                found = found * weights_of(points) / weights_of(points, weighting)
            refuse_residual(found, *own.own_axes())
        result = cls(
            visibilities=found, points=points, matrix=matrix, shape=smap.data.shape,
            unit=unit_of(smap, visibilities), errors=errors, world=world, center=center,
        )  # fmt: skip
        warn_of_outside(found, *result.own_axes())
        warn_of_wrong_errors(result.with_surroundings()[0])
        return result

    @classmethod
    def from_pair(cls, smap, filled, *, subcollimators=None, **options):
        """See `sunpy_restore.core.restoration.observation.Observation.from_pair`."""
        if subcollimators is not None:
            options["subcollimators"] = subcollimator_numbers(subcollimators)
        return super().from_pair(smap, filled, **options)


def _check_valid(smap):
    """Refuse images without a source, and too small ones; masked and missing pixels don't count."""
    data = _valid_data(smap)
    valid = np.isfinite(data)
    if not (data[valid] > 0).any():
        masked = 0 if smap.mask is None else np.broadcast_to(smap.mask, data.shape).mean()
        raise ValueError(
            f"Found no positive pixel among those that are finite and not masked ({masked:.0%} are masked); expected "
            "a back-projection with a source. Check the file and the mask."
        )
    sizes = np.linalg.norm(scale_matrix(smap), axis=0)
    if sizes.max() > _LARGEST_PIXEL:
        raise ValueError(
            f"Found pixels of {sizes[0]:.4g} x {sizes[1]:.4g} arcsec; expected {_LARGEST_PIXEL:.0f} arcsec or less, "
            "because larger ones contain no visibilities. Correct CDELT1, CDELT2 and the rotation in the header."
        )
    sides = [np.ptp(np.flatnonzero(valid.any(axis=axis))) + 1 for axis in (1, 0)]
    extent = sizes[::-1] * sides
    if extent.min() < _SMALLEST_FIELD:
        raise ValueError(
            f"Found a field of {extent[0]:.0f} x {extent[1]:.0f} arcsec; expected {_SMALLEST_FIELD:.0f} or more, "
            "because a smaller one does not constrain the visibilities of the coarse sub-collimators. Restore the "
            "whole image and cut the result."
        )
    if valid.sum() < _LEAST_PIXELS:
        raise ValueError(
            f"Found {valid.sum()} pixels that are finite and not masked; expected {_LEAST_PIXELS} or more, because "
            "fewer do not determine the visibilities. Use the whole image."
        )


def _check_instrument(smap, instrument):
    names = [str(smap.meta.get(key) or "").strip().upper() for key in ("telescop", "instrume")]
    if any("STIX" in name for name in names):
        return
    if any(names):
        raise TypeError(
            f"Found an image of {' '.join(filter(None, names))}; expected a back-projection of STIX. For other "
            "instruments give visibilities=."
        )
    if instrument is None:
        raise TypeError(
            "Found a Map without TELESCOP and INSTRUME; expected those of STIX. If it is a STIX back-projection, for "
            "example by xrayvision, add instrument='STIX'."
        )


def _points(visibilities, subcollimators):
    """Points of the given visibilities, or of the sub-collimators of STIX."""
    if visibilities is not None:
        return visibilities.points
    return stix_uv(SUBCOLLIMATORS if subcollimators is None else subcollimators)


def _valid_data(smap):
    """The data of a Map, with NaN where it is masked or where zeros were filled in around a rotated image."""
    data = np.array(smap.data, dtype=float)
    if smap.mask is not None:
        data[np.broadcast_to(smap.mask, data.shape)] = np.nan
    data[filled_corners(data)] = np.nan
    return data
