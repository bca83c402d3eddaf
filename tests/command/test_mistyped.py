"""Commands as people mistype them, and the line that each gets: a table for people to read, and to add to."""

import shlex

import pytest
from cli_tools import Said, the_line

from bench.command.main import main
from bench.config import catalogue, synonyms
from bench.config.compose import compose
from bench.config.hints import options_of_every_run
from bench.config.keywords import to_overrides
from bench.config.sweeps.members import compose_sweep
from bench.errors import ConfigError, plain

TABLE = """
$ bench task=copy hidden=64
hidden: there is no such option (did you mean model.hidden?); see python -m bench --help
$ bench task=copy hidden_size=64
hidden_size: there is no such option (did you mean model.hidden?); see python -m bench --help
$ bench Model.Hidden=64
Model.Hidden: there is no such option (did you mean model.hidden?); see python -m bench --help
$ bench cell=gru cell.layers=2
cell.layers: there is no such option (did you mean model.layers?); see python -m bench --help
$ bench lr=0.1
lr: there is no such option (did you mean optimizer.lr?); see python -m bench --help
$ bench epochs=3
epochs: there is no such option (did you mean budget.steps=N, or budget.examples=N in sequences?); \
see python -m bench --help
$ bench steps=100
steps: there is no such option (did you mean budget.steps?); see python -m bench --help
$ bench device=cuda
device: there is no such option (did you mean hardware.device?); see python -m bench --help
$ bench batch=32
batch: there is no such option (did you mean batch_size?); see python -m bench --help
$ bench dropout=0.1
dropout: there is no such option (did you mean model.dropout?); see python -m bench --help
$ bench cell=vanilla activation=relu
activation: there is no such option (did you mean cell.activation?); see python -m bench --help
$ bench momentum=0.9
momentum: optimizer=adam has no such option; optimizer=rmsprop,sgd has optimizer.momentum
$ bench cell=gru cell.activation=relu
cell.activation: cell=gru has no such option; cell=lru,s4d,vanilla has it
$ bench -m cell=lstm,gru cell.peepholes=true
cell.peepholes: cell=gru has no such option, only cell=lstm: sweep over those that have it, or leave it out
$ bench -m cell=lstm,gru cell.target=star.py:Star
cell.target: cell=lstm,gru has no such option; cell=custom has it
$ bench cell=rnn
cell=rnn: there is no such cell (did you mean vanilla, the plain recurrent network?); see python -m bench list cell
$ bench cell=Elman
cell=Elman: there is no such cell (did you mean vanilla, the plain recurrent network?); see python -m bench list cell
$ bench cell=LSTM
cell=LSTM: there is no such cell (did you mean lstm?); see python -m bench list cell
$ bench cell=bilstm
cell=bilstm: there is no such cell (did you mean cell=lstm model.bidirectional=true?); see python -m bench list cell
$ bench cell=star.py:Star
cell=star.py:Star: there is no such cell (did you mean cell=custom cell.target=star.py:Star?); \
see python -m bench list cell
$ bench optimizer=Adam
optimizer=Adam: there is no such optimizer (did you mean adam?); see python -m bench list optimizer
$ bench cell=adam
cell=adam: there is no such cell (did you mean optimizer=adam?); see python -m bench list cell
$ bench init=glorot
init=glorot: there is no such init (did you mean xavier?); choose one of \
chrono, default, he, identity, normal, orthogonal, published, torch, xavier
$ bench init=kaiming
init=kaiming: there is no such init (did you mean he?); choose one of \
chrono, default, he, identity, normal, orthogonal, published, torch, xavier
$ bench task=ptb
task=ptb: there is no such task (did you mean +experiment=ptb_char or +experiment=ptb_word?); \
see python -m bench list task
$ bench experiment=sst2
experiment: a run has none by default: write +experiment=sst2
$ bench clip=0.5
clip=0.5: not of the form GROUP=NAME (did you mean clip.norm=0.5?); see python -m bench list clip
$ bench bptt=35
bptt=35: not of the form GROUP=NAME (did you mean bptt=truncated bptt.window=35?); see python -m bench list bptt
$ bench budget=1000
budget=1000: budget is a group of options (did you mean budget.steps=1000?): see python -m bench list budget
$ bench clip.norm=none
clip.norm=none: must be a number or null
$ bench hardware.precision=fp32
hardware.precision=fp32: choose one of float32, tf32, bfloat16, float64 (did you mean float32?)
$ bench resume=true
resume=True: choose auto (go on with a run that was cut off), never (start anew), or a run's folder or id \
(did you mean auto?)
$ bench --hidden 64
--hidden 64: an option has no dashes, and an equals sign: write model.hidden=64
$ bench --model.hidden=64
--model.hidden=64: an option has no dashes, and an equals sign: write model.hidden=64
$ bench --lr 0.1 task=copy
--lr 0.1: an option has no dashes, and an equals sign: write optimizer.lr=0.1
$ bench --rnn gru
--rnn gru: an option has no dashes, and an equals sign: write cell=gru
$ bench --bidirectional
--bidirectional: an option has no dashes, and an equals sign: write model.bidirectional=true
$ bench --bptt 35
--bptt 35: an option has no dashes, and an equals sign: write bptt=truncated bptt.window=35
$ bench --dry-run
--dry-run: there is no such flag (did you mean --cfg job?); see python -m bench --help
$ bench -s 3
-s: there is no such flag; see python -m bench --help
$ bench \N{EN DASH}m seed=1,2
\N{EN DASH}m: this dash is no hyphen: write -m
$ bench seed=1 task=copy seed=2
seed is given twice, as 1 and as 2: give it once (several values are a sweep: -m seed=A,B)
$ bench task=copy leaderboard
leaderboard: a verb comes first: python -m bench leaderboard ...; see its --help
$ bench task=forecast "task.columns=[Vol (M),Close]"
task.columns=[Vol (M),Close]: not of the form OPTION=VALUE; quote unusual values: 'task.columns=["Vol (M)","Close"]'
$ bench cell=lstm, gru
cell=lstm, gru: no space beside a comma: write -m cell=lstm,gru
$ bench -m cell=lstm, gru, lem
cell=lstm, gru, lem: no space beside a comma: write -m cell=lstm,gru,lem
$ bench -m cell=lstm gru
cell=lstm gru: several values have commas between: write -m cell=lstm,gru
$ bench optimizer.lr=0,01
optimizer.lr=0,01: several values are a sweep: add -m (or write [a,b] for one value that is a list); \
a decimal has a point: optimizer.lr=0.01
$ bench +model.hidden=64
+model.hidden=64: there is this option already: write model.hidden=64, without +
$ bench task.delay 10
task.delay: write task.delay=VALUE
$ bench list rnn
list rnn: there is no such group, choice or option (did you mean cell=vanilla, the plain recurrent network?); \
see python -m bench list
$ bench cell=lstm,
cell=lstm,: a comma with nothing after it: write cell=lstm
$ bench cell=lstm,gru
cell=lstm,gru: several values are a sweep: add -m
$ bench seed=0..4
seed=0..4: must be a whole number; a sweep over them is -m and range(0,5)
$ bench task = copy
task = copy: no space beside the equals sign: write task=copy
$ bench task= copy
task= copy: no space beside the equals sign: write task=copy
$ bench task==copy
task==copy: one equals sign is enough: write task=copy
$ bench task:copy
task:copy: write task=copy
$ bench task copy
task copy: write task=copy
$ bench model.hidden 64
model.hidden 64: write model.hidden=64
$ bench lstm
lstm: write cell=lstm
$ bench star.py:Star
star.py:Star: write cell=custom cell.target=star.py:Star, or task=custom task.target=star.py:Star
$ bench 'task=copy cell=gru'
task=copy cell=gru: several options in one pair of quotes: write each as a word of its own
$ bench 'cell=[lstm,gru]'
cell=[...]: a run has one cell: write -m cell=A,B for a sweep over several
$ bench 'optimizer.betas=(0.9,0.99)'
optimizer.betas=(0.9,0.99): a list has square brackets: write 'optimizer.betas=[0.9,0.99]'
$ bench 'seed=range(3'
seed=range(3: a bracket is open: close it, or quote a text: 'seed="range(3"'
$ bench +task=copy
+task: every run has one task: write task=NAME, without +
$ bench task=copy.yaml
task=copy.yaml: write task=copy
$ bench check lstm
check: lstm: write cell=lstm
$ bench fetch +experiment=SST2
experiment=SST2: there is no such experiment (did you mean sst2?); see python -m bench list experiment
"""

CASES = [entry.split("\n", 1) for entry in TABLE.removeprefix("\n$ bench ").rstrip().split("\n$ bench ")]


@pytest.mark.parametrize(("command", "line"), CASES, ids=[command for command, _ in CASES])
def test_a_mistyped_command_gets_the_line_of_the_table(capsys, command, line):
    said = Said(main(shlex.split(command)), *capsys.readouterr())
    assert (the_line(said), said.code, said.out) == (line, 2, "")


def test_every_other_name_of_the_field_is_there_once_and_means_an_option_or_a_choice_that_there_is():
    options = {*options_of_every_run(), *catalogue.GROUPS}
    for text in set(synonyms.OPTIONS.values()):
        assert text.partition(",")[0].partition("=")[0] in {*options, "cell.activation", "task.source"}, text
    for group, names in synonyms.CHOICES.items():
        for name, text in names.items():
            assert text.split(",")[0].split()[0] in {*catalogue.choices(group), "mlstm"}, text
            assert name not in catalogue.choices(group)
    for table in (synonyms._OPTIONS, synonyms._VALUES, synonyms._VERBS, *synonyms._CHOICES.values()):
        names = [plain(name) for text in table.values() for name in text.split()]
        assert sorted(names) == sorted(set(names))


def test_a_sweep_over_a_cell_of_ones_own_and_others_gives_its_options_to_the_one_that_has_them():
    own, lstm = compose_sweep(["cell=custom,lstm", "cell.target=star.py:Star", "+cell.alpha=0.3"])
    assert own.config.cell == {"target": "star.py:Star", "alpha": 0.3}
    assert lstm.config.cell == compose(["cell=lstm"]).config.cell and not lstm.changed


def test_an_option_that_is_given_twice_is_refused_from_python_too():
    with pytest.raises(ConfigError, match="seed is given twice, as 1 and as 2"):
        compose(to_overrides(["task=copy", "seed=1"], {"seed": 2}))
