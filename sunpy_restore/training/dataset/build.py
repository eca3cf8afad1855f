"""Build a training data set: find images, let the recipe take or refuse them, split them, and write them."""

import hashlib
import logging
import warnings
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save
from tqdm import tqdm

import astropy.units as u

from sunpy_restore.core.datasets.fields import corners_of
from sunpy_restore.core.datasets.item import Item
from sunpy_restore.core.datasets.manifest import Manifest, has_manifest, read_manifest
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.system.atomic import atomic_path
from sunpy_restore.tasks import get_task
from sunpy_restore.training.dataset.copies import points_of
from sunpy_restore.training.dataset.download import download
from sunpy_restore.training.dataset.files import candidates, find_files
from sunpy_restore.training.dataset.journal import Journal
from sunpy_restore.training.dataset.overlaps import find_overlaps
from sunpy_restore.training.dataset.scenes import thumbnail_of
from sunpy_restore.training.dataset.splits import assign, duration
from sunpy_restore.training.dataset.table import check_both_splits
from sunpy_restore.training.folders import writable_folder

__all__ = ["SHARDS", "agreed_gap", "build_dataset", "first_sentence", "licence_of", "quiet", "split_items"]

SHARDS = "shards"
"""Folder of the images in that of a data set."""

_DOWNLOADS = "downloads"
_MADE = ("RESTORED", "SYNTHETIC")  # keywords of images that this package made
_TERMS = ("LICENCE", "LICENSE", "COPYRGHT")


def build_dataset(task, sources, out, *, fido=None, gap=None, progress=False):
    """
    Build a training data set from folders of files.

    All files below the folders are considered, whatever their names. The header decides whether the recipe of the task
    takes an image; its quality keywords are checked, and images with the same pixels are taken once, as are parts and
    mirrored or transposed copies of images. The images are split into those for training and those for validation by
    time, with a gap between them; where there is only one image, or only images of one time, by region. Images of
    unknown time that overlap, or show one scene with noise or pixels of their own, are split at the same place. An
    image has the licences and credits of all its copies.

    The folder ``out`` then contains one file per image in ``shards/``, and ``manifest.json``, which
    `~sunpy_restore.training.train` and `~sunpy_restore.training.evaluate` read. If it has a manifest already, files
    that were considered before are skipped, and new ones are added; the splits of earlier images do not change.

    Parameters
    ----------
    task : `str`
        Name of the task, such as ``"enhance-continuum"``.
    sources : path-like, or `list` of them, or `None`
        Folders with images: FITS files, also compressed (``.gz``, ``.fz``); JPEG 2000 files of Helioviewer; and NumPy
        arrays. `~sunpy_restore.training.dataset.notes.read_notes` describes the TOML file that an array needs and that
        any other file may have.
    out : path-like
        Folder of the data set.
    fido : `str`, or `list` of them, optional
        Queries for images in archives, such as ``"time=2014-10-26/2014-10-27 sample=1h wavelength=193"``, see
        `~sunpy_restore.training.dataset.query.parse_query`. The files are downloaded by `sunpy.net.Fido` to
        ``downloads/`` in ``out``; those that are there are not fetched again.
    gap : `~astropy.units.Quantity` or `str`, optional
        Least time between images for training and for validation, such as ``"12 h"``; by default that of the recipe.
    progress : `bool`
        Show a progress bar.

    Returns
    -------
    `~sunpy_restore.core.datasets.manifest.Manifest`
        What was taken, and why other files were not.

    Raises
    ------
    ValueError
        Unknown task, a task whose training images are simulated, neither folders nor queries, a query that is invalid
        or finds nothing, a gap that is no positive time or differs from that of the folder, or no image for one of the
        splits.
    FileNotFoundError
        A folder with images does not exist.
    NotADirectoryError, PermissionError
        ``out`` is a file, or cannot be written.
    RuntimeError
        An archive cannot be searched, or none of its files can be downloaded.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        Too many images have no time, so that not all pairs of them were searched for common scenes.
    """
    recipe, out = recipe_of(get_task(task)), Path(out)
    queries = [fido] if isinstance(fido, str) else list(fido or ())
    if queries and recipe.archive is None:
        raise ValueError(f"No images for {task} can be downloaded: {recipe.no_archive}.")
    if recipe.splitting is None:
        raise ValueError(
            f"The training images of {task} are simulated. Train it without files: any folder without a manifest of "
            "another task is accepted." + " Or give pairs of real images (--pairs)." * (recipe.pairing is not None)
        )
    sources = [sources] if isinstance(sources, (str, Path)) else list(sources or ())
    if not (sources or queries):
        raise ValueError("Found neither a folder with images nor a query; expected one of them.")
    earlier = read_manifest(out, recipe.data_name) if has_manifest(out) else None
    gap = agreed_gap(gap, recipe.splitting, earlier, out)
    if queries:
        writable_folder(out)
    for query in queries:
        download(recipe, query, out / _DOWNLOADS, progress=progress)
    if (out / _DOWNLOADS).is_dir():
        sources.append(out / _DOWNLOADS)
    files = list(find_files(sources, without=out))
    if not files and earlier is None:
        raise ValueError(
            f"Found no file that may be an image in {', '.join(map(str, sources))}; expected FITS or JPEG 2000 "
            "files, or NumPy arrays."
        )
    writable_folder(out)
    (out / SHARDS).mkdir(exist_ok=True)
    journal = Journal(out, recipe.data_name)
    with quiet():
        for name, path in tqdm(files, desc="Images", disable=not progress):
            if not journal.knows(name, path):
                journal.add(name, [path], *_examine(recipe, name, path, out))
    manifest = split_items(journal, earlier, out, recipe.data_name, recipe.splitting, gap)
    check_both_splits(manifest, task, "images", len(files))
    manifest.write()
    return read_manifest(out, recipe.data_name)


@contextmanager
def quiet():
    """Hide what astropy and sunpy report of each header, and warnings of the checks for users."""
    logger = logging.getLogger("sunpy")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def agreed_gap(gap, splitting, earlier, out):
    """The gap of a data set in hours, which is that of the earlier one if there is one in the folder."""
    gap = _hours_of(gap, splitting.gap if earlier is None else earlier.gap)
    if earlier is not None and gap != earlier.gap:
        gaps = f"a gap of {duration(gap)} for a data set with a gap of {duration(earlier.gap)}"
        raise ValueError(f"Found {gaps} in {out}. Use another folder.")
    return gap


def _hours_of(gap, default):
    """A gap as a number of hours, or the default one; see `build_dataset`."""
    if gap is None:
        return default
    try:
        hours = float(u.Quantity(gap).to_value(u.h))
    except (TypeError, ValueError) as error:
        raise ValueError(f"Found gap={gap!r}; expected a time with its unit, such as '12 h'.") from error
    if not hours > 0:
        raise ValueError(f"Found gap={gap!r}; expected a positive time.")
    return hours


def _examine(recipe, name, path, out):
    """Images of a file that the recipe takes, written as shards, and the reasons why it refuses others."""
    items, refused = [], []
    try:
        for part, candidate, notes in candidates(path):
            origin = f"{name}[{part}]" if part else name
            try:
                items.append(_taken(recipe, origin, candidate, notes, out))
            except OSError:
                raise
            except (TypeError, ValueError) as error:
                refused.append((origin, first_sentence(error)))
            # One strange header must not end the search in an archive
            except Exception as error:  # noqa: BLE001
                refused.append((origin, f"Found a header that cannot be read ({error!r})."))
    except OSError:
        raise
    except ValueError as error:
        refused.append((name, first_sentence(error)))
    except Exception as error:  # noqa: BLE001
        refused.append((name, f"Found a file that cannot be read ({error!r})."))
    return items, refused


def _taken(recipe, origin, candidate, notes, out):
    header = candidate.header
    made = next((key for key in _MADE if header.get(key)), None)
    if made is not None:
        raise ValueError(f"Found {made} = {header[made]}: the image is no observation; expected an original one.")
    if candidate.data.dtype.kind not in "biuf":
        raise TypeError(f"Found data of type {candidate.data.dtype}; expected real numbers.")
    sample = recipe.sample_of(candidate)
    image = np.ascontiguousarray(sample.image)
    if image.dtype.kind == "f" and image.dtype != np.float32:
        image = image.astype(np.float32)
    digest = hashlib.sha256(repr(candidate.data.shape).encode())
    digest.update(np.ascontiguousarray(candidate.data, dtype="<f4"))
    digest = digest.hexdigest()
    shard = f"{SHARDS}/{digest[:24]}.safetensors"
    found = {"image": image, "points": points_of(image), "thumbnail": thumbnail_of(image)}
    with atomic_path(out / shard) as temporary:
        temporary.write_bytes(save(found, {"sha256": digest}))
    return Item(
        origin=origin, sha256=digest, shard=shard, shape=image.shape, group=sample.group, unit=sample.unit,
        pixel_scale=sample.pixel_scale, least=sample.least, values=dict(sample.values), time=candidate.time,
        instrument=candidate.instrument, licence=str(notes.get("licence", licence_of(header))),
        credit=str(notes.get("credit", "")), corners=corners_of(header, candidate.data.shape),
    )  # fmt: skip


def licence_of(header):
    """Terms of use in a header, empty if there are none."""
    return next((str(header[key]) for key in _TERMS if header.get(key) and str(header[key]) != key), "")


def _terms(items):
    """Licences and credits of all copies of each image, by its hash."""
    terms = {}
    for item in items:
        own = terms.setdefault(item.sha256, {"licence": {}, "credit": {}})
        for name, known in own.items():
            if getattr(item, name):
                known[getattr(item, name)] = None
    return {sha256: {name: "; ".join(known) for name, known in own.items()} for sha256, own in terms.items()}


def _with_terms(item, terms):
    """An image with the licence and credit that any of its copies states."""
    stated = {name: text for name, text in terms.get(item.sha256, {}).items() if text}
    return replace(item, **stated)


def first_sentence(error):
    """What was found and expected: the message of an error up to its first full stop."""
    text = " ".join(str(error).split())
    return text.partition(". ")[0].removesuffix(".") + "."


def split_items(journal, earlier, out, data_name, splitting, gap):
    """Manifest of the items of a journal: those of an earlier manifest keep their splits, others get one."""
    terms = _terms(journal.items)
    fixed = [] if earlier is None else [_with_terms(item, terms) for item in earlier.items]
    seen = {item.sha256: item.origin for item in fixed}
    new, refused = [], list(journal.refused)
    for item in journal.items:
        if item.sha256 in seen and seen[item.sha256] != item.origin:
            refused.append((item.origin, f"It has the same pixels as {seen[item.sha256]}."))
        if item.sha256 in seen:
            continue
        seen[item.sha256] = item.origin
        new.append(replace(_with_terms(item, terms), split=""))
    new, copies, placed = find_overlaps(new, fixed, out, gap)
    items, others = assign(new, fixed, splitting, gap, placed)
    refused += [(item.origin, reason) for item, reason in copies + others]
    return Manifest(out, data_name, gap, items, sorted(refused))
