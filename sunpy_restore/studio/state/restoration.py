"""State of the Restore tab: which files are open, what was computed from them, what is running. No page in here."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sunpy_restore import tasks
from sunpy_restore.core.task import MapFunction
from sunpy_restore.studio.jobs.jobqueue import JobQueue

__all__ = ["Opened", "Restoration", "Result"]

ORIGINAL = "original"
"""Name of the layer of the image as it was opened."""


@dataclass
class Result:
    """
    A restored image.

    Parameters
    ----------
    path : `pathlib.Path`
        Its file.
    smap : `~sunpy.map.GenericMap`
        The image.
    options : `dict`
        What it was asked for: ``function``, ``method``, ``weights`` and ``uncertainty``.
    report : `dict` or `None`
        Its checks.
    reason : `str`
        Why there are none.
    """

    path: Path
    smap: object
    options: dict
    report: dict | None
    reason: str = ""


@dataclass
class Opened:
    """
    A file that was opened.

    Parameters
    ----------
    name : `str`
        Its name in the page.
    path : `pathlib.Path`
        The file.
    smap : `~sunpy.map.GenericMap`
        Its image.
    function : `str` or `None`
        The function that restores such images, as soon as that is known.
    advice : `str`
        Why the image cannot be restored.
    results : `dict` of `str` to `Result`
        Restored images by the name of the layer, in the order in which they were made.
    """

    name: str
    path: Path
    smap: object
    function: str | None = None
    advice: str = ""
    results: dict = field(default_factory=dict)

    @property
    def layers(self):
        """Names of the images: the original and the results."""
        return [ORIGINAL, *self.results]

    @property
    def channel(self):
        """What the frames of a movie have in common."""
        smap = self.smap
        return self.function, smap.observatory, smap.instrument, smap.detector, str(smap.measurement)

    def image(self, name):
        """The Map of a layer."""
        return self.smap if name == ORIGINAL else self.results[name].smap


class Restoration(JobQueue):
    """
    What one tab of the studio has opened and restored.

    Parameters
    ----------
    chosen : `~sunpy_restore.studio.access.Chosen`
        Files that may be opened.
    worker : `~sunpy_restore.studio.jobs.worker.Worker`, optional
        The process that computes.

    Attributes
    ----------
    files : `list` of `Opened`
        Files in the order in which they were opened.
    current : `int` or `None`
        Index of the file that is shown.
    """

    def __init__(self, chosen, worker=None):
        super().__init__(chosen, worker)
        self.files, self.current = [], None

    @property
    def shown(self):
        """The file that is shown, or `None`."""
        return None if self.current is None else self.files[self.current]

    @property
    def series(self):
        """Indices of the files of the same channel as the one that is shown: the frames of a movie."""
        shown = self.shown
        return [] if shown is None else [i for i, one in enumerate(self.files) if one.channel == shown.channel]

    @property
    def functions(self):
        """Functions that restore Maps, by name."""
        return {one.name: one for one in tasks.FUNCTIONS if isinstance(one, MapFunction)}

    def open(self, path, *, trusted=False):
        """
        Open a file; what is wrong with it becomes a message.

        Parameters
        ----------
        path : `str` or path-like
            A file within what the user chose.
        trusted : `bool`
            The path is from the program, as that of a sample or of an upload, and not from the page.

        Returns
        -------
        `Opened` or `None`
        """
        from sunpy_restore.core.fits.inputs import read_map

        try:
            found = Path(path) if trusted else self.chosen.resolve(path)
            smap = read_map(found)
            # Lazy data would be read again and again
            smap.data[:1, :1]
        # Damaged files fail in many ways, and the page stays
        except Exception as error:  # noqa: BLE001
            text = str(error)
            self._say("error", text if text.startswith(str(path)) else f"{Path(path).name}: {text}")
            return None
        opened = Opened(found.name, found, smap)
        self.files.append(opened)
        self.current = len(self.files) - 1
        self.compute(
            "sunpy_restore.studio.jobs.restoration:inspect", f"Looking at {opened.name}",
            partial(self._inspected, opened), path=str(found),
        )  # fmt: skip
        return opened

    def receive(self, name, content):
        """
        Open a file that the browser sent.

        Parameters
        ----------
        name : `str`
            Its name.
        content : `bytes`
            Its content.

        Returns
        -------
        `Opened` or `None`
        """
        path = self.new_path(name)
        path.write_bytes(content)
        return self.open(path, trusted=True)

    def restore(self, function, method="network", *, weights=None, uncertainty=False, options=None, every=False):
        """
        Begin to restore the file that is shown.

        Parameters
        ----------
        function, method : `str`
            Names.
        weights : `str`, optional
            Name in the registry, or a file within what the user chose.
        uncertainty : `bool`
            Compute the uncertainty.
        options : `dict`, optional
            Texts of other options of the function.
        every : `bool`
            Restore all files that this function can restore.

        Returns
        -------
        `bool`
            Whether it began; else there is a message.
        """
        files = [one for one in self.files if one.function == function] if every else [self.shown]
        if not files or files[0] is None:
            self._say("error", "Found no image to restore; open a file first.")
            return False
        try:
            weights = self._checked_weights(weights)
            options = self._checked_options(function, options)
        except (OSError, ValueError) as error:
            self._say("error", str(error))
            return False
        for opened in files:
            asked = {"function": function, "method": method, "weights": weights, "uncertainty": uncertainty}
            asked["options"] = options
            out = self.new_path(f"{opened.path.name.split('.')[0]}_{function}_{method}.fits")
            what = f"{function}, {method}: {opened.name}"
            self.compute(
                "sunpy_restore.studio.jobs.restoration:restore", what, partial(self._restored, opened, asked),
                path=str(opened.path), out=str(out), **asked,
            )  # fmt: skip
        return True

    def _checked_weights(self, weights):
        """Registered names pass; anything else is a file, which has to be among those that were chosen."""
        if not weights:
            return None
        from sunpy_restore.core.weights.store import available

        if weights in {entry.name for entry in available()}:
            return weights
        return str(self.chosen.resolve(weights))

    def _checked_options(self, function, options):
        """Options that name files, which have to be among those that were chosen."""
        known = {option.name: option for option in self.functions[function].options}
        checked = {}
        for name, value in (options or {}).items():
            if known[name].metavar != "FILE":
                checked[name] = value
            elif known[name].nargs:
                checked[name] = [str(self.chosen.resolve(one)) for one in value.split()]
            else:
                checked[name] = str(self.chosen.resolve(value))
        return checked

    def _inspected(self, opened, value):
        opened.function, opened.advice = value["function"], value["advice"]
        if opened.advice:
            self._say("warning", f"{opened.name}: {opened.advice}")

    def _restored(self, opened, asked, value):
        if value["path"] is None:
            self._say("info", value["reason"])
            return
        from sunpy_restore import load

        name = asked["method"] + (f" ({Path(asked['weights']).stem})" if asked["weights"] else "")
        path = Path(value["path"])
        # The newest is the last one
        opened.results.pop(name, None)
        opened.results[name] = Result(path, load(path), asked, value["report"], value["reason"])
        if value["reason"]:
            self._say("warning", f"The result was not checked: {value['reason']}")
