"""Neighbours of images: those that are given, or others of the same sequence."""

from sunpy_restore.core.messages import named_image, warn_user
from sunpy_restore.inpainting.temporal.neighbours import SIMULTANEOUS, has_time, kind_of

__all__ = ["neighbours_for"]


def neighbours_for(maps, neighbours):
    """
    Neighbours of each image.

    Parameters
    ----------
    maps : `list` of `~sunpy.map.GenericMap`
        The images.
    neighbours : `~sunpy.map.GenericMap`, `list` or `tuple` of them, ``"sequence"`` or `None`
        Images taken before and after the only image; or ``"sequence"`` for the last image before and the first one
        after each image among the others of the same detector, filter and polariser.

    Returns
    -------
    `list`
        The neighbours, or `None`, for each image.

    Raises
    ------
    ValueError
        There are neighbours and several images, or a single image is given as a sequence; or another text.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        An image of a sequence has no neighbour.
    """
    if isinstance(neighbours, str):
        if neighbours != "sequence":
            raise ValueError(f"Found neighbours={neighbours!r}; expected Maps, or 'sequence' for several images.")
        if len(maps) < 2:
            raise ValueError("Found a single image with neighbours='sequence'; expected several images, or Maps.")
        return [_in_sequence(maps, index) for index in range(len(maps))]
    if neighbours is not None and len(maps) > 1:
        raise ValueError(
            f"Found neighbours for {len(maps)} images; expected a single image. Use neighbours='sequence' if the "
            "images are neighbours of each other, or inpaint each separately."
        )
    return [neighbours] * len(maps)


def _in_sequence(maps, index):
    """The last image before and the first one after an image, of its kind."""
    kinds = [kind_of(smap) if has_time(smap) else None for smap in maps]
    hours = {
        other: (maps[other].date - maps[index].date).to_value("hour")
        for other, kind in enumerate(kinds)
        if other != index and kind is not None and kind == kinds[index]
    }
    before = [other for other in hours if hours[other] < -SIMULTANEOUS]
    after = [other for other in hours if hours[other] > SIMULTANEOUS]
    chosen = [max(before, key=hours.get)] if before else []
    chosen += [min(after, key=hours.get)] if after else []
    if not chosen:
        with named_image(index, len(maps)):
            warn_user(
                "No other image of the sequence has the same detector, filter and polariser and another time. The "
                "image is filled without neighbours."
            )
    return [maps[other] for other in chosen] or None
