"""The telescope whose images are enhanced: HMI, or another one that networks were trained for."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sunpy_restore.enhancement.optics import forward
from sunpy_restore.enhancement.optics.psf import (
    HMI_DIAMETER,
    HMI_PIXEL,
    HMI_PSF,
    HMI_WAVELENGTH,
    PSF_RADIUS,
    ImagePSF,
    PointSpreadFunction,
    RadialPSF,
    airy_psf,
)

__all__ = ["HMI", "Telescope"]

_PSFS = {"wachter": PointSpreadFunction, "radial": RadialPSF, "image": ImagePSF}


@dataclass(frozen=True)
class Telescope:
    """
    Optics and pixels of a telescope, and those of the target telescope, whose aperture is twice as large.

    Parameters
    ----------
    psf : `~sunpy_restore.enhancement.optics.psf.PointSpreadFunction` or another one of that module
        Point spread function without the response of the pixels.
    pixel_scale : `float`
        Pixel size in arcsec.
    aperture, wavelength : `float`
        Aperture and wavelength in metres. They define the diffraction limit of the target telescope.

    Examples
    --------
    >>> from sunpy_restore.enhancement.optics.telescope import HMI
    >>> HMI.pixel_scale, HMI.target_diameter
    (0.504, 0.28)
    """

    psf: Any = HMI_PSF
    pixel_scale: float = HMI_PIXEL
    aperture: float = HMI_DIAMETER
    wavelength: float = HMI_WAVELENGTH

    @property
    def target_diameter(self):
        """Aperture of the target telescope in metres."""
        return 2 * self.aperture

    @property
    def target_pixel(self):
        """Pixel size of the target telescope in arcsec."""
        return self.pixel_scale / 2

    @property
    def radius(self):
        """Radius in arcsec at which point spread functions are truncated: the pixels that the filters reach."""
        return PSF_RADIUS * (self.pixel_scale / HMI_PIXEL)

    def target_psf(self, pixel_scale):
        """Airy pattern of the target telescope on pixels of ``pixel_scale`` arcsec."""
        return airy_psf(pixel_scale, self.target_diameter, self.radius, self.wavelength)

    def transfer_kernel(self, enlarged=1.0):
        """
        Kernel that degrades an image of the target telescope to the optics of this one.

        Parameters
        ----------
        enlarged : `float`
            Factor by which the aperture of the target telescope is enlarged.

        Returns
        -------
        `numpy.ndarray`
            See `~sunpy_restore.enhancement.optics.forward.transfer_kernel`.
        """
        diameter = enlarged * self.target_diameter
        return forward.transfer_kernel(self.psf, diameter, self.target_pixel, self.radius, self.wavelength)

    def observe(self, image, pixel_scale):
        """Noise-free image of a scene with this telescope, see `~sunpy_restore.enhancement.optics.forward.observe`."""
        return forward.observe(image, pixel_scale, psf=self.psf, pixel=self.pixel_scale)

    def observe_target(self, image, pixel_scale):
        """Image with the target telescope, see `~sunpy_restore.enhancement.optics.forward.observe_target`."""
        return forward.observe_target(
            image, pixel_scale, diameter=self.target_diameter, pixel=self.target_pixel, radius=self.radius,
            wavelength=self.wavelength,
        )  # fmt: skip

    def reconvolve(self, image):
        """Degrade an image of the target telescope, see `~sunpy_restore.enhancement.optics.forward.reconvolve`."""
        return forward.reconvolve(image, self.transfer_kernel())

    def described(self):
        """
        Describe the telescope by numbers and texts, for the metadata of weights.

        Returns
        -------
        `dict`
            `from_description` makes the same telescope of it.
        """
        kind = next(name for name, made in _PSFS.items() if isinstance(self.psf, made))
        psf = {key: value for key, value in asdict(self.psf).items() if key != "radius"}
        return {**asdict(replace(self, psf=None)), "psf": {"kind": kind, **psf}}

    @classmethod
    def from_description(cls, description):
        """
        Make a telescope of its description.

        Parameters
        ----------
        description : mapping or `None`
            What `described` gives; `None` for HMI.

        Returns
        -------
        Telescope

        Raises
        ------
        ValueError
            The description is incomplete, or of another version.
        """
        if description is None:
            return HMI
        try:
            values = dict(description)
            psf = {key: _frozen(value) for key, value in values.pop("psf").items()}
            telescope = cls(None, **values)
            return replace(telescope, psf=_PSFS[psf.pop("kind")](radius=telescope.radius, **psf))
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(
                f"Found the description of a telescope with {', '.join(map(str, description))} ({error}); expected "
                "pixel_scale, aperture, wavelength and psf. Train the weights with this version of the package."
            ) from error


def _frozen(value):
    """Lists as tuples, which can be compared and hashed."""
    if isinstance(value, Mapping):
        raise TypeError("a table in the point spread function")
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


HMI = Telescope()
"""Helioseismic and Magnetic Imager of SDO."""
