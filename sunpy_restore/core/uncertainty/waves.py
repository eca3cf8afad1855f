"""Errors of images of which Fourier components were measured, as by a Fourier imager."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sunpy_restore.core.numerics import correlation as correlations

__all__ = ["WAVES_KEYWORD", "KnownWaves", "WaveErrors", "recorded_waves"]

WAVES_KEYWORD = "rstwaves"
"""Keyword of the Fourier components that were measured, in lower case."""

_PER_WIDTH = 2.5
"""Number of blocks of pixels per standard deviation of the narrowest correlation."""
_LEAST_VARIANCE = 1e-4
"""Smallest variance that is left by the measurement, relative to that before it."""


@dataclass(frozen=True, kw_only=True)
class KnownWaves:
    """
    Fourier components of the error of an image that are known, because those of the source were measured.

    The module of a task's function for `~sunpy_restore.core.uncertainty.evidence.Evidence` can have a function
    ``known_waves``, with the same parameters, which returns them, or `None` if there are none.

    Parameters
    ----------
    waves : `tuple` of `tuple` of `float`
        Cycles per pixel along the columns' numbers and along the rows' numbers, and the standard deviation of the real
        and of the imaginary part of the sum over all pixels of the error times the wave, in the unit of the image.
    correlation : mapping of `float` to `float`
        Correlation of the errors of neighbouring pixels before the measurement, see
        `~sunpy_restore.core.numerics.correlation.fit_correlation`; all errors are smooth.
    amplitude : `float`
        Standard deviation of the errors before the measurement, in units of the uncertainty.
    """

    waves: tuple[tuple[float, float, float], ...]
    correlation: Mapping[float, float]
    amplitude: float

    keyword = WAVES_KEYWORD

    def to_text(self):
        """
        Write the waves as a value for a FITS header.

        Returns
        -------
        `str`

        Examples
        --------
        >>> from sunpy_restore.core.uncertainty.waves import KnownWaves
        >>> KnownWaves(waves=((0.0125, -0.008, 3.5),), correlation={4.5: 1.0}, amplitude=2.0).to_text()
        '2; 4.5:1; 0.0125,-0.008,3.5'
        """
        waves = " ".join(f"{u:.6g},{v:.6g},{error:.4g}" for u, v, error in self.waves)
        return f"{self.amplitude:g}; {correlations.to_text(self.correlation)}; {waves}"

    @classmethod
    def from_text(cls, text):
        """
        Read the value in a FITS header.

        Parameters
        ----------
        text : `str`
            See `to_text`.

        Returns
        -------
        `KnownWaves`

        Raises
        ------
        ValueError
            The text is none of `to_text`.
        """
        try:
            amplitude, correlation, waves = text.split(";")
            waves = tuple(tuple(map(float, wave.split(","))) for wave in waves.split())
            found = cls(waves=waves, correlation=correlations.from_text(correlation), amplitude=float(amplitude))
            values = np.array([[found.amplitude] * 3, *waves])
            if values.shape[1:] != (3,) or not (np.isfinite(values).all() and (values[:, 2] > 0).all()):
                raise ValueError("numbers that are not finite or not positive")
        except (AttributeError, ValueError) as problem:
            raise ValueError(
                f"Found the known waves {text!r}; expected a text like '2; 4.5:1; 0.0125,-0.008,3.5'. Restore the "
                "image again."
            ) from problem
        return found


def recorded_waves(smap):
    """
    Read which Fourier components of a restored Map were measured.

    Parameters
    ----------
    smap : `~sunpy.map.GenericMap`
        The Map.

    Returns
    -------
    `KnownWaves` or `None`
        `None` if none was.
    """
    return KnownWaves.from_text(smap.meta[WAVES_KEYWORD]) if WAVES_KEYWORD in smap.meta else None


class WaveErrors:
    """
    Errors of a restored image of which Fourier components were measured.

    Before the measurement, the errors are a Gaussian random field whose standard deviation is the uncertainty times the
    amplitude. Given the measured components, it is the posterior field of a linear Gaussian model (Tarantola 2005,
    chapter 3), scaled so that the standard deviation of each pixel is the uncertainty. Sums over regions that the
    components determine have much smaller errors than the pixels. The correlation is evaluated between blocks of pixels
    that are small compared to its width.

    Parameters
    ----------
    sigma : `numpy.ndarray`
        Uncertainty of each pixel, shape ``(ny, nx)``; pixels whose uncertainty is infinite, NaN or 0 have no error.
    known : `KnownWaves`
        The components.
    """

    def __init__(self, sigma, known):
        self.known = known
        self._amplitude = known.amplitude * np.where(np.isfinite(sigma), sigma, 0.0)
        terms = [
            (share, width, height)
            for kind, share in known.correlation.items()
            for width, height in correlations.gaussian_terms(kind)
        ]
        step = max(int(min(width for _, width, _ in terms) / _PER_WIDTH), 1)
        self._edges = [np.arange(0, length, step) for length in sigma.shape]
        self._places = [
            (first + np.append(first[1:], length) - 1) / 2
            for first, length in zip(self._edges, sigma.shape, strict=True)
        ]
        total = sum(share * height for share, _, height in terms)
        self._kernels = [
            (share * height / total, *(_gaussian(places, width) for places in self._places))
            for share, width, height in terms
        ]
        # Components in units of their errors, of a field in units of the amplitude
        components = np.array([self._in_blocks(self._amplitude * wave) for wave in self._waves()])
        self._blocks = components.shape[1:]
        smooth = self._correlated(components).reshape(len(components), -1)
        components = components.reshape(len(components), -1)
        self._factor = np.linalg.cholesky(np.eye(len(components)) + components @ smooth.T)
        self._reduced = np.linalg.solve(self._factor, smooth)
        left = np.maximum(1 - (self._reduced**2).sum(axis=0), _LEAST_VARIANCE).reshape(self._blocks)
        self._scale = self._spread(1 / (known.amplitude * np.sqrt(left)))

    def variance(self, derivative):
        """
        Variance of a linear function of the image.

        Parameters
        ----------
        derivative : `numpy.ndarray`
            Its derivative by each value, shape ``(ny, nx)``.

        Returns
        -------
        `float`
        """
        own = self._in_blocks(derivative * self._scale * self._amplitude)
        before = (own * self._correlated(own[np.newaxis])[0]).sum()
        return float(max(before - ((self._reduced @ own.ravel()) ** 2).sum(), 0.0))

    def draw(self, random):
        """
        Draw errors as large and as smooth as they are expected.

        Parameters
        ----------
        random : `numpy.random.Generator`
            Source of random numbers.

        Returns
        -------
        `numpy.ndarray`
            Shape ``(ny, nx)``.
        """
        field = correlations.correlated_field(self._amplitude.shape, self.known.correlation, random)
        found = np.array([(self._amplitude * field * wave).sum() for wave in self._waves()])
        wrong = np.linalg.solve(self._factor, found + random.standard_normal(len(found)))
        wrong = (wrong @ self._reduced).reshape(self._blocks)
        return self._amplitude * self._scale * (field - self._spread(wrong))

    def _waves(self):
        """Real and imaginary parts of the waves in units of their errors, one after another."""
        rows, columns = (np.arange(length) for length in self._amplitude.shape)
        for u, v, error in self.known.waves:
            wave = np.exp(2j * np.pi * v * rows)[:, np.newaxis] * np.exp(2j * np.pi * u * columns) / error
            yield wave.real
            yield wave.imag

    def _in_blocks(self, values):
        rows, columns = self._edges
        return np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1)

    def _correlated(self, values):
        return sum(share * (along_y @ values @ along_x) for share, along_y, along_x in self._kernels)

    def _spread(self, values):
        """Values of blocks, interpolated linearly at all pixels."""
        rows, columns = (
            np.array([np.interp(np.arange(length), places, one) for one in np.eye(len(places))])
            for places, length in zip(self._places, self._amplitude.shape, strict=True)
        )
        return rows.T @ values @ columns


def _gaussian(places, width):
    return np.exp(-(np.subtract.outer(places, places) ** 2) / (2 * width**2))
