"""Entries of lists of training images."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Entry"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """
    Images of one source in one of the splits.

    Parameters
    ----------
    name : `str`
        Name of the source.
    split : ``"train"`` or ``"validation"``
        The split.
    files : `list` of `str`
        Paths relative to the folder of the data; ``*``, ``?`` and ``[`` make a path a pattern.
    rows, columns : pair of `int`, optional
        First row or column of the part that is used and the one after its last, counted after trimming; by default all.
    frames : `list` of `int`, optional
        Frames of a series: the first one, the one after the last, and perhaps a step.
    times : `list` of `datetime.date` or `datetime.datetime`
        Days or times of the observations, in UTC; empty if they are not known or there are none.
    cadence : `float`, optional
        Seconds between two frames.
    trim : `int`
        Pixels that are cut off along each edge.
    unit : `str`
        Unit of the values in the files.
    pixel_scale, pixel_km : `float`, optional
        Pixel size in arcsec, or in km on the Sun.
    weight : `float`
        How often the images are drawn, relative to other entries.
    licence, credit : `str`
        Terms of use; whom to thank.
    options : mapping
        What else the recipe needs.
    """

    name: str
    split: str
    files: list
    rows: list | None = None
    columns: list | None = None
    frames: list | None = None
    times: list = field(default_factory=list)
    cadence: float | None = None
    trim: int = 0
    unit: str = ""
    pixel_scale: float | None = None
    pixel_km: float | None = None
    weight: float = 1.0
    licence: str = ""
    credit: str = ""
    options: Mapping = field(default_factory=dict)

    def trimmed(self, image):
        """The image or series, whose last axes are rows and columns, without its edges."""
        inner = slice(self.trim, -self.trim or None)
        return image[..., inner, inner]

    def part(self, image):
        """
        The frames, rows and columns of an entry.

        Parameters
        ----------
        image : `numpy.ndarray`
            A trimmed image, shape ``(ny, nx)``, or a series of them, shape ``(n, ny, nx)``.

        Returns
        -------
        `numpy.ndarray`

        Raises
        ------
        ValueError
            The image is smaller.
        """
        for name, axis in (("frames", -3), ("rows", -2), ("columns", -1)):
            wanted = getattr(self, name)
            if wanted is None:
                continue
            found = image.shape[axis] if image.ndim >= -axis else 0
            if found < wanted[1]:
                raise ValueError(
                    f"Found {found} {name} in {self.files[0]}; expected at least {wanted[1]} for the part "
                    f"{name} = {wanted} of {self.name!r}. Correct the list of the training images."
                )
            image = image[(..., slice(*wanted), *[slice(None)] * (-axis - 1))]
        return image

    def check_time(self, text, path):
        """
        Compare the time in a header with those of the entry.

        Parameters
        ----------
        text : `str`
            Time of the observation as ISO 8601 text.
        path : path-like
            The file, which the error names.

        Raises
        ------
        ValueError
            The image was observed at another time.
        """
        day = text[:10]
        if self.times and day not in {str(time)[:10] for time in self.times}:
            days = ", ".join(sorted({str(time)[:10] for time in self.times}))
            raise ValueError(
                f"Found an image of {day} in {path}; expected one of {days} for {self.name!r}. Correct the list of the "
                "training images, so that its splits can be compared."
            )
