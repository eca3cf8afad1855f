"""Parts of the levels of a network that a part of its output depends on."""

import torch
from torch.nn import functional

__all__ = ["Cropped", "covered", "damaged", "grown", "part_of", "scaled", "with_part"]


class Cropped:
    """
    A part of the features of a level of a network; near edges that are not those of the level it may be wrong.

    Parameters
    ----------
    features : `torch.Tensor`
        Shape ``(batch, channels, h, w)``.
    place : pair of pairs of `int`, optional
        First and last but one row and column of the part; by default that of the whole level.
    """

    def __init__(self, features, place=None):
        self.features = features
        self.place = tuple((0, side) for side in features.shape[-2:]) if place is None else place

    def part(self, place):
        """A smaller part."""
        inner = tuple(
            slice(start - first, stop - first) for (start, stop), (first, _) in zip(place, self.place, strict=True)
        )
        return Cropped(self.features[(..., *inner)], place)

    def map(self, layer):
        """The result of a layer."""
        return Cropped(layer(self.features), self.place)

    def halved(self):
        """Means of 2 x 2 pixels."""
        place = tuple((start // 2, stop // 2) for start, stop in self.place)
        return Cropped(functional.avg_pool2d(self.features, 2), place)

    def doubled(self):
        """Each pixel four times."""
        return Cropped(functional.interpolate(self.features, scale_factor=2.0), scaled(self.place, 2))


def covered(place):
    """
    The pixels of a level that cover a part of the next finer one.

    Parameters
    ----------
    place : pair of pairs of `int`
        The part, see `Cropped`.

    Returns
    -------
    `tuple`
    """
    return tuple((start // 2, -(-stop // 2)) for start, stop in place)


def scaled(place, factor):
    """
    The same part of a finer level.

    Parameters
    ----------
    place : pair of pairs of `int`
        The part, see `Cropped`.
    factor : `int`
        Pixels of the finer level along each axis of a pixel.

    Returns
    -------
    `tuple`
    """
    return tuple((factor * start, factor * stop) for start, stop in place)


def grown(place, width, sides, step):
    """
    A part with a border, within a level.

    Parameters
    ----------
    place : pair of pairs of `int`
        The part, see `Cropped`.
    width : `int`
        Width of the border in pixels.
    sides : pair of `int`
        Rows and columns of the image.
    step : `int`
        Step of the level in pixels of the image.

    Returns
    -------
    `tuple`
    """
    return tuple(
        (max(start - width, 0), min(stop + width, side // step))
        for (start, stop), side in zip(place, sides, strict=True)
    )


def damaged(mask):
    """
    The part of an image with all damaged pixels.

    Parameters
    ----------
    mask : `torch.Tensor`
        Positive in damaged pixels, shape ``(batch, 1, h, w)``.

    Returns
    -------
    `tuple` or `None`
        See `Cropped`; `None` without damage, and where gradients are computed or the network is traced.
    """
    if torch.is_grad_enabled() or torch.jit.is_tracing() or torch.compiler.is_compiling():
        return None
    marked = (mask > 0).flatten(0, -3).any(dim=0)
    ends = []
    for axis in (1, 0):
        found = marked.any(dim=axis).nonzero()
        if not len(found):
            return None
        ends.append((int(found[0]), int(found[-1]) + 1))
    return tuple(ends)


def part_of(image, place):
    """
    A part of an image.

    Parameters
    ----------
    image : `torch.Tensor`
        Shape ``(..., h, w)``.
    place : pair of pairs of `int`, optional
        The part, see `Cropped`; by default all of it.

    Returns
    -------
    `torch.Tensor`
    """
    return image if place is None else image[(..., *(slice(*pair) for pair in place))]


def with_part(image, place, values):
    """
    An image whose part has other values.

    Parameters
    ----------
    image : `torch.Tensor`
        Shape ``(..., h, w)``. It is not changed.
    place : pair of pairs of `int`, optional
        The part, see `Cropped`; by default all of it.
    values : `torch.Tensor`
        Values of the part.

    Returns
    -------
    `torch.Tensor`
    """
    if place is None:
        return values
    result = image.clone()
    part_of(result, place)[...] = values
    return result
