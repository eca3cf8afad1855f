"""Whether an observation is like good ones of its task."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sunpy_restore.core.reports.properties import Property, properties_of
from sunpy_restore.core.system.unchanged import kept_while_unchanged
from sunpy_restore.core.task import resolve

__all__ = [
    "FOLDER",
    "LIKENESS_KEYWORD",
    "Likeness",
    "excess",
    "joint_excess",
    "learn",
    "likeness_of",
    "read_likeness",
    "score_of",
    "write_likeness",
]

FOLDER = Path(__file__).parents[2] / "data" / "likeness"
"""Folder of the ranges that come with the package, ``<task>.json``."""

LIKENESS_KEYWORD = "rstlike"
"""Keyword of the score in the header, in lower case."""

_SHRINKAGE = 0.1
_MARGIN = 0.5
_SLACK = 1.1


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """
    Ranges of the properties of good images, together and one by one.

    Parameters
    ----------
    names : `tuple` of `str`
        Names of the properties.
    low, high : `numpy.ndarray`
        Range of each.
    center : `numpy.ndarray`
        Mean of each.
    whitening : `numpy.ndarray`
        Matrix that makes them uncorrelated with unit variance.
    distance : `float`
        Largest Mahalanobis distance of good images.
    """

    names: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    center: np.ndarray
    whitening: np.ndarray
    distance: float

    def measure(self, fingerprint, properties=None):
        """
        Compare an observation with good ones.

        Parameters
        ----------
        fingerprint : mapping of `str` to `float`
            Its properties.
        properties : mapping of `str` to `~sunpy_restore.core.reports.properties.Property`, optional
            How those are shown that are measured in another way, for example as logarithms.

        Returns
        -------
        score : `float`
            At most 1 if it is like good ones; infinite if a property is not finite.
        reasons : `list` of `str`
            The properties that are most unusual, with their limits; empty if the score is at most 1.
        """
        values = np.array([fingerprint[name] for name in self.names], dtype=float)
        shown = [(properties or {}).get(name, Property(name)) for name in self.names]
        if not np.isfinite(values).all():
            unknown = [one.label for one, value in zip(shown, values, strict=True) if not np.isfinite(value)]
            return np.inf, [f"{label} cannot be measured" for label in unknown]
        middle, half = (self.high + self.low) / 2, (self.high - self.low) / 2
        apart = np.abs(values - middle) / half
        together = np.linalg.norm(self.whitening @ (values - self.center)) / self.distance
        score = float(max(apart.max(), together))
        if score <= 1:
            return score, []
        worst = np.argsort(apart)[::-1][:2]
        outside = [index for index in worst if apart[index] > 1]
        if not outside:
            difference = values - self.center
            shares = difference * (self.whitening.T @ (self.whitening @ difference))
            first, second = (f"{shown[i].label} ({shown[i].text(values[i])})" for i in np.argsort(shares)[::-1][:2])
            return score, [f"its properties do not occur together in good images, above all {first} and {second}"]
        return score, [shown[index].reason(values[index], self.low[index], self.high[index]) for index in outside]


def learn(fingerprints, *, margin=_MARGIN, beyond=None, joint=1.0):
    """
    Learn the ranges from good images.

    Parameters
    ----------
    fingerprints : `list` of mappings of `str` to `float`
        Properties of the images.
    margin : `float`
        How far beyond the images the ranges go, in units of the distance between the 10th and the 90th percentile, and
        for the Mahalanobis distance relative to the largest one.
    beyond : `numpy.ndarray`, optional
        How far below and above the images the range of each property goes at least, see `excess`.
    joint : `float`
        Factor of the largest Mahalanobis distance, see `joint_excess`.

    Returns
    -------
    `Likeness`
    """
    names = tuple(fingerprints[0])
    values = np.array([[one[name] for name in names] for one in fingerprints], dtype=float)
    spread = np.diff(np.percentile(values, [10, 90], axis=0), axis=0)[0]
    # A property that is the same in all images still varies by rounding errors
    largest = np.abs(values).max(axis=0)
    spread = np.maximum(spread, 1e-3 * np.where(largest > 0, largest, 1.0))
    below, above = np.zeros((2, len(names))) if beyond is None else beyond
    low = values.min(axis=0) - np.maximum(margin * spread, below)
    high = values.max(axis=0) + np.maximum(margin * spread, above)
    # What is the same in nearly all images has no spread, but can differ on another day
    spread = np.maximum(spread, np.maximum(below, above))
    center = values.mean(axis=0)
    scaled = (values - center) / spread
    covariance = scaled.T @ scaled / len(values)
    covariance = (1 - _SHRINKAGE) * covariance + _SHRINKAGE * np.diag(np.diag(covariance)) + 1e-2 * np.eye(len(names))
    eigenvalues, vectors = np.linalg.eigh(covariance)
    whitening = (vectors / np.sqrt(eigenvalues)).T / spread
    distances = np.linalg.norm((values - center) @ whitening.T, axis=1)
    return Likeness(
        names=names, low=low, high=high, center=center, whitening=whitening,
        distance=float(joint * (1 + margin) * distances.max()),
    )  # fmt: skip


def excess(fingerprints, groups, *, slack=_SLACK):
    """
    Measure how far the images of one day or region can lie beyond the range of all others.

    A new image, of another day, can lie as far beyond the good images.

    Parameters
    ----------
    fingerprints : `list` of mappings of `str` to `float`
        Properties of the images.
    groups : `list` of `str`
        The day or the region of each image.
    slack : `float`
        Factor by which the result is larger than what is measured.

    Returns
    -------
    `numpy.ndarray`
        How far below and above, in the units of the properties, shape ``(2, number of properties)``; 0 if all images
        belong to one group.
    """
    values = np.array([list(one.values()) for one in fingerprints], dtype=float)
    groups, largest = np.array(groups), np.zeros((2, values.shape[1]))
    names = dict.fromkeys(groups)
    for name in names if len(names) > 1 else ():
        own, others = values[groups == name], values[groups != name]
        apart = others.min(axis=0) - own.min(axis=0), own.max(axis=0) - others.max(axis=0)
        largest = np.maximum(largest, apart)
    return slack * largest


def joint_excess(fingerprints, groups, *, margin=_MARGIN, beyond=None, slack=_SLACK):
    """
    Measure how far the images of one day or region can lie beyond the largest Mahalanobis distance of all others.

    Parameters
    ----------
    fingerprints, groups, slack
        See `excess`.
    margin, beyond
        See `learn`.

    Returns
    -------
    `float`
        The largest distance of images of a group, in units of the limit that is learned from all other groups, times
        ``slack``; at least 1.
    """
    groups, largest = np.array(groups), 0.0
    names = dict.fromkeys(groups)
    for name in names if len(names) > 1 else ():
        others = [one for one, group in zip(fingerprints, groups, strict=True) if group != name]
        limits = learn(others, margin=margin, beyond=beyond)
        own = [one for one, group in zip(fingerprints, groups, strict=True) if group == name]
        values = np.array([[one[key] for key in limits.names] for one in own], dtype=float)
        apart = np.linalg.norm((values - limits.center) @ limits.whitening.T, axis=1) / limits.distance
        largest = max(largest, apart.max())
    return max(1.0, float(slack * largest))


def write_likeness(path, likeness):
    """
    Write ranges to a JSON file.

    Parameters
    ----------
    path : path-like
        The file.
    likeness : `Likeness`
        The ranges.
    """
    record = {"names": likeness.names, "distance": likeness.distance}
    for name in ("low", "high", "center", "whitening"):
        array = getattr(likeness, name)
        record[name] = np.array([float(f"{value:.7g}") for value in array.flat]).reshape(array.shape).tolist()
    Path(path).write_text(json.dumps(record, indent=1) + "\n")


def read_likeness(path):
    """
    Read ranges from a JSON file.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    `Likeness`
    """
    record = json.loads(Path(path).read_text())
    arrays = {name: np.array(record[name]) for name in ("low", "high", "center", "whitening")}
    return Likeness(names=tuple(record["names"]), distance=record["distance"], **arrays)


def likeness_of(task):
    """
    The ranges of a task that come with the package.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Task`
        The task.

    Returns
    -------
    `Likeness` or `None`
        `None` if the task has none.
    """
    path = FOLDER / f"{task.name}.json"
    if task.fingerprint is None or not path.is_file():
        return None
    return _read_once(path)


@kept_while_unchanged(maxsize=8)
def _read_once(path):
    return read_likeness(path)


def score_of(task, observation):
    """
    Compare an observation with good ones of its task.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Task`
        The task.
    observation : `~sunpy_restore.core.restoration.observation.Observation`
        The observation.

    Returns
    -------
    score, reasons
        See `Likeness.measure`; `None` and no reasons if the task has no ranges.
    """
    likeness = likeness_of(task)
    if likeness is None:
        return None, []
    return likeness.measure(resolve(task.fingerprint)(observation), properties_of(task))
