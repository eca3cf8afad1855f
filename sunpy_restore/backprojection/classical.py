"""Classical methods: CLEAN on the pixels of the observation."""

from sunpy_restore.backprojection.beam import beam_area
from sunpy_restore.backprojection.clean import clean_visibilities

__all__ = ["clean_observation"]


def clean_observation(observation, *, iterations=100, progress=False):
    """
    Restore an observation by Hogbom's CLEAN with a gain of 0.1.

    Parameters
    ----------
    observation : `~sunpy_restore.backprojection.observation.Observation`
        The observation, of shape ``(ny, nx)``.
    iterations : `int`
        Largest number of iterations.
    progress : `bool`
        Not used.

    Returns
    -------
    `numpy.ndarray`
        Flux per clean beam, shape ``(ny, nx)``, with the residual added.
    """
    points, grid = observation.own_axes()
    return beam_area() * clean_visibilities(observation.visibilities, points, grid, iterations=iterations).image
