"""How the networks of a task are trained and scored."""

from abc import ABC, abstractmethod
from typing import ClassVar

from sunpy_restore.core.datasets.ownimages import OwnImages
from sunpy_restore.core.recipes.calibration import Calibration
from sunpy_restore.core.recipes.scoring import ScoreColumn, Scoring, Variant
from sunpy_restore.core.task import resolve

__all__ = ["Recipe", "ScoreColumn", "Variant", "recipe_of"]


class Recipe(OwnImages, Scoring, Calibration, ABC):
    """
    Training and evaluation of the networks of a task.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Task`
        The task.
    """

    intended_use: ClassVar[str] = ""
    """For model cards; by default the title of the task and its function."""

    limits: ClassVar[str] = ""
    """For model cards: for what the networks are not suitable, and what their results do not show."""

    options: ClassVar[frozenset[str] | None] = None
    """Names of the options that configurations may have; `None` if they are not checked."""

    def __init__(self, task):
        self.task = task

    @abstractmethod
    def configs(self):
        """
        Training configurations of the task, such as those that
        `~sunpy_restore.core.recipes.configfile.load_configs` reads from files.

        Returns
        -------
        `dict`
            Name to `~sunpy_restore.core.recipes.config.TrainingConfig`.
        """

    def prepared(self, config):
        """
        The configuration that is trained, by default the one that was chosen.

        Parameters
        ----------
        config : `~sunpy_restore.core.recipes.config.TrainingConfig`
            The configuration with the changes of the user.

        Returns
        -------
        `~sunpy_restore.core.recipes.config.TrainingConfig`
            A configuration whose options are hyperparameters of the network, for example.
        """
        return config

    def for_networks(self, hyperparameters):
        """
        The recipe that scores networks, by default this one.

        Parameters
        ----------
        hyperparameters : `list` of mapping
            Those of each network, from the metadata of its weights.

        Returns
        -------
        `Recipe`
        """
        return self

    @abstractmethod
    def training_data(self, config):
        """
        Describe what the networks of a configuration are trained on, for model cards.

        Parameters
        ----------
        config : `~sunpy_restore.core.recipes.config.TrainingConfig`
            The configuration.

        Returns
        -------
        `str`
        """

    @abstractmethod
    def datasets(self, directory, config):
        """
        Training pairs, and validation pairs for each source that is kept back.

        Parameters
        ----------
        directory : path-like
            Folder of the training data.
        config : `~sunpy_restore.core.recipes.config.TrainingConfig`
            The configuration.

        Returns
        -------
        training : `torch.utils.data.Dataset`
            Pairs ``(observed, truth)`` of tensors.
        validation : `dict`
            Name of the source to data set.
        """

    def predict(self, network, observed, config):
        """Output of the network for a batch of shape ``(batch, channels, h, w)``, by default ``network(observed)``."""
        return network(observed)

    def starting_weights(self, network, state):
        """
        Tensors with which a training starts from the weights of another network, by default these.

        Parameters
        ----------
        network : `torch.nn.Module`
            The network that is trained.
        state : mapping of `str` to `torch.Tensor`
            Weights of the other network.

        Returns
        -------
        mapping of `str` to `torch.Tensor`
        """
        return state

    @abstractmethod
    def loss(self, network, batch, config):
        """
        Loss of a batch, a scalar `torch.Tensor`.

        Parameters
        ----------
        network : `torch.nn.Module`
            The network.
        batch : sequence of `torch.Tensor`
            As ``datasets`` gives them.
        config : `~sunpy_restore.core.recipes.config.TrainingConfig`
            The configuration.
        """

    def build_adversary(self, hyperparameters):
        """Discriminator of an adversarial training, called as ``adversary(observed, image)``."""
        raise NotImplementedError(f"The {self.task.name} task has no adversarial training.")

    def content_loss(self, restored, batch, config):
        """
        What an adversarial training adds to the loss of the discriminator.

        Parameters
        ----------
        restored : `torch.Tensor`
            Output of the network.
        batch, config
            As for `loss`.
        """
        raise NotImplementedError(f"The {self.task.name} task has no adversarial training.")

    def scored_pixels(self, observed, truth):
        """
        Pixels that a validation looks at, as a `torch.Tensor` of `bool` in the shape of the truth; `None` for all.

        Parameters
        ----------
        observed, truth : `torch.Tensor`
            A batch of validation pairs.
        """
        return

    def validation_scores(self, restored, truth):
        """
        What a validation logs for a batch: by default the normalised mean squared error, and the ratio of contrasts.

        Parameters
        ----------
        restored, truth : `torch.Tensor`
            Pixels that are looked at.

        Returns
        -------
        `dict`
            Name to value.
        """
        from torch.nn import functional

        error = functional.mse_loss(restored, truth) / truth.var()
        return {"nmse": error, "contrast": restored.std() / truth.std()}

    def validation_score(self, scores):
        """
        One number by which validations are compared, lower is better.

        By default it is the ``headline`` if a validation logs it, otherwise the first score of `validation_scores`. The
        sign is changed if its column says that higher values are better.

        Parameters
        ----------
        scores : `dict`
            Score of `validation_scores` to its mean over the sources.

        Returns
        -------
        `float`
        """
        name = self.headline if self.headline in scores else next(iter(scores))
        column = self.score_columns.get(name)
        return -scores[name] if column is not None and column.better == "higher" else scores[name]

    def calibrate(self, network, directory, config):
        """
        Change a trained network before its weights are written, by what is measured and not trained.

        Parameters
        ----------
        network : `torch.nn.Module`
            The network.
        directory, config
            As for `datasets`.
        """
        return

    def metadata(self, directory, config):
        """
        What else a weights file says about the data, by default nothing.

        Parameters
        ----------
        directory, config
            As for `datasets`.

        Returns
        -------
        `dict`
            Further metadata, as `~sunpy_restore.core.weights.store.write` takes them.
        """
        return {}


def recipe_of(task):
    """
    The recipe of a task.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Task`
        The task.

    Returns
    -------
    `Recipe`
    """
    return resolve(task.recipe)(task)
