"""The clean beam: a circular Gaussian that gives restored images their resolution."""

import numpy as np

from astropy.stats import gaussian_sigma_to_fwhm

__all__ = ["BEAM", "beam_area", "convolve_with_beam"]

BEAM = 14.6
"""Full width at half maximum of the clean beam in arcsec: the resolution of STIX sub-collimator 3."""


def beam_area(fwhm=BEAM):
    """
    Area of a Gaussian beam, 2 pi sigma**2.

    Parameters
    ----------
    fwhm : `float`, optional
        Full width at half maximum of the beam in arcsec.

    Returns
    -------
    `float`
        Area in square arcsec.
    """
    return 2 * np.pi * (fwhm / gaussian_sigma_to_fwhm) ** 2


def convolve_with_beam(model, grid, fwhm=BEAM):
    """
    Convolve point sources at the centres of pixels with a Gaussian beam.

    Parameters
    ----------
    model : `numpy.ndarray`
        Flux in each pixel, shape ``(ny, nx)``.
    grid : `~sunpy_restore.backprojection.visibilities.fourier.Grid`
        Pixel grid.
    fwhm : `float`, optional
        Full width at half maximum of the beam in arcsec.

    Returns
    -------
    `numpy.ndarray`
        Flux per beam, shape ``(ny, nx)``. Divided by `beam_area` it is the flux per square arcsec.
    """
    along_y, along_x = (
        np.exp(-0.5 * (np.subtract.outer(s, s) * gaussian_sigma_to_fwhm / fwhm) ** 2) for s in (grid.y, grid.x)
    )
    return along_y @ model @ along_x
