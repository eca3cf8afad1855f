"""What every kind of observation has in common."""

from abc import ABC, abstractmethod

__all__ = ["Observation"]


class Observation(ABC):
    """
    The arrays of one Map that a restoration needs; each function has a subclass, usually a frozen dataclass.

    Nothing behind an observation knows Maps: forward models, methods, training and evaluation work on it.
    """

    nothing_to_do = None
    """Why there is nothing to restore, as a sentence for the user; `None` if there is."""

    @classmethod
    @abstractmethod
    def check(cls, smap, **options):
        """
        Refuse a Map that cannot be restored, without much work.

        Parameters
        ----------
        smap : `~sunpy.map.GenericMap`
            The Map.
        **options
            Keywords of the function that concern the observation.

        Returns
        -------
        `str` or `None`
            Name of the task that restores the Map; `None` if the function has one task only.

        Raises
        ------
        TypeError
            Another instrument or product.
        ValueError
            A Map of this kind that cannot be restored.
        """

    @classmethod
    @abstractmethod
    def from_map(cls, smap, **options):
        """
        Read the observation in a Map that `check` has accepted.

        Parameters
        ----------
        smap : `~sunpy.map.GenericMap`
            The Map. It is not changed.
        **options
            As for `check`.

        Returns
        -------
        Observation
        """
