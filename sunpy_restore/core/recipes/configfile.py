"""Training configurations in TOML files, and changes to them."""

import dataclasses
import tomllib
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path

from sunpy_restore.core.recipes.config import TrainingConfig

__all__ = ["changed", "check", "load_configs", "parse_changes"]

_PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true")
_SCHEDULES = ("constant", "one-cycle", "halving")
_TABLES = ("network", "adversary", "options")


def _integer(least):
    def holds(value):
        return isinstance(value, Integral) and not isinstance(value, bool) and value >= least

    return holds, f"an integer of at least {least}"


def _number(low, high=float("inf"), *, with_low=True):
    def holds(value):
        number = isinstance(value, Real) and not isinstance(value, bool)
        return number and (low <= value if with_low else low < value) and value < high

    upper = "" if high == float("inf") else f" and below {high:g}"
    return holds, f"a number {'of at least' if with_low else 'above'} {low:g}{upper}"


def _one_of(*choices):
    return lambda value: value in choices, f"one of {', '.join(choices)}"


def _decays(value):
    below_one, _ = _number(0, 1)
    return isinstance(value, list | tuple) and len(value) == 2 and all(map(below_one, value))


_RULES = {
    "name": (lambda value: isinstance(value, str) and value, "a text"),
    "network": (
        lambda value: isinstance(value, Mapping) and isinstance(value.get("architecture"), str),
        "a table with the name of its architecture",
    ),
    "patch_size": _integer(1),
    "batch_size": _integer(1),
    "steps": _integer(1),
    "learning_rate": _number(0, with_low=False),
    "betas": (_decays, "two numbers of at least 0 and below 1"),
    "schedule": _one_of(*_SCHEDULES),
    "halving": _integer(0),
    "weight_decay": _number(0),
    "ema_decay": _number(0, 1),
    "gradient_clip": _number(0),
    "precision": _one_of(*_PRECISIONS),
    "seed": _integer(0),
    "validation_interval": _integer(1),
    "accumulate": _integer(1),
    "patience": _integer(0),
    "export": _one_of("last", "best"),
    "adversary": (lambda value: value is None or isinstance(value, Mapping), "a table"),
    "options": (lambda value: isinstance(value, Mapping), "a table"),
}
"""For each key of a configuration whether a value is valid, and what is expected."""


def load_configs(folder, options=None):
    """
    Read all configurations of a task.

    Parameters
    ----------
    folder : path-like
        Folder with a file ``<name>.toml`` for each configuration. Its keys are the parameters of
        `~sunpy_restore.core.recipes.config.TrainingConfig` except ``name``; ``network``, ``adversary`` and ``options``
        are tables.
    options : collection of `str`, optional
        Options that the recipe of the task knows; by default they are not checked.

    Returns
    -------
    `dict`
        Name to `~sunpy_restore.core.recipes.config.TrainingConfig`, ``"compact"`` first and the others in alphabetical
        order.

    Raises
    ------
    ValueError
        A file is no TOML, has an unknown key or an invalid value, or lacks a key.
    FileNotFoundError
        The folder has no configuration.
    """
    paths = sorted(Path(folder).glob("*.toml"), key=lambda path: (path.stem != "compact", path.stem))
    if not paths:
        raise FileNotFoundError(f"Found no file *.toml in {folder}; expected one for each configuration.")
    return {path.stem: _read(path, options) for path in paths}


def _read(path, options):
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"The configuration {path} is no valid TOML ({error}). Correct that line.") from error
    fields = {field.name: field for field in dataclasses.fields(TrainingConfig) if field.name != "name"}
    for key in values:
        if key not in fields:
            raise ValueError(f"Unknown key {key!r} in {path}; expected one of {', '.join(fields)}.")
    missing = [
        key
        for key, field in fields.items()
        if field.default is field.default_factory is dataclasses.MISSING and key not in values
    ]
    if missing:
        raise ValueError(f"Found no {', '.join(missing)} in {path}; expected a value for each.")
    if isinstance(values.get("betas"), list):
        values["betas"] = tuple(values["betas"])
    return check(TrainingConfig(name=path.stem, **values), options, source=path)


def check(config, options=None, *, source=None):
    """
    Check the values of a configuration.

    Parameters
    ----------
    config : `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration.
    options : collection of `str`, optional
        Options that the recipe knows; by default they are not checked.
    source : path-like, optional
        File of the configuration, which errors name.

    Returns
    -------
    `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration.

    Raises
    ------
    ValueError
        A value has the wrong type or is out of range, or an option is unknown.
    """
    where = f"the configuration {config.name!r}" if source is None else source
    for key, value in vars(config).items():
        holds, expected = _RULES[key]
        if not holds(value):
            raise ValueError(f"Found {key} = {value!r} in {where}; expected {expected}.")
    if config.schedule == "halving" and config.halving < 1:
        raise ValueError(
            f"Found halving = {config.halving} in {where}; expected the number of steps between two halvings of the "
            "learning rate, at least 1."
        )
    unknown = [] if options is None else [key for key in config.options if key not in options]
    if unknown:
        known = ", ".join(sorted(options)) or "none"
        raise ValueError(f"Unknown key 'options.{unknown[0]}' in {where}; expected one of {known}.")
    return config


def changed(config, changes, options=None):
    """
    Change values of a configuration.

    Parameters
    ----------
    config : `~sunpy_restore.core.recipes.config.TrainingConfig`
        The configuration.
    changes : mapping
        New values by key. Keys of nested values have dots, such as ``"options.views"`` and ``"network.width"``; a value
        that is a mapping is merged into the present one. The name of an option that the recipe knows is enough.
    options : collection of `str`, optional
        Options that the recipe knows; by default only those that the configuration has can be changed.

    Returns
    -------
    `~sunpy_restore.core.recipes.config.TrainingConfig`

    Raises
    ------
    ValueError
        A key is unknown, or a value is invalid or of another type than the present one.

    Examples
    --------
    >>> from sunpy_restore.core.recipes.config import TrainingConfig
    >>> from sunpy_restore.core.recipes.configfile import changed
    >>> config = TrainingConfig(
    ...     name="mine", network={"architecture": "Net", "width": 4}, patch_size=32, batch_size=8, steps=100,
    ...     learning_rate=1e-3,
    ... )
    >>> changed(config, {"steps": 200, "network.width": 8}).network
    {'architecture': 'Net', 'width': 8}
    """
    values = {key: vars(config)[key] for key in _RULES}
    for key, value in changes.items():
        path = key.split(".")
        if path[0] not in values and path[0] in (options or ()):
            path = ["options", *path]
        if path[0] not in values or (len(path) > 1 and path[0] not in _TABLES):
            raise ValueError(
                f"Unknown key {key!r} of the configuration {config.name!r}; expected one of {', '.join(_RULES)}, or "
                f"{', '.join(f'{table}.KEY' for table in _TABLES)}."
            )
        values[path[0]] = _merged(values[path[0]], path[1:], value, path[0], options, config.name)
    values["betas"] = tuple(values["betas"]) if isinstance(values["betas"], list) else values["betas"]
    return check(TrainingConfig(**values), options)


def _merged(present, path, value, name, options, config):
    """A value with a change at a path of keys below it."""
    if not path:
        if not (isinstance(present, Mapping) and isinstance(value, Mapping)):
            _check_kind(present, value, name, config)
            return value
        for key, inner in value.items():
            present = _merged(present, [key], inner, name, options, config)
        return present
    if not isinstance(present, Mapping):
        raise ValueError(f"Found no table {name!r} in the configuration {config!r}; expected one with {path[0]!r}.")
    key, full = path[0], f"{name}.{path[0]}"
    if key not in present and (len(path) > 1 or not _may_be_added(name, key, options)):
        known = sorted({*present, *(options or ())} if name == "options" else present)
        raise ValueError(
            f"Unknown key {full!r} of the configuration {config!r}; expected one of {', '.join(known) or 'none'}."
        )
    inner = _merged(present[key], path[1:], value, full, options, config) if key in present else value
    return {**present, key: inner}


def _may_be_added(name, key, options):
    """Networks check their hyperparameters when they are built; the recipe knows its options."""
    return name in ("network", "adversary") or (name == "options" and options is not None and key in options)


def _check_kind(present, value, name, config):
    """A number stays a number, a text a text, a table a table."""
    kinds = ((bool, "true or false"), (Integral, "an integer"), (Real, "a number"), (str, "a text"))
    kinds += ((list | tuple, "a list"), (Mapping, "a table"))
    for kind, expected in kinds:
        if isinstance(present, kind):
            wrong = not isinstance(value, kind) or (kind is not bool and isinstance(value, bool))
            if wrong and name not in _RULES:
                raise ValueError(
                    f"Found {name} = {value!r} for the configuration {config!r}; expected {expected} such as "
                    f"{present!r}."
                )
            return


def parse_changes(texts):
    """
    Read changes as the command line has them.

    Parameters
    ----------
    texts : iterable of `str`
        ``key=value``; the value is TOML, or else a text without quotation marks.

    Returns
    -------
    `dict`
        As `changed` takes them.

    Raises
    ------
    ValueError
        A text has no key or no equals sign.

    Examples
    --------
    >>> from sunpy_restore.core.recipes.configfile import parse_changes
    >>> parse_changes(["options.views=100", "betas=[0.5, 0.9]", "schedule=constant"])
    {'options.views': 100, 'betas': [0.5, 0.9], 'schedule': 'constant'}
    """
    changes = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not key:
            raise ValueError(f"Found the change {text!r}; expected KEY=VALUE, such as options.views=100.")
        try:
            changes[key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            changes[key] = value
    return changes
