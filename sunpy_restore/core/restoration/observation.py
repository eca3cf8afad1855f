"""What every kind of observation has in common."""

from abc import ABC, abstractmethod

import numpy as np

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

    @classmethod
    def from_pair(cls, smap, filled, **options):
        """
        Read the observation in a Map that has been restored, for the checks of the result.

        Parameters
        ----------
        smap : `~sunpy.map.GenericMap`
            The original Map. It is not changed.
        filled : `numpy.ndarray` of `bool`
            True where the restored image was filled, in its shape.
        **options
            As for `check`.

        Returns
        -------
        Observation
        """
        return cls._checked(smap, options)

    @classmethod
    def with_filled(cls, smap, filled, **options):
        """
        Read the observation in a Map whose filled pixels are known; `from_pair` of functions that fill pixels.

        Parameters
        ----------
        smap, filled, **options
            As for `from_pair`. Without ``mask`` among the options, the filled pixels are the mask, unless they are also
            those that are found in the Map.

        Returns
        -------
        Observation
        """
        if options.get("mask") is None:
            try:
                found = cls._checked(smap, options)
            except ValueError:
                # Such as an unknown saturation level, which a given mask does not need
                found = None
            if found is not None and np.array_equal(found.mask, filled):
                return found
            options = options | {"mask": filled}
        return cls._checked(smap, options)

    @classmethod
    def _checked(cls, smap, options):
        cls.check(smap, **options)
        return cls.from_map(smap, **options)
