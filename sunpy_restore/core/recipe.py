"""How the networks of a task are trained and scored."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from sunpy_restore.core.archive import Archive
from sunpy_restore.core.methods import restore_observation
from sunpy_restore.core.samples import Pairing, Splitting
from sunpy_restore.core.task import resolve

__all__ = ["Recipe", "ScoreColumn", "Variant", "recipe_of"]


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


class Recipe(ABC):
    """
    Training and evaluation of the networks of a task.

    Parameters
    ----------
    task : `~sunpy_restore.core.task.Task`
        The task.
    """

    score_columns: ClassVar[Mapping[str, ScoreColumn]] = {}
    """Columns of the table of scores by the names that `measure` gives, in order."""

    observation_columns: ClassVar[Mapping[str, ScoreColumn]] = {}
    """Columns of the table of scores without a truth by the names that `compare` gives, in order."""

    headline: ClassVar[str | None] = None
    """Name of the score by which methods are compared, if there is one."""

    intended_use: ClassVar[str] = ""
    """For model cards; by default the title of the task and its function."""

    limits: ClassVar[str] = ""
    """For model cards: for what the networks are not suitable, and what their results do not show."""

    archive: ClassVar[Archive | None] = None
    """What archives have for the task; `None` if own images cannot be downloaded by a query."""

    no_archive: ClassVar[str] = "no archive is known that can be searched for them"
    """Why there is no ``archive``."""

    options: ClassVar[frozenset[str] | None] = None
    """Names of the options that configurations may have; `None` if they are not checked."""

    splitting: ClassVar[Splitting | None] = None
    """How own images are split; `None` for a task whose training images are simulated, which needs no files."""

    pairing: ClassVar[Pairing | None] = None
    """How pairs of real images are found; `None` for a task that does not learn from them."""

    def __init__(self, task):
        self.task = task

    @property
    def pairs_name(self):
        """What pairs of real images are for, as `data_name` says it of images."""
        return f"{self.data_name}, pairs"

    def role_of(self, candidate):
        """
        Which image of a pair an image may be.

        Parameters
        ----------
        candidate : `~sunpy_restore.core.samples.Candidate`
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
        observed, truth : `~sunpy_restore.core.samples.Candidate`
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
        observed, truth : `~sunpy_restore.core.samples.Candidate`
            Images that `check_pair` has accepted.

        Returns
        -------
        `~sunpy_restore.core.samples.Sample`
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
        Name of the list of training images, see `~sunpy_restore.core.imagelist.find_list`.

        Parameters
        ----------
        config : `~sunpy_restore.core.config.TrainingConfig`
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
        candidate : `~sunpy_restore.core.samples.Candidate`
            An image in any file.

        Returns
        -------
        `~sunpy_restore.core.samples.Sample`

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

    @abstractmethod
    def configs(self):
        """
        Training configurations of the task, such as those that
        `~sunpy_restore.core.configfile.load_configs` reads from files.

        Returns
        -------
        `dict`
            Name to `~sunpy_restore.core.config.TrainingConfig`.
        """

    def prepared(self, config):
        """
        The configuration that is trained, by default the one that was chosen.

        Parameters
        ----------
        config : `~sunpy_restore.core.config.TrainingConfig`
            The configuration with the changes of the user.

        Returns
        -------
        `~sunpy_restore.core.config.TrainingConfig`
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
        config : `~sunpy_restore.core.config.TrainingConfig`
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
        config : `~sunpy_restore.core.config.TrainingConfig`
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
        config : `~sunpy_restore.core.config.TrainingConfig`
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

        By default it is the `headline` if a validation logs it, otherwise the first score of `validation_scores`. The
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
            Further metadata, as `~sunpy_restore.core.weights.write` takes them.
        """
        return {}

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
        observation : `~sunpy_restore.core.observation.Observation`
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
        observation : `~sunpy_restore.core.observation.Observation`
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

    def calibration(self, directory):
        """
        Cases from which the uncertainty is calibrated, see `~sunpy_restore.core.evidence.Case`.

        Parameters
        ----------
        directory : path-like
            Folder of the training data.

        Returns
        -------
        `list` of `~sunpy_restore.core.evidence.Case`
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
            ``make()`` returns the observation.
        """
        raise ValueError(f"The {self.task.name} task has no list of good observations.")

    def calibrated(self):
        """
        Methods whose uncertainty is calibrated, by their names in the header; by default every method.

        Returns
        -------
        `dict`
            Name in ``RSTMETH`` to `Variant`.
        """
        return {method: Variant(method) for method in self.task.methods}

    def applies(self, observation, method, options):
        """
        Whether a method can restore an observation; by default all can.

        Parameters
        ----------
        observation, method, options
            See `restored`.

        Returns
        -------
        `bool`
        """
        return True

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
        observation : `~sunpy_restore.core.observation.Observation`
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
        observation : `~sunpy_restore.core.observation.Observation`
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
        observation : `~sunpy_restore.core.observation.Observation`
            The observation.
        method : `~sunpy_restore.core.methods.Method` or `None`
            The method; `None` for a reference, see `Variant`.
        options : mapping
            See `Variant`.

        Returns
        -------
        `numpy.ndarray` or `None`
            `None` if the variant does not apply to the observation.
        """
        return restore_observation(observation, method, **options).data


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
