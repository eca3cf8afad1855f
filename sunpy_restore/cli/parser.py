"""The arguments of the command ``sunpy-restore``."""

import argparse
from functools import partial

from sunpy_restore import tasks
from sunpy_restore.cli import commands
from sunpy_restore.cli.synthesis import add_synthesis
from sunpy_restore.cli.verbs import add_function, add_option
from sunpy_restore.cli.wording import PROGRAM
from sunpy_restore.core.task import MapFunction
from sunpy_restore.version import __version__

__all__ = ["Parser", "build_parser"]

_NAME = "name in the registry, which may be without the task: 'light' for the light weights of all tasks"


class Parser(argparse.ArgumentParser):
    """A parser that reports errors in one line, and knows its options by the keywords of functions."""

    def __init__(self, *args, **kwargs):
        self.options = {}
        super().__init__(*args, **kwargs)
        self.set_defaults(options=self.options)

    def add_argument(self, *args, **kwargs):
        """Add an argument, as other parsers do."""
        action = super().add_argument(*args, **kwargs)
        if any(name.startswith("--") for name in args):
            self.options[action.dest] = action
        return action

    def error(self, message):
        """
        Report an error in one line, and exit.

        Parameters
        ----------
        message : `str`
            The error.
        """
        self.exit(2, f"{PROGRAM}: error: {message} (see '{self.prog} --help')\n")


def build_parser():
    """
    Build the parser of the command line.

    Returns
    -------
    `Parser`
    """
    parser = Parser(prog=PROGRAM, description="Restore solar images.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name, run, what, *aliases):
        # Python names have underscores, command lines hyphens: both are understood
        aliases = [*aliases, *([name.replace("_", "-")] if "_" in name else [])]
        text = f"{what[0].upper()}{what[1:]}."
        added = subparsers.add_parser(name, aliases=aliases, help=what, description=text, allow_abbrev=False)
        added.set_defaults(run=run)
        return added

    demo = command(
        "demo", commands.demo, "restore the samples of the package and make granulation; writes FITS files and figures"
    )
    demo.add_argument(
        "-o", "--output", metavar="DIR", default="sunpy-restore-demo", help="folder (default: %(default)s)"
    )
    _add_device(demo)
    benchmark = command("bench", commands.bench, "measure how fast the functions are, beside other programs")
    benchmark.add_argument("--repeat", type=int, default=3, metavar="N", help="runs of each (default: %(default)s)")
    for function in tasks.FUNCTIONS:
        if isinstance(function, MapFunction):
            short = {task.name for task in function.tasks if len(function.tasks) == 1} - {function.name}
            added = command(function.name, partial(commands.restore, function), function.summary, *short)
            add_function(added, function)
            _add_weights(added)
            _add_device(added)
    checked = command(
        "report", commands.report, "check a restored image against its original; exit code 1 if a check is flagged"
    )
    checked.add_argument("restored", metavar="RESTORED", help="file that a command or sunpy_restore.save has written")
    checked.add_argument("original", metavar="ORIGINAL", help="file that was restored")
    checked.add_argument("--json", action="store_true", help="print JSON")
    for option in commands.report_options():
        add_option(checked, option)
    python = tasks.SYNTHESIZE_GRANULATION.name
    texture, names = "make photospheric texture of any size", (python, python.replace("_", "-"))
    synthesis = command("synthesize", commands.synthesize, texture, *names)
    add_synthesis(synthesis)
    _add_weights(synthesis)
    _add_device(synthesis)
    studio = command("app", commands.app, "restore, compare and make images in a browser, on this machine")
    studio.add_argument("files", nargs="*", metavar="PATH", help="files to open, and folders to open files from")
    studio.add_argument("--port", type=int, default=0, metavar="N", help="port of the server (default: a free one)")
    studio.add_argument("--no-browser", action="store_true", help="print the address and open no browser")
    dataset = command("dataset", commands.dataset, "build training data from folders of files, or from archives")
    dataset.add_argument("task", metavar="TASK", help="such as enhance-continuum")
    dataset.add_argument(
        "--from", dest="sources", action="append", metavar="DIR", help="folder of files; may be repeated"
    )
    dataset.add_argument(
        "--fido",
        action="append",
        metavar="QUERY",
        help="download files, such as 'time=2014-10-26/2014-10-27 sample=1h wavelength=193'; may be repeated",
    )
    dataset.add_argument(
        "--pairs", action="append", metavar="DIR", help="folder of files with pairs of real images; may be repeated"
    )
    dataset.add_argument("--out", metavar="DIR", required=True, help="folder of the training data")
    dataset.add_argument(
        "--export-pairs",
        metavar="DIR",
        help="also write the training pairs as PNG files for other programs (desaturate)",
    )
    dataset.add_argument("--gap", metavar="TIME", help="least time between training and validation, such as '12 h'")
    dataset.add_argument("--no-progress", action="store_true", help="show no progress bar")
    _add_training(command("train", commands.train, "train a network"))
    evaluate = command(
        "evaluate", commands.evaluate, "score a network and the classical methods on data kept back from training"
    )
    evaluate.add_argument("task", metavar="TASK", help="such as enhance-continuum")
    data = evaluate.add_mutually_exclusive_group(required=True)
    data.add_argument("--data", metavar="DIR", help="folder with the training data")
    data.add_argument(
        "--observations", metavar="DIR", help="folder with real observations, on which the methods are compared"
    )
    evaluate.add_argument(
        "--method", action="append", metavar="NAME", help="only this row of the table; may be repeated"
    )
    evaluate.add_argument("--json", metavar="FILE", help="also write the scores to a file")
    evaluate.add_argument(
        "--weights", nargs="+", metavar="W", help="names in the registry or .safetensors files, each with its own row"
    )
    _add_device(evaluate)
    calibrated = command("calibrate", commands.calibrate, "calibrate the uncertainty of weights of your own")
    _add_data(calibrated)
    _add_weights(calibrated)
    calibrated.add_argument("--cases", type=int, metavar="N", help="use at most N cases for each of the three steps")
    _add_device(calibrated)
    weights = command("weights", None, "list, fetch or verify weights of networks")
    actions = weights.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="weights in the registry").set_defaults(run=commands.list_weights)
    fetch = actions.add_parser("fetch", help="download weights into the cache")
    fetch.add_argument("names", nargs="+", metavar="NAME", help=_NAME)
    fetch.set_defaults(run=commands.fetch_weights)
    verify = actions.add_parser("verify", help="check files on this machine: size, SHA-256, a network's metadata")
    verify.add_argument("names", nargs="*", metavar="NAME", help=f"{_NAME} (default: all that are here)")
    verify.set_defaults(run=commands.verify_weights)
    export = actions.add_parser("export", help="weights of a training with a registry entry and a model card")
    export.add_argument("run_folder", metavar="RUN", help="folder of a training, or a .safetensors file")
    export.add_argument("--out", metavar="DIR", required=True, help="folder for the files")
    export.add_argument("--name", help="name in the registry (default: task and configuration, or folder)")
    export.add_argument("--licence", metavar="ID", help="licence under which you share the weights, such as CC-BY-4.0")
    export.add_argument("--data", metavar="DIR", help="training data, to score the weights on what was kept back")
    export.add_argument("--method", action="append", metavar="NAME", help="only this row of the table; may be repeated")
    export.add_argument("--onnx", action="store_true", help="also write an ONNX file")
    _add_device(export)
    export.set_defaults(run=commands.export_weights)
    return parser


def _add_training(parser):
    _add_data(parser)
    parser.add_argument("--out", metavar="DIR", required=True, help="folder for checkpoints, logs and weights")
    parser.add_argument("--config", metavar="NAME", default="compact", help="configuration (default: %(default)s)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a value, such as options.views=100"
    )
    parser.add_argument("--start", metavar="FILE", help="weights to begin with")
    parser.add_argument("--resume", action="store_true", help="continue from the last checkpoint in the folder")
    parser.add_argument("--steps", type=int, metavar="N", help="train for another number of steps")
    parser.add_argument(
        "--accumulate", type=int, metavar="N", help="compute each batch in N parts, to need less memory"
    )
    parser.add_argument("--patience", type=int, metavar="N", help="stop after N validations without a better score")
    parser.add_argument("--export", choices=["last", "best"], help="weights to write: last step, or best validation")
    parser.add_argument(
        "--devices", type=_count, default="auto", metavar="N", help="devices of this machine (default: all GPUs)"
    )
    parser.add_argument("--nodes", type=int, default=1, metavar="N", help="machines that train together (default: 1)")
    parser.add_argument(
        "--minutes",
        type=float,
        metavar="M",
        help="end after this time, including the preparation of the data, even if steps are left; then validate",
    )
    parser.add_argument(
        "--accelerator", default="auto", metavar="NAME", help="kind of device, such as gpu or cpu (default: the best)"
    )
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes that prepare batches")
    parser.add_argument("--no-progress", action="store_true", help="show no progress bar")


def _count(text):
    return text if text == "auto" else int(text)


def _add_data(parser):
    parser.add_argument("task", metavar="TASK", help="such as enhance-continuum")
    parser.add_argument("--data", metavar="DIR", required=True, help="folder with the training data, see dataset")


def _add_weights(parser):
    parser.add_argument(
        "--weights", metavar="W", help="name in the registry, with or without the task, or a .safetensors file"
    )


def _add_device(parser):
    parser.add_argument("--device", metavar="NAME", help="PyTorch device (default: CUDA, then MPS, then the CPU)")
