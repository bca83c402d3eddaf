"""Options are composed alike for the command and for the library, with nothing global changed."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError, asdict, is_dataclass

import pytest
import yaml
from hydra import compose as hydra_compose
from hydra import initialize_config_dir, version
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from bench.config.catalogue import choices
from bench.config.compose import compose
from bench.config.explain import default_choices
from bench.config.launch import run_hydra
from bench.config.options import typed
from bench.config.packages import built_in
from bench.config.schema import Config, SeedsConfig
from bench.config.sweeps.members import compose_sweep
from bench.config.tree import flatten
from bench.errors import ConfigError
from bench.results.labels import make_labels

COMMAND = ["task=copy", "cell=lstm", "model.hidden=7", "seed=3"]


def test_the_defaults_are_those_of_the_schema_but_for_the_classes():
    options = compose([])
    classes = {"task", "cell", "optimizer", "schedule"}
    assert {k: v for k, v in options.tree.items() if k not in classes} == {
        k: v for k, v in asdict(Config()).items() if k not in classes
    }
    assert (options.choices["task"], options.choices["cell"]) == ("copy", "gru")
    assert (dict(options.changed), options.member) == ({}, None)


def test_nobody_writes_into_options():
    options = compose(COMMAND)
    for place in (options, options.config, options.config.model):
        assert is_dataclass(place)
        with pytest.raises(FrozenInstanceError):
            place.hidden = 9
    options.tree["model"]["hidden"] = 9
    assert options.config.model.hidden == options.tree["model"]["hidden"] == 7


def test_a_tree_becomes_the_options_that_it_was_made_of():
    options = compose([*COMMAND, "clip.norm=null", "bptt=truncated"])
    assert typed(options.tree) == options.config
    assert typed({"model": {"hidden": 3}}).model.layers == Config().model.layers


def test_ten_times_in_a_process_and_from_a_thread_it_is_the_same_and_nothing_global_changes():
    state = GlobalHydra.instance().hydra, HydraConfig.instance().cfg, version.getbase(), list(sys.argv)
    first = compose(COMMAND)
    assert all(compose(COMMAND) == first for _ in range(9))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(compose, COMMAND).result() == first
    assert (GlobalHydra.instance().hydra, HydraConfig.instance().cfg, version.getbase(), sys.argv) == state


def test_from_many_threads_at_once_nothing_global_changes():
    before = version.getbase()
    version.setbase("1.2")
    try:
        state = HydraConfig.instance().cfg, version.getbase()
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda seed: compose([*COMMAND[:-1], f"seed={seed}"]).config.seed, range(16)))
        assert found == [*range(16)]
        assert (HydraConfig.instance().cfg, version.getbase()) == state
    finally:
        version.VersionBase.instance().version_base = before


def test_a_program_s_own_entry_in_hydra_s_store_stays():
    store = ConfigStore.instance()
    before = dict(store.repo)
    try:
        store.store(name="schema", node={"theirs": 1})
        compose(COMMAND)
        assert OmegaConf.to_container(store.load("schema.yaml").node) == {"theirs": 1}
    finally:
        store.repo = before


def test_it_is_composed_inside_a_program_that_uses_hydra_itself():
    with initialize_config_dir(str(built_in().conf / "cell"), version_base="1.2"):
        theirs, base = GlobalHydra.instance().hydra, version.getbase()
        assert compose(COMMAND).config.seed == 3
        assert (GlobalHydra.instance().hydra, version.getbase()) == (theirs, base)


def test_the_command_and_the_library_compose_the_same():
    found = []
    run_hydra(COMMAND, found.append)
    assert found == [compose(COMMAND)]
    run_hydra([*COMMAND, "hydra.job.name=x"], found.append)  # by Hydra's own way of running a job
    assert found[1] == found[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model.hiden=3"], "did you mean model.hidden"),
        (["cell=grru"], "did you mean gru"),
        (["seed=0,1"], "seed=0,1: several values are a sweep"),
        (["model.hidden=x"], "model.hidden=x: must be a whole number"),
        (["~cell"], "cannot be removed"),
        (["-m"], "-m: not of the form OPTION=VALUE"),
        (["task.delay=${sed}"], "'sed' not found"),
    ],
)
@pytest.mark.parametrize("composing", [compose, compose_sweep])
def test_what_is_wrong_is_the_same_line_as_on_the_command_line(composing, arguments, words):
    if composing is compose_sweep and arguments == ["seed=0,1"]:
        return
    with pytest.raises(ConfigError) as caught:
        composing(arguments)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_sweep_has_the_members_that_the_command_would_run(tmp_path):
    arguments = ["cell=gru,lstm", "seed=range(2)", "task.source=[a,b]", "task=charlm", f"results_dir={tmp_path}"]
    members = compose_sweep(arguments)
    found = []
    run_hydra(["-m", *arguments], found.append)
    assert [(options.choices["cell"], options.config.seed) for options in members] == [
        ("gru", 0),
        ("gru", 1),
        ("lstm", 0),
        ("lstm", 1),
    ]
    assert [options.config for options in members] == [options.config for options in found]
    assert [options.changed for options in members] == [options.changed for options in found]
    assert [str(options.member) for options in members] == [str(options.member) for options in found]
    assert str(members[1].member) == "2/4"
    assert {options.member.folder.parent.parent for options in members} == {tmp_path / "sweeps"}
    assert len({options.member.folder for options in members}) == 4


def test_a_sweep_of_one_is_a_sweep():
    (only,) = compose_sweep(["seed=3"])
    assert (only.config.seed, str(only.member)) == (3, "1/1")


CLIPPING = [
    ([], (1.0, None, None)),
    (["clip=norm"], (1.0, None, None)),
    (["clip=value"], (None, 0.5, None)),
    (["clip=adaptive"], (None, None, 0.01)),
    (["clip=none"], (None, None, None)),
    (["clip.norm=2"], (2.0, None, None)),
    (["clip.norm=null"], (None, None, None)),
    (["clip.value=0.1"], (None, 0.1, None)),
    (["clip.value=null"], (1.0, None, None)),
    (["clip.adaptive=1"], (None, None, 1.0)),
    (["clip.norm=null", "clip.value=0.1"], (None, 0.1, None)),
    (["clip=value", "clip.value=0.1"], (None, 0.1, None)),
    (["clip=none", "clip.adaptive=0.1"], (None, None, 0.1)),
    (["clip.norm=2", "clip.value=0.1"], (2.0, 0.1, None)),
    (["clip=value", "clip.norm=2"], (2.0, 0.5, None)),
]


@pytest.mark.parametrize("experiment", [[], ["+experiment=digits"]])
@pytest.mark.parametrize(("arguments", "forms"), CLIPPING)
def test_one_form_of_clipping_that_is_set_unsets_the_default_of_the_others(arguments, forms, experiment):
    options = compose([*experiment, *arguments])
    assert tuple(asdict(options.config.clip).values()) == forms
    assert changed_clipping(options) == unlike_the_default(forms)


def changed_clipping(options):
    return {key: size for key, size in options.changed.items() if key.startswith("clip")}


def unlike_the_default(forms):
    """The sizes of the forms that differ from the clipping of a run that says nothing of it."""
    default = {"clip.norm": 1.0, "clip.value": None, "clip.adaptive": None}
    return {key: size for key, size in zip(default, forms, strict=True) if default[key] != size}


@pytest.mark.parametrize(("arguments", "forms"), CLIPPING)
def test_a_form_that_a_command_sets_goes_before_an_experiment_s(tmp_path, arguments, forms):
    """Of a folder of the user's own; what the run has changed is said as without an experiment."""
    (tmp_path / "experiment").mkdir()
    path = tmp_path / "experiment" / "mine.yaml"
    path.write_text("# @package _global_\nclip: {adaptive: 0.3}\n")
    found = []
    run_hydra([f"--config-dir={tmp_path}", "+experiment=mine", *arguments], found.append)
    clip = tuple(asdict(found[0].config.clip).values())
    assert clip == ((None, None, 0.3) if arguments in ([], ["clip.norm=null"], ["clip.value=null"]) else forms)
    assert changed_clipping(found[0]) == unlike_the_default(clip)


def test_a_clip_that_a_command_chooses_over_an_experiment_s_of_the_user_s_folder_is_a_change(tmp_path):
    (tmp_path / "experiment").mkdir()
    path = tmp_path / "experiment" / "mine.yaml"
    path.write_text("# @package _global_\ndefaults: [override /clip: value]\n")
    found = []
    for arguments in ([], ["clip=norm"]):
        run_hydra([f"--config-dir={tmp_path}", "+experiment=mine", *arguments], found.append)
    as_it_is, chosen = found
    assert asdict(as_it_is.config.clip) == {"norm": None, "value": 0.5, "adaptive": None}
    assert asdict(chosen.config.clip) == {"norm": 1.0, "value": None, "adaptive": None}
    assert changed_clipping(as_it_is) == {"clip.norm": None, "clip.value": 0.5}
    assert changed_clipping(chosen) == {}


def test_members_of_a_sweep_have_each_its_own_form_of_clipping():
    members = compose_sweep(["clip.value=0.5,null", "seed=0"])
    assert [tuple(asdict(options.config.clip).values()) for options in members] == [
        (None, 0.5, None),
        (1.0, None, None),
    ]
    chosen = compose_sweep(["clip=norm,none,value"])
    assert [options.config.clip.norm for options in chosen] == [1.0, None, None]


def test_what_is_printed_of_clipping_is_what_a_run_would_do(capsys):
    run_hydra(["--cfg", "job", "clip.value=0.1"], lambda options: None)
    assert "clip:\n  norm: null\n  value: 0.1\n  adaptive: null\n" in capsys.readouterr().out


@pytest.mark.parametrize("flags", [["--cfg", "job"], ["--cfg=all"], ["-cjob"]])
@pytest.mark.parametrize(
    ("arguments", "sizes"),
    [
        ([], (1.0, None, None)),
        (["clip=soft"], (None, 0.2, None)),
        (["+experiment=mine"], (None, 0.3, None)),
        (["+experiment=mine", "clip=soft"], (None, 0.2, None)),
        (["+experiment=mine", "clip.norm=2"], (2.0, None, None)),
    ],
)
def test_what_is_printed_of_clipping_is_so_with_a_folder_of_the_user_s(capsys, tmp_path, flags, arguments, sizes):
    for group, name, text in (
        ("clip", "soft", "norm: null\nvalue: 0.2\nadaptive: null\n"),
        ("experiment", "mine", "# @package _global_\nclip: {value: 0.3}\n"),
    ):
        (tmp_path / group).mkdir()
        (tmp_path / group / f"{name}.yaml").write_text(text)
    found = []
    run_hydra([f"--config-dir={tmp_path}", *arguments], found.append)
    assert tuple(asdict(found[0].config.clip).values()) == sizes
    run_hydra([*flags, "--config-dir", str(tmp_path), *arguments], found.append)
    printed = OmegaConf.create(capsys.readouterr().out)
    assert tuple(printed.clip[form] for form in ("norm", "value", "adaptive")) == sizes
    assert len(found) == 1


def test_what_is_printed_of_hydra_s_own_options_names_no_clipping(capsys):
    run_hydra(["--cfg", "hydra"], lambda options: None)
    assert "clip." not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--cfg", "job", "-m", "seed=0,1"], "Only one of"),
        (["--cfg", "job", "--config-dir=nowhere", "clip=soft"], "nowhere: there is no such folder"),
    ],
)
def test_flags_that_hydra_refuses_are_said_to_be_wrong(arguments, words):
    with pytest.raises(ConfigError, match=words):
        run_hydra(arguments, lambda options: None)


def test_a_sweep_over_a_glob_knows_its_members_and_says_nothing(recwarn, tmp_path):
    found = []
    run_hydra(["-m", "cell=glob(l*m)", f"results_dir={tmp_path}"], found.append)
    assert [str(options.member) for options in found] == ["1/3", "2/3", "3/3"]
    assert [options.choices["cell"] for options in found] == ["layernorm_lstm", "lem", "lstm"]
    assert not [warning for warning in recwarn if "Callback" in str(warning.message)]
    assert len(compose_sweep(["cell=glob(l*m)"])) == 3


SAMPLED = ("task", "cell", "optimizer", "schedule", "init", "bptt")
CHANGES = ("model.hidden=9", "optimizer.lr=1", "batch_size=32", "clip.norm=2", "resume=never", "seed=4", "ema=0.5")


def changed_by_composition(options):
    """What differs from the defaults of the choices but for the experiment, by composing these with Hydra."""
    default = default_choices()
    overrides = [f"{group}={name}" for group, name in options.choices.items() if group != "experiment"]
    with initialize_config_dir(str(built_in().conf), version_base="1.3"):
        defaults = flatten(OmegaConf.to_container(hydra_compose("config", overrides)))
    differing = {k: v for k, v in flatten(options.tree).items() if k not in defaults or defaults[k] != v}
    others = {
        group: name
        for group, name in options.choices.items()
        if default.get(group) != name and group not in ("task", "cell", "bptt", "experiment")
    }
    stated = ("seed", "results_dir", "rerun", "retries", "checkpoint", "measure", "hardware")
    kept = {k: v for k, v in differing.items() if k.partition(".")[0] not in stated}
    return others | {k: v for k, v in kept.items() if (k, v) not in (("resume", "auto"), ("resume", "never"))}


@settings(max_examples=12)
@given(
    st.fixed_dictionaries({}, optional={group: st.sampled_from(sorted(choices(group))) for group in SAMPLED}),
    st.none() | st.sampled_from(sorted(choices("experiment"))),
    st.sets(st.sampled_from(CHANGES)),
)
def test_what_was_changed_is_what_differs_from_a_composition_of_the_choices(chosen, experiment, changes):
    assume("optimizer.lr=1" not in changes or chosen.get("optimizer") != "custom")  # whose file has no such option
    named = [f"{group}={name}" for group, name in chosen.items()] + [f"+experiment={experiment}"] * bool(experiment)
    options = compose([*named, *sorted(changes)])
    found = changed_by_composition(options)
    assert list(options.changed.items()) == list(found.items())


@pytest.mark.parametrize("experiment", sorted(choices("experiment")))
def test_an_experiment_is_the_same_run_as_its_options_given_one_by_one(experiment):
    tree = yaml.safe_load((built_in().conf / "experiment" / f"{experiment}.yaml").read_text("utf-8"))
    through = (entry for entry in tree.pop("defaults") if isinstance(entry, dict))
    groups = [f"{group.removeprefix('override /')}={name}" for entry in through for group, name in entry.items()]
    values = [f"{key}={'null' if value is None else value}" for key, value in flatten(tree).items()]
    preset, plain = compose([f"+experiment={experiment}"]), compose([*groups, *values])
    assert (preset.config, dict(preset.changed)) == (plain.config, dict(plain.changed))
    assert make_labels("task-v1", preset, "cpu") == make_labels("task-v1", plain, "cpu")


def test_a_file_that_includes_others_is_composed(tmp_path, capsys):
    """As a package's may do, which is not read as a plain tree of options."""
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "wide.yaml").write_text("defaults: [lstm]\ncoupled: true\n")
    found = []
    run_hydra([f"--config-dir={tmp_path}", "cell=wide", "cell.peepholes=true"], found.append)
    (options,) = found
    assert options.config.cell["_target_"] == "bench.cells.lstm.LSTM"
    assert options.changed == {"cell.peepholes": True}


def test_a_group_of_a_folder_given_on_the_command_line_has_its_own_defaults(tmp_path):
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "narrow.yaml").write_text("_target_: bench.cells.janet.JANET\nbeta: 1e0\n")
    found = []
    run_hydra([f"--config-dir={tmp_path}", "cell=narrow"], found.append)
    run_hydra([f"--config-dir={tmp_path}", "cell=narrow", "cell.beta=2"], found.append)
    assert [options.changed for options in found] == [{}, {"cell.beta": 2}]


def test_seeds_of_single_sources_are_written_behind_a_point():
    assert compose(["seed=3"]).config.seeds == SeedsConfig()
    assert compose(["seed=3", "seed.data=7", "seed.split=0"]).config.seeds == SeedsConfig(7, 0)
    assert compose(["seeds.data=7"]) == compose(["seed.data=7"])
    assert "seeds.data" not in compose(["seed.data=7"]).changed


def test_a_sweep_crosses_the_seed_and_that_of_the_data():
    members = compose_sweep(["seed=0,1", "seed.data=5,6", "cell=gru,lstm"])
    found = [(each.config.seed, each.config.seeds.data, each.choices["cell"]) for each in members]
    assert found == [(seed, data, cell) for seed in (0, 1) for data in (5, 6) for cell in ("gru", "lstm")]
    assert {each.config.seed for each in compose_sweep(["seed.data=5,6"])} == {0}
