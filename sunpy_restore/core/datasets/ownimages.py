"""Which images of users a task is trained with, and how pairs of them are found."""

from typing import ClassVar

from sunpy_restore.core.datasets.archive import Archive
from sunpy_restore.core.datasets.samples import Pairing, Splitting

__all__ = ["OwnImages"]


class OwnImages:
    """The part of a `~sunpy_restore.core.recipes.recipe.Recipe` that takes images for training, or refuses them."""

    archive: ClassVar[Archive | None] = None
    """What archives have for the task; `None` if own images cannot be downloaded by a query."""

    no_archive: ClassVar[str] = "no archive is known that can be searched for them"
    """Why there is no ``archive``."""

    splitting: ClassVar[Splitting | None] = None
    """How own images are split; `None` for a task whose training images are simulated, which needs no files."""

    pairing: ClassVar[Pairing | None] = None
    """How pairs of real images are found; `None` for a task that does not learn from them."""

    @property
    def pairs_name(self):
        """What pairs of real images are for, as `data_name` says it of images."""
        return f"{self.data_name}, pairs"

    def role_of(self, candidate):
        """
        Which image of a pair an image may be.

        Parameters
        ----------
        candidate : `~sunpy_restore.core.datasets.samples.Candidate`
            An image in any file.

        Returns
        -------
        ``"observed"`` or ``"truth"``

        Raises
        ------
        TypeError, ValueError
            The image cannot be used; the message says why.
        """
        raise ValueError(f"The {self.task.name} task does not learn from pairs of real images.")

    def check_pair(self, observed, truth):
        """
        Refuse images whose headers say that they do not belong together.

        Parameters
        ----------
        observed, truth : `~sunpy_restore.core.datasets.samples.Candidate`
            Images whose times differ by no more than the tolerance of `pairing`. Their data are zeros.

        Raises
        ------
        ValueError
            They do not; the message says why.
        """
        return

    def pair_of(self, observed, truth):
        """
        Bring two images to the same coordinates and scale, or refuse them.

        Parameters
        ----------
        observed, truth : `~sunpy_restore.core.datasets.samples.Candidate`
            Images that `check_pair` has accepted.

        Returns
        -------
        `~sunpy_restore.core.datasets.samples.Sample`
            With its ``truth``.

        Raises
        ------
        TypeError, ValueError
            They do not belong together; the message says why.
        """
        raise NotImplementedError(f"The {self.task.name} task does not learn from pairs of real images.")

    @property
    def data_name(self):
        """What own images are for: the name of the task, or a name that several tasks share."""
        return self.task.name

    def list_name(self, config):
        """
        Name of the list of training images, see `~sunpy_restore.core.datasets.imagelist.find_list`.

        Parameters
        ----------
        config : `~sunpy_restore.core.recipes.config.TrainingConfig`
            The configuration. Its option ``data`` names another list for the same task.

        Returns
        -------
        `str`
        """
        variant = config.options.get("data")
        return f"{self.data_name}-{variant}" if variant else self.data_name

    def sample_of(self, candidate):
        """
        Take an image for training, or refuse it.

        Parameters
        ----------
        candidate : `~sunpy_restore.core.datasets.samples.Candidate`
            An image in any file.

        Returns
        -------
        `~sunpy_restore.core.datasets.samples.Sample`

        Raises
        ------
        TypeError, ValueError
            The image cannot be used; the message says why.
        """
        raise ValueError(f"The training images of {self.task.name} are simulated; expected no files.")

    def export_samples(self, directory, out):
        """
        Write the training pairs of a data set as files for other programs.

        Parameters
        ----------
        directory : path-like
            Folder of the training data.
        out : path-like
            Folder for the files.

        Returns
        -------
        `dict`
            Name of the split to the number of pairs.

        Raises
        ------
        ValueError
            The task has no such files.
        """
        raise ValueError(f"The training pairs of {self.task.name} cannot be exported.")
