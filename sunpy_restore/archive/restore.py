"""The function `sunpy_restore.restore_archive`."""

from dataclasses import dataclass, field
from pathlib import Path

from sunpy_restore.archive.ledger import read_ledger
from sunpy_restore.archive.run import opened_archive
from sunpy_restore.core.messages import warn_user

__all__ = ["ArchiveReport", "restore_archive"]


@dataclass(frozen=True)
class ArchiveReport:
    """
    What `sunpy_restore.restore_archive` did.

    Parameters
    ----------
    restored : `int`
        Images that were restored now.
    done : `int`
        Images that had been restored before, by the same function with the same options and weights.
    failed : `dict`
        Sources that were not restored, and why.
    ledger : `~pathlib.Path`
        File of the ledger.
    """

    restored: int
    done: int
    failed: dict = field(default_factory=dict)
    ledger: Path | None = None

    def table(self):
        """
        All images of the archive, in order.

        Returns
        -------
        `~astropy.table.Table`
            See `~sunpy_restore.archive.ledger.read_ledger`.
        """
        return read_ledger(self.ledger)

    def __str__(self):
        lines = [f"{self.restored} images restored, {self.done} done before, {len(self.failed)} failed"]
        return "\n".join([*lines, *(f"{source}: {error}" for source, error in self.failed.items())])


def restore_archive(
    verb, source, sink, *, workers=None, scheduler=None, overwrite=False, skip_existing=False, progress=False, **options
):
    """
    Restore many files, on one machine or on a cluster, and continue after an interruption.

    Each image is read, restored and written by itself, so that the memory does not grow with their number. A ledger,
    ``ledger.sqlite`` in the folder or ``NAME.zarr.sqlite`` beside the store, has the state of each. Called again with
    the same arguments, after whatever end, the function restores what is left. An image that fails does not stop the
    others, and is tried again by the next call. An image whose result would replace another file is treated likewise:
    a result of other options, another file of that name, or the result of an earlier source.

    Parameters
    ----------
    verb : `str` or callable
        Name of a function of the package, such as ``"enhance"``, the function, or a function of your own that takes a
        Map and returns one. Workers must be able to import it.
    source : path-like, `str`, iterable of them, `~sunpy.net.fido_factory.UnifiedResponse` or ``parfive.Results``
        A file, a folder with the folders below it, a pattern such as ``"2014/*/*.fits"``, a URL of ``fsspec`` such as
        ``"s3://bucket/2014/*.fits"``, or several of these; or the result of a search with Fido, which is downloaded
        first, or of its download.
    sink : path-like
        A folder of FITS files, in which folders below that of the source are kept, or a Zarr store, whose name ends in
        ``.zarr``, if all results have one shape. Workers must see it under the same path.
    workers : `int`, optional
        Start as many processes on this machine, with one thread each.
    scheduler : `str`, optional
        Address of a Dask scheduler, such as ``"tcp://host:8786"``. By default the images go to the active
        ``dask.distributed`` client; without one, to this process.
    overwrite : `bool`
        Replace results of other options, or of sources that have changed since.
    skip_existing : `bool`
        Leave such results as they are, and do not restore their sources.
    progress : `bool`
        Show a progress bar.
    **options
        Keywords of the function, for all images.

    Returns
    -------
    `~sunpy_restore.archive.restore.ArchiveReport`
        How many were restored, and which failed.

    Raises
    ------
    TypeError, ValueError
        Unknown function; options with which a function of the package could restore no image, such as an unknown method
        or an uncertainty that is not calibrated; wrong sink; a result would replace a source; or both ``workers``
        and ``scheduler``.
    ~sunpy_restore.core.exceptions.WeightsError
        The weights cannot be found.
    FileNotFoundError
        There is no such source.
    BlockingIOError
        Another run writes to the sink.
    PermissionError
        The sink cannot be written.
    ConnectionError
        The scheduler does not answer, or is lost. What is done is in the ledger.
    ModuleNotFoundError
        Workers need ``distributed``, a Zarr store needs ``zarr``: the extra ``archive``.

    Warns
    -----
    ~sunpy_restore.core.exceptions.RestoreWarning
        Warnings of the function, which name the file.

    Notes
    -----
    Header keyword: ``RSTARCH`` identifies source, options and weights. The result of a process that was killed before
    its ledger was written is recognised by it.

    Examples
    --------
    >>> from sunpy_restore import restore_archive
    >>> from sunpy_restore.data import sample_path
    >>> folder = getfixture("tmp_path")
    >>> files = [sample_path("hmi_continuum_spot"), sample_path("hmi_magnetogram")]
    >>> print(restore_archive("enhance", files, folder / "enhanced", method="bicubic"))
    2 images restored, 0 done before, 0 failed
    >>> print(restore_archive("enhance", files, folder / "enhanced", method="bicubic"))
    0 images restored, 2 done before, 0 failed
    """
    from tqdm import tqdm

    restored, failed = 0, {}
    with opened_archive(verb, source, sink, overwrite=overwrite, skip_existing=skip_existing, **options) as archive:
        outcomes = archive.run(workers=workers, scheduler=scheduler)
        bar = tqdm(
            outcomes, desc=archive.name, unit="image", total=archive.total, initial=archive.done, disable=not progress
        )
        for outcome in bar:
            restored += outcome.error is None
            for text in outcome.warnings:
                warn_user(f"{outcome.frame.source}: {text}")
        failed = archive.failed()
    return ArchiveReport(restored, archive.done, failed, archive.ledger.path)
