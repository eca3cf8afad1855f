"""Build a training data set of pairs of real images: find the images that belong together, and write them."""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors.numpy import save
from tqdm import tqdm

from sunpy_restore.core.datasets.fields import corners_of
from sunpy_restore.core.datasets.item import Item
from sunpy_restore.core.datasets.manifest import has_manifest, read_manifest
from sunpy_restore.core.datasets.samples import Candidate
from sunpy_restore.core.recipes.recipe import recipe_of
from sunpy_restore.core.system.atomic import atomic_path
from sunpy_restore.tasks import get_task
from sunpy_restore.training.dataset.build import SHARDS, agreed_gap, first_sentence, licence_of, quiet, split_items
from sunpy_restore.training.dataset.copies import points_of
from sunpy_restore.training.dataset.files import candidates, find_files
from sunpy_restore.training.dataset.journal import Journal
from sunpy_restore.training.dataset.scenes import thumbnail_of
from sunpy_restore.training.dataset.table import check_both_splits
from sunpy_restore.training.folders import writable_folder

__all__ = ["build_pairs"]

_ATTEMPTS = 3
"""Observed images, the closest ones in time, that are compared with the pixels of another one."""
_KEPT = 2
"""Files whose images are kept in memory."""


class _Half(NamedTuple):
    """An image that may be one of a pair, without its pixels."""

    origin: str
    path: Path
    number: int
    candidate: Candidate
    notes: dict
    seconds: float


class _Found(NamedTuple):
    """Pairs, and images without a partner, as `~sunpy_restore.training.dataset.journal.Journal` has them."""

    items: list
    refused: list


def build_pairs(task, sources, out, *, gap=None, progress=False):
    """
    Build a training data set of pairs of real images from folders of files.

    Of each pair, one image is an observation as users restore it, and the other one what it is to be restored to, such
    as the CLEAN image of a back-projection. All files below the folders are considered. Their headers, and not their
    names, tell which images belong together; the recipe of the task then compares the pixels, aligns the images, and
    refuses those that do not agree. The pairs are split as the images of
    `~sunpy_restore.training.build_dataset` are, and the folder is used in the same way.

    Parameters
    ----------
    task : `str`
        Name of the task: ``"backproj"``, ``"enhance-continuum"`` or ``"enhance-magnetogram"``.
    sources, out, gap, progress
        See `~sunpy_restore.training.build_dataset`.

    Returns
    -------
    `~sunpy_restore.core.datasets.manifest.Manifest`
        The pairs, and the images without a partner with the reasons.

    Raises
    ------
    ValueError
        Unknown task, a task that does not learn from pairs, a gap that is no positive time or differs from that of the
        folder, or no pair for one of the splits.
    FileNotFoundError
        A folder with images does not exist.
    """
    recipe, out = recipe_of(get_task(task)), Path(out)
    if recipe.pairing is None:
        raise ValueError(f"The {task} task does not learn from pairs of real images. Give images (--from) instead.")
    sources = [sources] if isinstance(sources, (str, Path)) else list(sources)
    earlier = read_manifest(out, recipe.pairs_name) if has_manifest(out) else None
    gap = agreed_gap(gap, recipe.pairing.splitting, earlier, out)
    files = list(find_files(sources, without=out))
    writable_folder(out)
    (out / SHARDS).mkdir(exist_ok=True)
    journal = Journal(out, recipe.pairs_name)
    _images.cache_clear()
    with quiet():
        halves, refused = _halves(recipe, tqdm(files, desc="Files", disable=not progress))
        truths = tqdm(halves["truth"], desc="Pairs", disable=not progress)
        refused += _paired(recipe, halves["observed"], truths, journal, out)
    found = _Found(journal.items, refused)
    manifest = split_items(found, earlier, out, recipe.pairs_name, recipe.pairing.splitting, gap)
    check_both_splits(manifest, task, "pairs", len(files))
    manifest.write()
    return read_manifest(out, recipe.pairs_name)


def _halves(recipe, files):
    """Images in files by their roles, and the reasons why others are refused."""
    halves, refused = {"observed": [], "truth": []}, []
    for name, path in files:
        try:
            for number, (part, candidate, notes) in enumerate(candidates(path)):
                origin = f"{name}[{part}]" if part else name
                try:
                    role = _role(recipe, candidate)
                    seconds = np.datetime64(candidate.time, "ms").astype(np.int64) / 1e3
                    empty = Candidate(np.broadcast_to(np.float32(0), candidate.data.shape), candidate.header)
                    halves[role].append(_Half(origin, path, number, empty, notes, seconds))
                except (TypeError, ValueError) as error:
                    refused.append((origin, first_sentence(error)))
        except ValueError as error:
            refused.append((name, first_sentence(error)))
    return halves, refused


def _role(recipe, candidate):
    if candidate.header.get("SYNTHETIC"):
        raise ValueError("Found SYNTHETIC = True: the image is no observation; expected an original one.")
    if candidate.data.dtype.kind not in "biuf":
        raise TypeError(f"Found data of type {candidate.data.dtype}; expected real numbers.")
    role = recipe.role_of(candidate)
    if candidate.time is None:
        raise ValueError("Found no time of the observation; expected DATE-OBS in the header, or time in a TOML file.")
    return role


def _paired(recipe, observed, truths, journal, out):
    """Add the pairs to the journal; returns the images that have none, with the reasons."""
    refused, used = [], set()
    for truth in truths:
        partner, reason = _partner(recipe, observed, truth, used, journal, out)
        if partner is None:
            refused.append((truth.origin, reason))
        else:
            used.add(partner.origin)
    rule = recipe.pairing
    lonely = f"Found no {rule.truth} that belongs to this {rule.observed}; expected one."
    return refused + [(half.origin, lonely) for half in observed if half.origin not in used]


def _partner(recipe, observed, truth, used, journal, out):
    """The observed image that an image belongs to, `None` if there is none, and the reason."""
    rule, reasons, attempts = recipe.pairing, [], 0
    near = [half for half in observed if abs(half.seconds - truth.seconds) <= rule.tolerance]
    for half in sorted(near, key=lambda half: abs(half.seconds - truth.seconds)):
        try:
            recipe.check_pair(half.candidate, truth.candidate)
        except (TypeError, ValueError) as error:
            reasons.append(first_sentence(error))
            continue
        if rule.one_to_one and half.origin in used:
            reasons.append(f"The {rule.observed} {half.origin} belongs to another {rule.truth}.")
            continue
        if attempts == _ATTEMPTS:
            break
        attempts += 1
        items, found = _examined(recipe, half, truth, journal, out)
        if items:
            return half, ""
        # Why the pixels do not agree says more than why other headers do not
        reasons = [reason for _, reason in found] + reasons
    none = f"Found no {rule.observed} within {rule.tolerance:g} s; expected the one that belongs to this {rule.truth}."
    return None, reasons[0] if reasons else none


def _examined(recipe, half, truth, journal, out):
    """The pair as a list of one item, or an empty one and the reason; from the journal if it is known."""
    name = f"{truth.origin} with {half.origin}"
    if not journal.knows(name, half.path, truth.path):
        try:
            items, refused = [_written(recipe, half, truth, out)], []
        except OSError:
            raise
        except (TypeError, ValueError) as error:
            items, refused = [], [(truth.origin, first_sentence(error))]
        # One strange header must not end the search in an archive
        except Exception as error:  # noqa: BLE001
            items, refused = [], [(truth.origin, f"Found a pair that cannot be read ({error!r}).")]
        journal.add(name, [half.path, truth.path], items, refused)
    return journal.outcome(name)


@lru_cache(_KEPT)
def _images(path):
    return [candidate for _, candidate, _ in candidates(path)]


def _written(recipe, half, truth, out):
    observed, other = (_images(each.path)[each.number] for each in (half, truth))
    sample = recipe.pair_of(observed, other)
    image, restored = (np.ascontiguousarray(array, dtype=np.float32) for array in (sample.image, sample.truth))
    digest = hashlib.sha256()
    for candidate in (observed, other):
        digest.update(repr(candidate.data.shape).encode())
        digest.update(np.ascontiguousarray(candidate.data, dtype="<f4"))
    digest = digest.hexdigest()
    shard = f"{SHARDS}/{digest[:24]}.safetensors"
    found = {"image": image, "truth": restored, "points": points_of(image), "thumbnail": thumbnail_of(image)}
    with atomic_path(out / shard) as temporary:
        temporary.write_bytes(save(found, {"sha256": digest}))
    terms = {
        name: "; ".join(dict.fromkeys(filter(None, values)))
        for name, values in (
            ("licence", [str(each.notes.get("licence", licence_of(each.candidate.header))) for each in (half, truth)]),
            ("credit", [str(each.notes.get("credit", "")) for each in (half, truth)]),
            ("instrument", [each.candidate.instrument for each in (half, truth)]),
        )
    }
    return Item(
        origin=f"{half.origin} + {truth.origin}", sha256=digest, shard=shard, shape=image.shape, group=sample.group,
        unit=sample.unit, pixel_scale=sample.pixel_scale, least=sample.least, values=dict(sample.values),
        time=observed.time, corners=corners_of(other.header, other.data.shape), **terms,
    )  # fmt: skip
