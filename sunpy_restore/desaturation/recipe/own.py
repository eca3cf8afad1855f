"""Own images as training data of `sunpy_restore.desaturate`."""

import numpy as np

from sunpy_restore.core.datasets.manifest import Images, read_manifest
from sunpy_restore.core.datasets.samples import Sample
from sunpy_restore.desaturation.detection.exposure import counts_per_unit
from sunpy_restore.desaturation.detection.saturation import check_aia, find_saturation
from sunpy_restore.desaturation.fringes.psf import EUV_CHANNELS
from sunpy_restore.desaturation.task import DESATURATE

__all__ = ["EIGHT_BIT", "LEVEL_1", "OwnDisk", "displayed_image", "own_exposures", "own_images", "sample_of"]

EIGHT_BIT, LEVEL_1 = "AIA, 8-bit", "AIA, level 1"
"""Groups of images: those in the scaling of Helioviewer, and exposures in DN."""

_LEAST = 256  # pixels along each axis
_QUICK_LOOK = 1 << 30  # the bit of QUALITY that says that an image was processed soon after the observation
_MOST_WHITE = 0.005  # of the pixels of an 8-bit image


def sample_of(candidate):
    """
    Take an AIA image for training, or refuse it.

    Images of the EUV channels of level 1 or 1.5 without saturated pixels are taken, in DN per exposure, and 8-bit
    images in the scaling of Helioviewer.

    Parameters
    ----------
    candidate : `~sunpy_restore.core.datasets.samples.Candidate`
        The image.

    Returns
    -------
    `~sunpy_restore.core.datasets.samples.Sample`
        Its value ``channel`` is the wavelength in angstrom.

    Raises
    ------
    TypeError, ValueError
        The image cannot be used.
    """
    header, data = candidate.header, candidate.data
    if not str(header.get("INSTRUME", "")).strip().upper().startswith("AIA"):
        raise TypeError(f"Found an image of {candidate.instrument or 'an unnamed instrument'}; expected one of AIA.")
    try:
        quality = int(str(header.get("QUALITY", 0)).strip() or "0", 0) & ~_QUICK_LOOK
    except ValueError:
        raise ValueError(f"Found QUALITY = {header['QUALITY']!r}; expected a number.") from None
    if quality or str(header.get("IMG_TYPE", "LIGHT")).strip().upper() != "LIGHT":
        raise ValueError(
            f"Found QUALITY = {quality:#x} and IMG_TYPE = {header.get('IMG_TYPE', 'LIGHT')}; expected 0 and LIGHT."
        )
    if min(data.shape) < _LEAST:
        raise ValueError(f"Found {data.shape[0]} x {data.shape[1]} pixels; expected at least {_LEAST} along each axis.")
    smap = candidate.map()
    channel = check_aia(smap, channels=EUV_CHANNELS)
    if data.dtype == np.uint8:
        white = np.mean(data == np.iinfo(np.uint8).max)
        if white > _MOST_WHITE:
            raise ValueError(f"Found {white:.1%} of the pixels white; expected at most {_MOST_WHITE:.1%}.")
        image, group, unit = data, EIGHT_BIT, "8-bit"
    else:
        saturated = np.count_nonzero(find_saturation(smap).saturated)
        if saturated:
            raise ValueError("Found saturated pixels; expected none, because they hide the truth.")
        image, group, unit = data * np.float32(counts_per_unit(smap)), LEVEL_1, "DN"
        if not np.isfinite(image).all():
            raise ValueError(f"Found {np.mean(~np.isfinite(image)):.2%} of the pixels without a value; expected none.")
    return Sample(image, group, unit, candidate.pixel_scale, (_LEAST, _LEAST), {"channel": channel})


class OwnDisk:
    """
    An own image on a display scale, as `~sunpy_restore.desaturation.recipe.scenes.Disk` has it, which is read when it
    is needed.

    Parameters
    ----------
    images : `~sunpy_restore.core.datasets.manifest.Images`
        The images of a manifest, on a display scale of 0 to 255.
    index : `int`
        Number of the image.
    find_places : callable
        ``find_places(image)`` returns the bright places of an image.
    """

    def __init__(self, images, index, find_places):
        self.images, self.index = images, index
        item = images.items[index]
        self.name, self.date, self.group = item.origin, item.time or item.origin, item.group
        self.first_column = item.columns[0] if item.columns else 0  # of the region in the image
        self.places = find_places(self.image)

    @property
    def image(self):
        """The image, shape ``(ny, nx)``."""
        return self.images[self.index]


def own_images(directory, split, find_places):
    """
    Images of a folder with a manifest, on a display scale.

    Exposures are transformed to a logarithmic scale.

    Parameters
    ----------
    directory : path-like
        The folder.
    split : ``"train"`` or ``"validation"``
        The split.
    find_places : callable
        See `OwnDisk`.

    Returns
    -------
    `list` of `OwnDisk`
    """
    manifest = read_manifest(directory, DESATURATE.name)
    images = Images(manifest, manifest.split(split), displayed_image)
    return [OwnDisk(images, index, find_places) for index in range(len(images))]


def displayed_image(image):
    """
    Transform an exposure to a logarithmic display scale of 0 to 255; a display image is returned as it is.

    Parameters
    ----------
    image : `numpy.ndarray`
        Shape ``(ny, nx)``.

    Returns
    -------
    `numpy.ndarray`
    """
    if image.dtype == np.uint8:
        return image
    depth = np.maximum(image, 0) / max(float(np.median(image)), 1.0)
    return (255 * np.log1p(depth) / np.log1p(depth.max())).astype(np.float32)


def own_exposures(directory, side):
    """
    Exposures of a folder with a manifest that are kept back from training.

    Parameters
    ----------
    directory : path-like
        The folder.
    side : `int`
        Largest side in pixels; the middle of a larger image is used.

    Yields
    ------
    channel : `int`
        Wavelength in angstrom.
    image : `numpy.ndarray`
        In DN, shape ``(ny, nx)``.
    """
    manifest = read_manifest(directory, DESATURATE.name)
    for item in manifest.split("validation"):
        if item.group == LEVEL_1:
            image = manifest.read(item).astype(float)
            top, left = (max(0, (length - side) // 2) for length in image.shape)
            yield item.values["channel"], image[top : top + side, left : left + side]
