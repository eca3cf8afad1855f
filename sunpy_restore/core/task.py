"""
Records that describe functions of the package and the tasks that they perform.

They are light: what a record refers to is named as ``"module:name"`` and imported when it is used.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

__all__ = ["Function", "MapFunction", "Option", "Restoration", "Task", "network_builder", "reference_to", "resolve"]


def resolve(reference):
    """
    Import what a reference names.

    Parameters
    ----------
    reference : `str` or object
        ``"module:name"``, or the object itself.

    Returns
    -------
    object

    Examples
    --------
    >>> from sunpy_restore.core.task import resolve
    >>> resolve("math:hypot")(3, 4)
    5.0
    """
    if not isinstance(reference, str):
        return reference
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


def reference_to(function):
    """
    Name the record of a function, so that another process finds its own and not a copy.

    Parameters
    ----------
    function : `MapFunction`
        The record. That of the package ``a.b`` is in ``a.b.task``, in capital letters.

    Returns
    -------
    `str` or `MapFunction`
        A reference for `resolve`; the record itself if it is somewhere else.

    Examples
    --------
    >>> from sunpy_restore.core.task import reference_to, resolve
    >>> from sunpy_restore.tasks import FUNCTIONS
    >>> reference_to(FUNCTIONS[0])
    'sunpy_restore.enhancement.task:ENHANCE'
    """
    reference = f"{function.module.rpartition('.')[0]}.task:{function.name.upper()}"
    try:
        found = resolve(reference)
    except (AttributeError, ImportError, ValueError):
        return function
    return reference if found is function else function


@dataclass(frozen=True)
class Option:
    """
    Option of a command that only some functions have; the function has a keyword of the same name.

    Parameters
    ----------
    name, help : `str`
        Name of the keyword; help text.
    metavar : `str`, optional
        Name of the value in the help text.
    choices : `tuple` of `str`, optional
        Accepted values.
    read : reference, optional
        Converts the text to the value of the keyword.
    flag : `bool`
        Whether the option has no value and sets the keyword to True.
    nargs : `str`, optional
        Number of values as ``argparse`` takes it; ``read`` then takes a list of texts.
    in_report : `bool`
        Whether the keyword concerns how the original is read, and is an option of the command ``report`` as well.
    """

    name: str
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] | None = None
    read: Any = "builtins:str"
    flag: bool = False
    nargs: str | None = None
    in_report: bool = False


@dataclass(frozen=True, kw_only=True)
class Task:
    """
    A problem that networks with their own weights solve.

    Parameters
    ----------
    name : `str`
        Name in the registry of weights, in ``RSTTASK`` and on the command line.
    title : `str`
        One line for listings and model cards.
    doi : `str`
        DOI of the paper that the network follows.
    unit : `str`
        Unit of the normalised images that the network takes or makes.
    build_network : callable
        ``build_network(hyperparameters) -> torch.nn.Module``.
    network_method : reference
        ``network_method(observation, network, *, progress) -> image``: how the network restores an observation. The
        network is a `~sunpy_restore.core.inference.tilednetwork.TiledNetwork` for a `Restoration`, and else a
        `torch.nn.Module` in evaluation mode on its device.
    classical : mapping
        Name of each classical method to a reference ``method(observation, *, progress) -> image``.
    restore : reference
        ``restore(observation, method, *, progress, **options) -> Restored``: everything that happens to an observation,
        whatever the method, which is a `~sunpy_restore.core.restoration.methods.Method`. By default the image of the
        method.
    recipe : reference
        Subclass of `~sunpy_restore.core.recipes.recipe.Recipe`: how the networks are trained and scored.
    checks : reference, optional
        ``checks(comparison) -> list of Check``: the checks of a restored image that only this task has, see
        `~sunpy_restore.core.reports.report.Comparison` and `~sunpy_restore.core.reports.report.Check`.
    evidence : reference, optional
        ``evidence(observation, restored, method) -> Evidence``: what tells how large the errors of a restored image can
        be, see `~sunpy_restore.core.uncertainty.evidence.Evidence`. Its module has the names of the kinds of pixels,
        ``STRATA``.
    fingerprint : reference, optional
        ``fingerprint(observation) -> dict``: names of properties of an observation to numbers, by which one that is
        unlike all good ones is told, see `~sunpy_restore.core.reports.likeness`.
    """

    name: str
    title: str
    doi: str
    unit: str
    build_network: Callable[[Mapping[str, Any]], Any]
    network_method: Any
    recipe: Any
    classical: Mapping[str, Any] = field(default_factory=dict)
    restore: Any = "sunpy_restore.core.restoration.methods:restore"
    checks: Any = None
    evidence: Any = None
    fingerprint: Any = None

    @property
    def methods(self):
        """Names of the methods, ``"network"`` first."""
        return ("network", *self.classical)


@dataclass(frozen=True, kw_only=True)
class Restoration(Task):
    """
    A task whose network makes an image from the channels of another image.

    The input of the network has shape ``(batch, len(channels), ny, nx)``, its output ``(batch, 1, scale * ny, scale *
    nx)``. The network has an attribute ``receptive_radius`` in input pixels, which is `None` if every output pixel
    depends on the whole input. A network that pools has an attribute ``stride``: its receptive radius then holds for
    tiles whose corners are multiples of the stride.

    Parameters
    ----------
    name, title, doi, unit, build_network, network_method, recipe, classical, restore, checks, evidence, fingerprint
        See `~sunpy_restore.core.task.Task`.
    scale : `int`
        Output pixels per input pixel along each axis.
    channels : `tuple` of `str`
        Names of the input channels, the image first. A channel ``"mask"`` is 1 where a pixel is to be filled and 0
        elsewhere; all other pixels then keep their values.
    data_consistency : reference, optional
        ``data_consistency(restored, observed) -> restored``: the physics that every output of a network has to satisfy,
        for a 2-D array and the channels that it was made from.
    consistency_radius : `int` or reference
        Receptive radius of ``data_consistency`` in input pixels.
    """

    scale: int = 1
    channels: tuple[str, ...] = ("image",)
    data_consistency: Any = None
    consistency_radius: Any = 0


@dataclass(frozen=True, kw_only=True)
class Function:
    """
    A public function.

    Parameters
    ----------
    name : `str`
        Name of the function.
    module : `str`
        Module that defines it.
    summary : `str`
        One line for the help text of the command line.
    tasks : `tuple` of `~sunpy_restore.core.task.Task`
        Tasks that it performs, one for each kind of image.
    """

    name: str
    module: str
    summary: str
    tasks: tuple[Task, ...]

    @property
    def methods(self):
        """Names of the methods of all tasks."""
        return tuple(dict.fromkeys(method for task in self.tasks for method in task.methods))

    def __call__(self, *args, **kwargs):
        """Call the function."""
        return resolve(f"{self.module}:{self.name}")(*args, **kwargs)


@dataclass(frozen=True, kw_only=True)
class MapFunction(Function):
    """
    A public function that restores Maps, by `sunpy_restore.core.restoration.verb.run`.

    Parameters
    ----------
    name, module, summary, tasks
        See `~sunpy_restore.core.task.Function`.
    observation : reference
        Subclass of `~sunpy_restore.core.restoration.observation.Observation`.
    per_image : mapping
        Keywords that may have one value for each image, each with a reference ``distribute(maps, value) -> list`` that
        gives the value for each Map.
    options : `tuple` of `~sunpy_restore.core.task.Option`
        Options of its command that other functions do not have.
    """

    observation: Any
    per_image: Mapping[str, Any] = field(default_factory=dict)
    options: tuple[Option, ...] = ()


def network_builder(**modules):
    """
    Make the function that builds the networks of a task from their hyperparameters.

    Parameters
    ----------
    **modules : `str`
        For each architecture, which is the name of its class, the module of ``sunpy_restore.networks`` that defines it.
        It is imported when a network is built, because it needs PyTorch.

    Returns
    -------
    callable
        ``build_network(hyperparameters) -> torch.nn.Module``, which refuses other architectures with a `ValueError`.
    """

    def build_network(hyperparameters):
        options = dict(hyperparameters)
        architecture = options.pop("architecture", None)
        if architecture not in modules:
            expected = " or ".join(map(repr, modules))
            raise ValueError(f"Unknown architecture {architecture!r}; expected {expected}.")
        return resolve(f"sunpy_restore.networks.{modules[architecture]}:{architecture}")(**options)

    return build_network
