"""From which cases the uncertainty of a task is calibrated, and from which images unusual ones are told."""

from typing import ClassVar

from sunpy_restore.core.recipes.scoring import Variant

__all__ = ["Calibration"]


class Calibration:
    """The part of a `~sunpy_restore.core.recipes.recipe.Recipe` with cases of a known truth, and good observations."""

    calibration_steps: ClassVar[int] = 1500
    """Steps for which error models are fitted; fewer where cases are few, whose errors would be learned by heart."""

    def calibration(self, directory):
        """
        Cases from which the uncertainty is calibrated, see `~sunpy_restore.core.uncertainty.evidence.Case`.

        Parameters
        ----------
        directory : path-like
            Folder of the training data.

        Returns
        -------
        `list` of `~sunpy_restore.core.uncertainty.evidence.Case`
            The shipped weights were trained with none of their images.
        """
        raise ValueError(f"The {self.task.name} task has no cases for the calibration of an uncertainty.")

    def good_images(self, directory):
        """
        Good real observations, by which an unusual one is told.

        Parameters
        ----------
        directory : path-like
            Folder of the training data.

        Returns
        -------
        `list` of ``(name, make)``
            ``make()`` returns the observation. Names begin with the day or the region of the image and a comma, so that
            each can be left out to see how far a new one can differ.
        """
        raise ValueError(f"The {self.task.name} task has no list of good observations.")

    def calibrated(self):
        """
        Methods whose uncertainty is calibrated, by their names in the header; by default every method.

        Returns
        -------
        `dict`
            Name in ``RSTMETH`` to `~sunpy_restore.core.recipes.scoring.Variant`.
        """
        return {method: Variant(method) for method in self.task.methods}

    def applies(self, observation, method, options):
        """
        Whether a method can restore an observation; by default all can.

        Parameters
        ----------
        observation, method, options
            See `~sunpy_restore.core.recipes.scoring.Scoring.restored`.

        Returns
        -------
        `bool`
        """
        return True
