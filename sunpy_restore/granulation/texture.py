"""Images that are computed part by part, so that they can be larger than memory."""

from abc import ABC, abstractmethod

__all__ = ["Texture"]


class Texture(ABC):
    """
    A texture that is computed on demand.

    Parameters
    ----------
    shape : `tuple` of `int`
        Pixels ``(ny, nx)``.
    pixel : `float`
        Side of a pixel on the Sun in km.

    Attributes
    ----------
    layout : `~sunpy_restore.granulation.stitching.layout.Layout` or `None`
        Positions of the tiles that the texture was stitched from; `None` if there are none on its pixel grid.
    refinements : sequence of `~sunpy_restore.granulation.stitching.genetic.Refinement`
        Evolutionary searches for better matching tiles.
    """

    layout = None
    refinements = ()

    def __init__(self, shape, pixel):
        self.shape, self.pixel = tuple(shape), pixel

    @abstractmethod
    def window(self, rows, columns):
        """
        Compute a part of the texture.

        Parameters
        ----------
        rows, columns : `slice`
            Pixels; start and stop are given, and the step is 1.

        Returns
        -------
        `numpy.ndarray` of ``float32``
            Intensity relative to the mean.
        """

    def image(self):
        """
        Compute the whole texture.

        Returns
        -------
        `numpy.ndarray` of ``float32``
            Intensity relative to the mean, shape ``(ny, nx)``.
        """
        return self.window(*(slice(0, length) for length in self.shape))
