"""Errors of a restored image as its uncertainty and their correlation state them."""

import numpy as np

from sunpy_restore.core.numerics import correlation as correlations

__all__ = ["StatedErrors"]


class StatedErrors:
    """
    Errors of a restored image: how large, how correlated, and which of them cancel.

    Errors in a run with a known sum are those of a correlated field, whose sum over the run is subtracted: from each
    pixel the share that makes the remaining variance smallest. The amplitude of the field is chosen so that the
    standard deviation of each pixel stays that stated.

    Parameters
    ----------
    values, sigma : `numpy.ndarray`
        Restored values and their uncertainty, shape ``(ny, nx)``; pixels whose uncertainty is infinite, NaN or 0 have
        no error.
    correlation : mapping of `float` to `float`
        Correlation of the errors, see `~sunpy_restore.core.numerics.correlation.fit_correlation`.
    sums : `~sunpy_restore.core.uncertainty.evidence.KnownSums`
        Sums that were observed. Runs that contain pixels of unknown uncertainty are not used.
    """

    def __init__(self, values, sigma, correlation, sums):
        self.correlation, self.sums = correlation, sums
        self._sigma = np.where(np.isfinite(sigma), sigma, 0.0)
        self._share, self._label = np.zeros(sigma.shape), np.zeros(sigma.shape, dtype=int)
        totals = [0.0]
        along = correlations.correlation_at(np.arange(len(sigma), dtype=float), sums.correlation)
        for column, first, last in sums.runs:
            run = np.s_[first:last, column]
            if not (self._sigma[run] > 0).all():
                continue
            self._label[run] = len(totals)
            totals.append(sums.error * float(np.sum(values[run], dtype=float)))
            distance = np.abs(np.subtract.outer(*2 * [np.arange(last - first)]))
            self._sigma[run], self._share[run] = correlations.cancelling(self._sigma[run], along[distance], totals[-1])
        self._totals = np.array(totals)

    def variance(self, derivative, restored):
        """
        Variance of a linear function of the image.

        Parameters
        ----------
        derivative : `numpy.ndarray`
            Its derivative by each value, shape ``(ny, nx)``.
        restored : `numpy.ndarray` of `bool`
            Pixels that were restored; the errors of others are independent.

        Returns
        -------
        `float`
        """
        shares = self._per_run(derivative * self._share)
        errors = (derivative - shares[self._label]) * self._sigma
        variance = (errors[~restored] ** 2).sum() + (shares @ self._totals) ** 2
        for own, correlation in self._kinds():
            together = np.where(own & restored, errors, 0.0)
            variance += (together * correlations.correlated_with(together, correlation)).sum()
        return float(variance)

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
        errors = np.zeros(self._sigma.shape)
        for own, correlation in self._kinds():
            field = self._sigma * correlations.correlated_field(errors.shape, correlation, random)
            errors = np.where(own, field, errors)
        if len(self._totals) == 1:
            return errors
        wrong = self._totals * random.standard_normal() - self._per_run(errors)
        return errors + wrong[self._label] * self._share

    def _kinds(self):
        """Pixels outside and within the runs, with the correlation of their errors."""
        yield self._label == 0, self.correlation
        if len(self._totals) > 1:
            yield self._label > 0, self.sums.correlation

    def _per_run(self, values):
        """Sums over the runs, from the second on."""
        sums = np.bincount(self._label.ravel(), values.ravel(), minlength=len(self._totals))
        sums[0] = 0
        return sums
