"""How the results of the methods of a task are scored."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from sunpy_restore.core.restoration.methods import restore_observation

__all__ = ["ScoreColumn", "Scoring", "Variant"]


class ScoreColumn(NamedTuple):
    """
    Column of a table of scores.

    Parameters
    ----------
    heading : `str`
        Heading, with the unit.
    form : `str`
        Format of a value; the percent sign of a percentage stands in the heading only.
    better : ``"higher"``, ``"lower"`` or ``""``
        Which values are better, if that can be said.
    """

    heading: str
    form: str
    better: str = ""


class Variant(NamedTuple):
    """
    A row in the table of scores: a method with options of its function.

    Parameters
    ----------
    method : `str` or `None`
        ``"network"`` or the name of a classical method; `None` for a reference that no method restores.
    options : mapping
        Keywords of the task's ``restore``.
    """

    method: str | None
    options: Mapping[str, Any] = {}


class Scoring(ABC):
    """The part of a `~sunpy_restore.core.recipes.recipe.Recipe` that scores results."""

    score_columns: ClassVar[Mapping[str, ScoreColumn]] = {}
    """Columns of the table of scores by the names that `measure` gives, in order."""

    observation_columns: ClassVar[Mapping[str, ScoreColumn]] = {}
    """Columns of the table of scores without a truth by the names that `compare` gives, in order."""

    headline: ClassVar[str | None] = None
    """Name of the score by which methods are compared, if there is one."""

    @abstractmethod
    def evaluation_pairs(self, directory):
        """
        Observations that are kept back from training, with their truth.

        Parameters
        ----------
        directory : path-like
            Folder of the training data.

        Yields
        ------
        source : `str`
            Name of the source.
        observation : `~sunpy_restore.core.restoration.observation.Observation`
            What a user's Map would be read as.
        truth : `numpy.ndarray`
            In the unit of the restored image.
        """

    @abstractmethod
    def measure(self, observation, restored, truth):
        """
        Scores of one restored observation.

        Parameters
        ----------
        observation : `~sunpy_restore.core.restoration.observation.Observation`
            The observation.
        restored : `numpy.ndarray`
            What a method makes of it, see `restored`.
        truth : `numpy.ndarray`
            The truth.

        Returns
        -------
        `dict`
            Name to value, `None` where there is none.
        """

    def observations(self, directory):
        """
        Real observations, whose truth is not known; by default the task has no scores for them.

        Parameters
        ----------
        directory : path-like
            Folder of the observations.

        Yields
        ------
        source : `str`
            Name of the observation.
        observation : `~sunpy_restore.core.restoration.observation.Observation`
            What a user's Map would be read as.

        Raises
        ------
        ValueError
            The task has no scores without a truth.
        """
        raise ValueError(
            f"The {self.task.name} task has no scores for observations without a known truth. Give the data that are "
            "kept back from its training."
        )

    def compare(self, observation, images):
        """
        Scores of the images that the methods make of one observation.

        Parameters
        ----------
        observation : `~sunpy_restore.core.restoration.observation.Observation`
            One of `observations`.
        images : mapping of `str` to `numpy.ndarray`
            What each method makes of it, see `restored`.

        Returns
        -------
        `dict`
            Name of the method to a `dict` of name to value.
        """
        raise NotImplementedError(f"The {self.task.name} task has no scores without a truth.")

    def variants(self):
        """
        Rows of the table of scores; by default every method as users call it.

        Returns
        -------
        `dict`
            Label to `Variant`; labels of variants with the network begin with ``"network"``.
        """
        return {method: Variant(method) for method in self.task.methods}

    def restored(self, observation, method, options):
        """
        What `measure` scores: by default the data that the function of the task gives to users.

        Parameters
        ----------
        observation : `~sunpy_restore.core.restoration.observation.Observation`
            The observation.
        method : `~sunpy_restore.core.restoration.methods.Method` or `None`
            The method; `None` for a reference, see `Variant`.
        options : mapping
            See `Variant`.

        Returns
        -------
        `numpy.ndarray` or `None`
            `None` if the variant does not apply to the observation.
        """
        return restore_observation(observation, method, **options).data
