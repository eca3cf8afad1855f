"""What the commands do. What a command needs is imported when it runs."""

import json
import sys
from functools import partial
from pathlib import Path

from sunpy_restore import tasks
from sunpy_restore.cli.synthesis import synthesize as synthesized
from sunpy_restore.cli.verbs import given_options, restore_files
from sunpy_restore.cli.wording import complain
from sunpy_restore.core.task import MapFunction

__all__ = [
    "app",
    "bench",
    "calibrate",
    "dataset",
    "demo",
    "evaluate",
    "export_weights",
    "fetch_weights",
    "list_weights",
    "report",
    "report_options",
    "restore",
    "synthesize",
    "train",
    "verify_weights",
]


def demo(args):
    """Restore the samples of the package."""
    from sunpy_restore.cli import demo as parts

    for line in parts.demo(args.output, device=args.device):
        print(line, flush=True)


def app(args):
    """Run the studio."""
    from sunpy_restore.studio.start import serve

    serve(args.files, port=args.port, browser=not args.no_browser, say=partial(print, flush=True))


def bench(args):
    """Measure the functions beside other programs."""
    from sunpy_restore.cli.bench import bench as measured

    for line in measured(repeat=args.repeat):
        print(line, flush=True)


def restore(function, args):
    """Restore files with a function."""
    return restore_files(args, function, partial(complain, options=args.options))


def report_options():
    """Options of the command ``report``, by name."""
    functions = (function for function in tasks.FUNCTIONS if isinstance(function, MapFunction))
    options = (option for function in functions for option in function.options if option.in_report)
    return {option.name: option for option in options}.values()


def report(args):
    """Check a restored image; the exit code tells whether all checks passed."""
    from sunpy_restore import checking
    from sunpy_restore.core.fits.inputs import read_map
    from sunpy_restore.core.messages import prefixed

    maps = []
    for path in (args.restored, args.original):
        with prefixed(f"{path}: "):
            maps.append(read_map(path))
    found = checking.report(*maps, **given_options(report_options(), args))
    print(json.dumps(found.as_dict(), indent=2) if args.json else found)
    return 0 if found.passed else 1


def synthesize(args):
    """Make photospheric texture."""
    print(synthesized(args))


def dataset(args):
    """Build training data."""
    task = tasks.get_task(args.task)
    from sunpy_restore.training import build_dataset, build_pairs, format_manifest

    if args.pairs and (args.sources or args.fido):
        raise ValueError("Found --pairs with --from or --fido; expected only one kind. Use a folder for each.")
    options = {"gap": args.gap, "progress": not args.no_progress and sys.stderr.isatty()}
    if args.pairs:
        manifest = build_pairs(args.task, args.pairs, args.out, **options)
    else:
        manifest = build_dataset(args.task, args.sources, args.out, fido=args.fido, **options)
    print(format_manifest(manifest))
    if args.export_pairs:
        from sunpy_restore.core.recipes.recipe import recipe_of

        counts = recipe_of(task).export_samples(args.out, args.export_pairs)
        print(f"{args.export_pairs}: {', '.join(f'{count} pairs for {split}' for split, count in counts.items())}")


def train(args):
    """Train a network."""
    # An unknown task is an error before a missing package is
    tasks.get_task(args.task)
    from sunpy_restore.core.recipes.configfile import parse_changes
    from sunpy_restore.training import train as train_network

    names = ("config", "resume", "start", "steps", "workers", "devices", "nodes", "accelerator", "minutes")
    options = {name: getattr(args, name) for name in names}
    changes = {name: getattr(args, name) for name in ("accumulate", "patience", "export")}
    options["changes"] = parse_changes(args.set) | {name: value for name, value in changes.items() if value is not None}
    print(train_network(args.task, args.data, args.out, progress=not args.no_progress, **options))


def evaluate(args):
    """Score a network and the classical methods."""
    from sunpy_restore.core.recipes.recipe import recipe_of
    from sunpy_restore.training import evaluate as scored
    from sunpy_restore.training import evaluate_observations, format_table

    recipe = recipe_of(tasks.get_task(args.task))
    options = {"methods": args.method, "weights": args.weights, "device": args.device}
    if args.observations is None:
        rows, columns = scored(args.task, args.data, **options), recipe.score_columns
    else:
        rows = evaluate_observations(args.task, args.observations, **options)
        columns = recipe.observation_columns
    print(format_table(rows, columns))
    if args.json:
        Path(args.json).write_text(json.dumps({"task": args.task, "rows": rows}, indent=2) + "\n", encoding="utf-8")


def calibrate(args):
    """Calibrate the uncertainty of methods, and write it beside their weights."""
    from sunpy_restore.core.uncertainty.errorfile import SUFFIX, write_models
    from sunpy_restore.core.weights.store import resolve
    from sunpy_restore.training.calibration import calibrate
    from sunpy_restore.training.coverage import format_coverage

    tasks.get_task(args.task)
    path = resolve(args.weights, task=args.task).path.with_suffix(SUFFIX)
    models, rows = calibrate(
        args.task, args.data, weights=args.weights, device=args.device, cases=args.cases,
        progress=sys.stderr.isatty(),
    )  # fmt: skip
    print(format_coverage(rows))
    write_models(path, args.task, models)
    print(path)


def list_weights(args):
    """List the weights in the registry."""
    from sunpy_restore.core.weights.store import available

    for entry in available():
        here = _place(entry)
        default = ", default" if entry.default else ""
        task = entry.task or "for training"
        size = f"{entry.size / 1e6:.1f} MB" if entry.size else "size unknown"
        print(f"{entry.name}  {task}  {entry.kind}{default}  {size}  {here}")
        print(f"    {entry.description} {entry.licence}, doi:{entry.doi}")
        if entry.trained_on:
            print(f"    Trained on: {entry.trained_on}")


def _place(entry):
    """Where the file of an entry is."""
    from sunpy_restore.core.weights.store import cache_folder, locate

    path = locate(entry)
    if entry.kind == "compact":
        return "in the package"
    if path is None:
        return "not downloaded"
    return "in the cache" if path.parent == cache_folder() else f"in {path.parent}"


def _entries(names):
    from sunpy_restore.core.weights.store import available, entries_named

    return list(dict.fromkeys(entry for name in names for entry in entries_named(name))) or available()


def fetch_weights(args):
    """Download weights."""
    from sunpy_restore.core.weights.store import fetch

    for entry in _entries(args.names):
        print(fetch(entry, progress=sys.stderr.isatty()).path)


def export_weights(args):
    """Write the weights of a training with a model card."""
    from sunpy_restore.training import export_weights as exported

    options = {name: getattr(args, name) for name in ("name", "licence", "data", "onnx", "device")}
    for path in exported(args.run_folder, args.out, methods=args.method, **options):
        print(path)


def verify_weights(args):
    """Check weights on this machine."""
    from sunpy_restore.core.exceptions import WeightsError
    from sunpy_restore.core.weights.store import locate, verify

    code = 0
    for entry in _entries(args.names):
        if not args.names and entry.kind != "compact" and locate(entry) is None:
            continue
        try:
            print(f"{verify(entry).path}: OK")
        except (ValueError, WeightsError) as error:
            code = complain(error)
    return code
