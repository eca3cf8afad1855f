"""Configurations in TOML files: what is read, what is refused, and how values are changed."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_restore.core.recipes.config import TrainingConfig
from sunpy_restore.core.recipes.configfile import changed, check, load_configs, parse_changes

TEXT = """
patch_size = 32
batch_size = 8
steps = 100
learning_rate = 1e-3
betas = [0.5, 0.9]
schedule = "halving"
halving = 20

[network]
architecture = "Net"
width = 4

[options]
views = 10

[options.loss]
edge = 0.5
"""
OPTIONS = {"views", "loss", "margin"}


@pytest.fixture
def config(tmp_path):
    (tmp_path / "mine.toml").write_text(TEXT, encoding="utf-8")
    return load_configs(tmp_path, OPTIONS)["mine"]


def test_a_file_is_a_configuration(config):
    assert config == TrainingConfig(
        name="mine", network={"architecture": "Net", "width": 4}, patch_size=32, batch_size=8, steps=100,
        learning_rate=1e-3, betas=(0.5, 0.9), schedule="halving", halving=20,
        options={"views": 10, "loss": {"edge": 0.5}},
    )  # fmt: skip


def test_compact_is_the_first_one(tmp_path):
    for name in ("b", "compact", "a"):
        (tmp_path / f"{name}.toml").write_text(TEXT, encoding="utf-8")
    assert list(load_configs(tmp_path)) == ["compact", "a", "b"]
    with pytest.raises(FileNotFoundError, match=r"no file \*\.toml in .*nowhere"):
        load_configs(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("steps = 100", "stepps = 100", "Unknown key 'stepps' in {path}; expected one of .*steps"),
        ("steps = 100", "", "Found no steps in {path}"),
        ("steps = 100", "name = 'other'\nsteps = 100", "Unknown key 'name'"),
        ("steps = 100", "steps = 1.5", "Found steps = 1.5 in {path}; expected an integer of at least 1"),
        ("steps = 100", "steps = true", "Found steps = True in {path}"),
        ("steps = 100", "steps = 0", "Found steps = 0 in {path}"),
        ("learning_rate = 1e-3", "learning_rate = '1e-3'", "Found learning_rate = '1e-3' in {path}; expected a number"),
        ("learning_rate = 1e-3", "learning_rate = nan", "Found learning_rate = nan"),
        ("[0.5, 0.9]", "[0.5, 1.0]", r"Found betas = \(0.5, 1.0\) in {path}; expected two numbers"),
        ("[0.5, 0.9]", "0.5", "Found betas = 0.5 in {path}; expected two numbers"),
        ('"halving"', '"linear"', "Found schedule = 'linear' in {path}; expected one of constant, one-cycle, halving"),
        ("halving = 20", "halving = 0", "Found halving = 0 in {path}; expected the number of steps between"),
        ("halving = 20", "export = 'first'", "Found export = 'first' in {path}; expected one of last, best"),
        ("halving = 20", "precision = 'half'", "Found precision = 'half' in {path}; expected one of 32-true"),
        ('architecture = "Net"', "", "Found network = .* in {path}; expected a table with the name"),
        ("views = 10", "viewws = 10", "Unknown key 'options.viewws' in {path}; expected one of loss, margin, views"),
        ("steps = 100", "steps = ", "{path} is no valid TOML .*line 4"),
    ],
)  # fmt: skip
def test_errors_name_the_file_the_key_and_what_is_expected(tmp_path, old, new, message):
    path = tmp_path / "mine.toml"
    assert old in TEXT
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=message.format(path=path)):
        load_configs(tmp_path, OPTIONS)


def test_every_parameter_of_a_configuration_has_a_rule(config):
    for field in fields(TrainingConfig):
        with pytest.raises(ValueError, match=rf"Found {field.name} = <object .* in the configuration"):
            check(replace(config, **{field.name: object()}))


def test_changes(config):
    changes = {"steps": 7, "network.width": 8, "network.depth": 2, "options.loss.edge": 1, "options.margin": 3}
    new = changed(config, changes | {"betas": [0, 0.5]}, OPTIONS)
    assert (new.steps, new.betas, new.name) == (7, (0, 0.5), "mine")
    assert new.network == {"architecture": "Net", "width": 8, "depth": 2}
    assert new.options == {"views": 10, "loss": {"edge": 1}, "margin": 3}
    # The present one is as it was
    assert config.options == {"views": 10, "loss": {"edge": 0.5}}
    assert changed(config, {"options": {"views": 3}}, OPTIONS).options == {"views": 3, "loss": {"edge": 0.5}}
    assert changed(config, {}) == config


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stepps": 7}, "Unknown key 'stepps' of the configuration 'mine'; expected one of .*steps.*options.KEY"),
        ({"steps.more": 7}, "Unknown key 'steps.more'"),
        ({"options.viewws": 7}, "Unknown key 'options.viewws' .*expected one of loss, margin, views"),
        ({"options": {"viewws": 7}}, "Unknown key 'options.viewws'"),
        ({"options.loss.edges": 7}, "Unknown key 'options.loss.edges' .*expected one of edge"),
        ({"options.views.more": 7}, "Found no table 'options.views' in the configuration 'mine'"),
        ({"adversary.width": 7}, "Found no table 'adversary'"),
        ({"options.views": "many"}, "Found options.views = 'many' .*expected an integer such as 10"),
        ({"options.views": 1.5}, "Found options.views = 1.5 .*expected an integer such as 10"),
        ({"options.loss": 3}, "Found options.loss = 3 .*expected a table"),
        ({"network.width": "wide"}, "Found network.width = 'wide' .*expected an integer such as 4"),
        ({"steps": 0}, "Found steps = 0 in the configuration 'mine'; expected an integer of at least 1"),
        ({"steps": "many"}, "Found steps = 'many'"),
    ],
)
def test_wrong_changes(config, changes, message):
    with pytest.raises(ValueError, match=message):
        changed(config, changes, OPTIONS)


def test_changes_of_the_command_line():
    texts = ["a.b=1", "c = 0.5", 'd="x"', "e=x=y", "f=[1, 2]", "g=true", "h=bf16-mixed", "i={ j = 2 }"]
    expected = {"a.b": 1, "c": 0.5, "d": "x", "e": "x=y", "f": [1, 2], "g": True, "h": "bf16-mixed", "i": {"j": 2}}
    assert parse_changes(texts) == expected
    for text in ("steps", "=3"):
        with pytest.raises(ValueError, match="expected KEY=VALUE"):
            parse_changes([text])


@given(
    st.integers(-5, 5) | st.floats(allow_nan=True) | st.booleans() | st.text(max_size=3),
    st.sampled_from(["steps", "ema_decay", "learning_rate", "patience"]),
)
def test_a_changed_configuration_is_always_a_valid_one(value, key):
    config = TrainingConfig(
        name="mine", network={"architecture": "Net"}, patch_size=32, batch_size=8, steps=100, learning_rate=1e-3
    )
    if valid(key, value):
        new = changed(config, {key: value})
        assert getattr(new, key) == value
        assert check(new) is new
    else:
        with pytest.raises(ValueError, match=key):
            changed(config, {key: value})


def valid(key, value):
    if isinstance(value, bool | str) or (key in ("steps", "patience") and not isinstance(value, int)):
        return False
    return {
        "steps": value >= 1,
        "patience": value >= 0,
        "learning_rate": 0 < value < float("inf"),
        "ema_decay": 0 <= value < 1,
    }[key]
