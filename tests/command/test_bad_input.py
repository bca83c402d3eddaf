"""Whatever is wrong with a command's options is said in one line, with exit code 2, before anything is written."""

from dataclasses import asdict

import pytest
import yaml
from cli_tools import COPY, Said, bench, records, run, the_line, write_cell
from omegaconf import OmegaConf

from bench.config.compose import explained, schema_node
from bench.config.options import typed
from bench.config.rules import validate
from bench.config.schema import Config
from bench.config.tree import flatten
from bench.errors import ConfigError

OUT_OF_RANGE = {
    "model.hidden": "0",
    "model.layers": "0",
    "model.embedding": "-1",
    "model.input_dropout": "1",
    "model.dropout": "1",
    "model.variational": "perhaps",
    "model.recurrent_dropout": "-0.5",
    "model.zoneout": "1",
    "model.norm": "layers",
    "model.residual": "perhaps",
    "model.gate": "perhaps",
    "model.mlp": "-1",
    "model.pre_norm": "batch",
    "model.expand": "-1",
    "model.conv": "-1",
    "model.conv_activation": "relu",
    "model.skip": "perhaps",
    "model.gate_activation": "relu",
    "model.out_projection": "perhaps",
    "model.mlp_kind": "glu",
    "model.tie": "perhaps",
    "model.teacher_forcing": "2",
    "model.beam": "0",
    "model.attention": "bahdanau",
    "model.bidirectional": "perhaps",
    "init.start": "paper",
    "init.input": "xavir",
    "init.recurrent": "ortogonal",
    "init.gain": "0",
    "init.sigma": "0",
    "init.bias": "none",
    "init.forget_bias": ".inf",
    "init.chrono": "2",
    "bptt.kind": "ful",
    "bptt.window": "0",
    "bptt.horizon": "0",
    "bptt.offset": "any",
    "bptt.head": "stay",
    "bptt.update": "batch",
    "bptt.carry": "perhaps",
    "bptt.checkpoint": "perhaps",
    "gradient": "forward",
    "clip.norm": "0",
    "clip.value": "0",
    "clip.adaptive": "-1",
    "budget.steps": "0",
    "budget.examples": "-1",
    "budget.seconds": "0",
    "match.params": "0",
    "match.flops": "0",
    "hardware.device": "tpu",
    "hardware.threads": "0",
    "hardware.precision": "float16",
    "hardware.deterministic": "perhaps",
    "batch_size": "0",
    "accumulate": "0",
    "loss": "max",
    "ema": "1",
    "patience": "0",
    "evaluations": "0",
    "unroll": "vendr",
    "chosen": "tuned",
    "seed": "-1",
    "seeds.data": "-1",
    "seeds.split": "1.5",
    "results_dir": "",
    "rerun": "perhaps",
    "retries": "-1",
    "checkpoint.seconds": "0",
    "measure.seconds": "0",
    "measure.retry": "-1",
    "checkpoint.steps": "0",
    "hard_seconds": "0",
}


@pytest.fixture
def refused(capsys, tmp_path):
    """The line with which the options of a run are refused; nothing else is printed, and nothing written."""

    def line(*options: str) -> str:
        said = bench(capsys, f"results_dir={tmp_path / 'results'}", *options)
        assert said.code == 2
        assert said.out == ""
        assert not records(tmp_path / "results")
        return the_line(said)

    return line


def test_the_helper_sees_a_traceback_and_a_second_line():
    for err in ("bench: one\nbench: two\n", "Traceback (most recent call last):\n", "", "something else\n"):
        with pytest.raises(AssertionError):
            the_line(Said(2, "", err))


def test_every_option_of_the_schema_has_a_value_out_of_range_below():
    assert OUT_OF_RANGE.keys() == flatten(asdict(Config())).keys() - {"task", "cell", "optimizer", "schedule", "resume"}


ONE_OF_EACH_GROUP = {option.partition(".")[0]: option for option in reversed(OUT_OF_RANGE)}.values()
"""Options for which the command itself is asked; the others go through the parts that say no, without composing."""

OF_THE_MACHINE = ("hardware.device", "results_dir")
"""Options whose values no schema knows."""


def refused_without_composing(option: str, value: object) -> str:
    """The line with which the schema or the rules refuse an option's value, as Hydra sets it and a run validates it."""
    node = OmegaConf.merge(schema_node())
    with pytest.raises(ConfigError) as caught, explained([f"{option}={value}"]):
        OmegaConf.update(node, option, value)
        validate(typed(OmegaConf.to_container(node)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("option", "value"), [(k, v) for k, v in OUT_OF_RANGE.items() if k not in OF_THE_MACHINE])
def test_a_value_out_of_range_is_refused_by_name(option, value):
    assert refused_without_composing(option, yaml.safe_load(value)).startswith(f"{option}=")


def test_under_a_debugger_the_line_is_the_same(monkeypatch):
    """OmegaConf keeps the cause of an error then, which says the same with a name of its own for the value."""
    line = refused_without_composing("rerun", "perhaps")
    monkeypatch.setenv("OC_CAUSE", "1")
    assert refused_without_composing("rerun", "perhaps") == line == "rerun=perhaps: choose one of failed, all, none"


@pytest.mark.parametrize("option", OUT_OF_RANGE)
def test_a_value_of_the_wrong_type_is_refused_by_name(option):
    assert refused_without_composing(option, [1, 2]).startswith(option)


@pytest.mark.parametrize("option", sorted({*ONE_OF_EACH_GROUP, *OF_THE_MACHINE}))
def test_the_command_refuses_a_value_out_of_range_by_name(refused, option):
    assert refused(f"{option}={OUT_OF_RANGE[option]}").startswith(f"{option}=")


@pytest.mark.parametrize("option", ONE_OF_EACH_GROUP)
def test_the_command_refuses_a_value_of_the_wrong_type_by_name(refused, option):
    assert refused(f"{option}=[1,2]").startswith(option)


@pytest.mark.parametrize("option", [option for option in ONE_OF_EACH_GROUP if option not in OF_THE_MACHINE])
def test_what_is_refused_without_composing_is_what_the_command_refuses(refused, option):
    value = OUT_OF_RANGE[option]
    assert refused_without_composing(option, yaml.safe_load(value)) == refused(f"{option}={value}")


def test_two_forms_of_clipping_are_refused(refused):
    line = "clip.norm=2.0 and clip.value=0.5 are both set: choose one, and unset the other (clip.norm=null)"
    assert refused("clip.norm=2", "clip.value=0.5") == refused("clip=value", "clip.norm=2") == line


@pytest.mark.parametrize("option", ["seed", "model.hidden", "results_dir", "model", "budget", "unroll"])
def test_what_must_have_a_value_cannot_be_null(refused, option):
    assert option in refused(f"{option}=null")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("model.hidden=abc", "model.hidden=abc: must be a whole number"),
        ("model.hidden=1.5", "model.hidden=1.5: must be a whole number"),
        ("model.dropout=much", "model.dropout=much: must be a number"),
        ("rerun=maybe", "rerun=maybe: choose one of failed, all, none"),
        ("measure.retry=maybe", "measure.retry=maybe: must be a number"),
        ("model=3", "model is a group of options (did you mean model.hidden=3?)"),
        ("budget=much", "budget is a group of options: set budget.steps"),
        (
            "model.hiden=3",
            "model.hiden: there is no such option (did you mean model.hidden?); see python -m bench list model",
        ),
        ("hiden=3", "hiden: there is no such option"),
        ("+hiden=3", "hiden: there is no such option"),
        ("+model.hiden=3", "did you mean model.hidden?"),
        ("task.delai=3", "did you mean task.delay?"),
        ("cell.size=3", "cell.size: there is no such option"),
        ("+cell.size=3", "cell.size: unknown option"),
        ("optimizer.rl=1", "there are optimizer.betas, optimizer.decay, optimizer.lr"),
        ("optimizer.lr=fast", "optimizer.lr=fast: input should be a valid number"),
        ("optimizer.lr=-1", "optimizer: Invalid learning rate"),
        ("task.delay=long", "task.delay=long: input should be a valid integer"),
        ("task.delay=0", "task.delay=0"),
        ("task.delay=${sed}", "'sed' not found"),
        ("cell=grru", "cell=grru: there is no such cell (did you mean gru?); see python -m bench list cell"),
        ("task=cpoy", "task=cpoy: there is no such task (did you mean copy?)"),
        ("+experiment=tinyshakespear", "did you mean tinyshakespeare?"),
        ("experiment=tinyshakespeare", "write +experiment=tinyshakespeare"),
        ("cell=custom", "cell.target is not set"),
        ("bptt.window=5", "needs bptt=truncated"),
        ("--config-name=other", "the main file is fixed"),
        ("clip=nrom", "clip=nrom: there is no such clip (did you mean norm?); choose one of adaptive, none, norm"),
        ("schedule=cosin", "schedule=cosin: there is no such schedule (did you mean cosine?)"),
        ("schedule.warm=1", "schedule.warm: there is no such option (did you mean schedule.warmup?)"),
        ("schedule.warmup=2", "schedule.warmup=2: input should be less than 1"),
        ("optimizer.decay=biases", "optimizer.decay=biases: choose one of all, matrices"),
        ("optimizer=custom", "optimizer.target is not set"),
        ("budget.steps=null", "no budget is set"),
        ("cell=gru,lstm", "cell=gru,lstm: several values are a sweep: add -m"),
        ("seed=range(3)", "add -m"),
        ("task=null", "task=null: not of the form GROUP=NAME"),
        ("=3", "=3: not of the form GROUP=NAME"),
        ("model.hidden==3", "model.hidden==3: one equals sign is enough: write model.hidden=3"),
        ("~cell", "~cell: this cannot be removed"),
        ("~model.hidden", "~model.hidden: this cannot be removed"),
        ("--multirn", "did you mean --multirun?"),
        ("--cfg=jobs", "invalid choice: 'jobs'"),
        ("--config-dir=/nowhere", "--config-dir=/nowhere: there is no such folder"),
        ("hydra/launcher=jobli", "hydra/launcher=jobli: there is no such hydra/launcher"),
        ("hydra.launcher._target_=os.system", "os.system is no launcher or sweeper of Hydra's; choose a launcher by"),
        ("hydra.sweeper={_target_: builtins.print}", "builtins.print is no launcher or sweeper"),
        ("+hydra.callbacks.mine._target_=builtins.print", "builtins.print is no launcher or sweeper"),
        pytest.param(f"seed=1{'0' * 200}", "seed has 201 digits: whole numbers have at most 64 bits", id="200 digits"),
        pytest.param(f"seed=1{'0' * 5000}", "digits", id="5000 digits"),
        ("seed=-1", "seed=-1: input should be greater than or equal to 0"),
        ("seed=9223372036854775808", "seed has 19 digits"),
        ("task.delay=-100000000000000000000", "task.delay has 21 digits"),
        ("+cell.sizes=[1,100000000000000000000]", "cell.sizes has 21 digits"),
        ("model.hidden=9223372036854775807", "the cell cannot be built: "),
    ],
)
def test_what_is_wrong_is_named_with_the_alternatives_or_the_remedy(refused, option, words):
    assert words in refused(option)


def test_a_launcher_that_hydra_cannot_start_is_a_line(refused):
    said = refused("-m", "seed=0,1", "hydra.launcher=null")
    assert "Hydra cannot start the runs with these hydra.* options" in said


@pytest.mark.parametrize("count", [0, -1])
def test_a_sweep_in_batches_of_no_members_is_refused(refused, count):
    said = refused("-m", "seed=0,1", f"hydra.sweeper.max_batch_size={count}")
    assert said == f"hydra.sweeper.max_batch_size={count} must be at least 1; null: all at once"


def test_an_unknown_option_is_compared_with_those_of_the_tasks_and_cells_that_were_chosen(refused):
    assert "did you mean task.length?" in refused("task=charlm", "task.lenght=3")
    assert "did you mean task.length?" in refused("+experiment=tinyshakespeare", "task.lenght=3")
    assert "did you mean cell.layer_norm?" in refused("cell=lstm", "cell.layernorm=true")
    assert "write +KEY=VALUE" in refused("cell=custom", "cell.alpha=3")


@pytest.mark.parametrize(
    ("arguments", "today"),
    [
        (("cell=lstm", "cell.forget_bias=1"), "cell.forget_bias: replaced by init.forget_bias=1"),
        (("cell=lstm", "+cell.forget_bias=1"), "cell.forget_bias: replaced by init.forget_bias=1"),
        (("-m", "cell=gru,lstm", "cell.forget_bias=0,1"), "cell.forget_bias: replaced by init.forget_bias=0,1"),
        (("cell=janet", "cell.t_max=30"), "cell.t_max: replaced by init.chrono=30"),
        (("cell=vanilla", "cell.init=orthogonal"), "cell.init: replaced by init.recurrent=orthogonal"),
        (("cell=irnn", "cell.sigma=0.1"), "cell.sigma: replaced by init.sigma=0.1"),
    ],
)
def test_an_option_of_an_older_version_is_told_in_today_s_words(refused, arguments, today):
    assert refused(*arguments) == today


@pytest.mark.parametrize("arguments", [("model.hidden=8,abc",), ("cell=gru,grru",), ("foo=1,2",), ("+foo=1,2",)])
def test_a_sweep_whose_members_cannot_all_be_composed_does_not_begin(refused, arguments):
    refused("-m", *arguments)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "none.txt: no such file or folder"),
        (b"", "the text is empty"),
        (b"To be", "one window needs 65"),
        (b"caf\xe9" * 50, "byte 3 (0xe9) is not utf-8; set task.encoding"),
    ],
)
def test_a_text_that_cannot_be_used_is_named_with_the_place_and_the_remedy(refused, tmp_path, content, words):
    path = tmp_path / ("none.txt" if content is None else "some.txt")
    if content is not None:
        path.write_bytes(content)
    line = refused("task=charlm", f"task.source={path}")
    assert path.name in line
    assert words in line


def test_more_lanes_than_the_text_has_windows_for_are_refused_before_training(refused):
    assert "batch_size=500000" in refused("task=charlm", "batch_size=500000")


def test_a_hub_that_cannot_be_reached_says_how_to_use_a_local_file(tmp_path):
    said = run("task=charlm", "task.source=hub:karpathy/tiny_shakespeare", folder=tmp_path, HF_HUB_OFFLINE="1")
    assert said.code == 2
    assert "task.source=path/to/file.txt" in the_line(said)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return y_BH[:, :-1], y_BH", "[2, 8]"),
        ("return y_BH, (y_BH, y_BH)", "state"),
        ("return y_BH", "step"),
        ("raise RuntimeError('two\\nlines')", "two"),
        ("return y_BH / 0, y_BH", "finite"),
    ],
)
def test_a_cell_that_breaks_the_contract_is_refused_with_what_was_expected(refused, tmp_path, body, words):
    line = refused(*COPY, "cell=custom", f"cell.target={write_cell(tmp_path, body)}:Mine")
    assert "Mine" in line
    assert words in line


@pytest.mark.parametrize(
    ("content", "target", "words"),
    [
        ("class Mine(:", ":Mine", "SyntaxError: invalid syntax (mine.py, line 1)"),
        ("import nothing_of_this_name", ":Mine", "No module named 'nothing_of_this_name'"),
        ("1 / 0", ":Mine", "ZeroDivisionError"),
        ("class Mime: pass", ":Mine", "no class Mine in"),
        ("class Mine: pass", ":Mine", "Mine is no"),
        ("from bench.api import Cell\nclass Mine(Cell): pass", ":Mine", "abstract method"),
    ],
)
def test_a_file_that_holds_no_such_cell_says_so(refused, tmp_path, content, target, words):
    (tmp_path / "mine.py").write_text(content)
    assert words in refused(*COPY, "cell=custom", f"cell.target={tmp_path / 'mine.py'}{target}")


@pytest.mark.parametrize("target", ["nowhere.py:Mine", "no_such.package:Mine", "Mine"])
def test_a_place_that_is_not_there_says_so(refused, target):
    assert f"cell.target={target}" in refused(*COPY, "cell=custom", f"cell.target={target}")


@pytest.mark.parametrize(
    "arguments", [("lst",), ("list", "tsak"), ("list", "--x"), ("leaderboard", "now"), ("sample",)]
)
def test_a_wrong_verb_or_a_wrong_argument_of_one_is_a_line_too(capsys, arguments):
    said = bench(capsys, *arguments)
    assert said.code == 2
    assert any(remedy in the_line(said) for remedy in ("did you mean", "--help"))


def test_the_same_holds_of_a_process_of_its_own(tmp_path):
    said = run("model.hidden=0", *COPY[1:], folder=tmp_path)
    assert said.code == 2
    assert the_line(said).startswith("model.hidden=0: ")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []
