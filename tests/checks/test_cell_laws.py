"""The laws of cells: each has mutants that break it, all cells of ours keep them, and verdicts say what to do."""

import re
from functools import partial

import mutants_cells as mutants
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.cells.gru import GRU
from bench.checks import CELL_LAWS, assert_cell, cell_time, check_cell
from bench.checks.quick import quick_check
from bench.config.catalogue import choices
from bench.errors import ConfigError
from bench.job.build import load_cell

LONG = "finite for 10000 steps"
SEVERAL, COARSE = "forms agree over 130 steps", "forms agree in bfloat16"
PARTS = "every row and column gets a gradient"
KERNELS = "kernels equal steps"  # to compile some takes a second
QUICK = [law for law in CELL_LAWS if law not in (LONG, KERNELS)]
ANY = None

MUTANTS = [
    # mutant, the law it breaks, what the verdict says, and the laws that cannot but fail, too
    (
        "WideOutput",
        "shapes are the contracts",
        r"step: the output is float32\[3, 16\]",
        {"handles one lane and one step"},
    ),
    ("LanesLast", "shapes are the contracts", "first dimensions", {"batch lanes independent", "fresh lanes reset"}),
    ("OtherUnroll", "step equals unroll", "parallel with T = 1: the output at time 0, lane 0 differs", set()),
    (
        "OtherGradient",
        "step equals unroll",
        "parallel with T = 2: the gradient of `decay` differs",
        {"every parameter gets a finite gradient", "gradcheck in float64"},
    ),
    (
        "UnrollLosesTheAge",
        "step equals unroll",
        "part 1 of the last state differs",
        {"chunked with carry equals whole"},
    ),
    ("StaleVendor", "step equals unroll", "vendor with T = 1", set()),
    (
        "ForgetfulUnroll",
        "chunked with carry equals whole",
        "parallel in chunks.*time 5, lane 0.*start from the state",
        set(),
    ),
    (
        "BranchesByNumbers",
        KERNELS,
        r"kernels with T = \d: the output at time \d, lane \d differs .*torch.where",
        {"works under torch func"},
    ),
    ("SeesTheFuture", "causal", "inputs from time 1 on", {"step equals unroll", "chunked with carry equals whole"}),
    ("DropsItsState", SEVERAL, "parallel with T = 130, B = 11, H = 13: outputs differ from the step loop's", set()),
    ("CutsItsGradient", SEVERAL, "parallel with T = 130, B = 11, H = 13: gradients differ from the step loop's", set()),
    ("EightLanes", SEVERAL, "parallel with T = 130, B = 11, H = 13: outputs differ", set()),
    ("EightUnits", SEVERAL, "parallel with T = 130, B = 11, H = 13: outputs differ", set()),
    ("OnlyFloat32", COARSE, "RuntimeError at mutants_cells.py:.* in drive: .*dtype.*bring tensors to one dtype", set()),
    ("CoarseInBfloat16", COARSE, r"parallel: outputs differ from the step loop's \(by 0.\d+ of the largest\)", set()),
    ("SpareRow", PARTS, r"the gradient of `weight` \[9, 3\] is 0 at 8 of dimension 0: nothing uses it", set()),
    ("SpareColumn", PARTS, r"the gradient of `weight` \[8, 4\] is 0 at 0 of dimension 1: nothing uses it", set()),
    ("SpareBias", PARTS, r"the gradient of `bias` \[16\] is 0 at 8, 9, 10, ... of dimension 0", set()),
    ("NaiveSoftplus", "finite for large inputs", "eager from the initial state: outputs are not finite", set()),
    (
        "KeepsItsScaleAlone",
        "finite for large inputs",
        "with model.zoneout=0.5 the output is not finite from time",
        set(),
    ),
    ("SteepForLarge", "finite for large inputs", "eager from the initial state: gradients are not finite", set()),
    ("UnitInputs", "finite for zero inputs", "eager from the initial state: outputs are not finite within 35", set()),
    ("LengthOfInputs", "finite for zero inputs", "eager from the initial state: gradients are not finite", set()),
    ("BatchMean", "batch lanes independent", "lane 1 changes with the content of lane 0", set()),
    ("BatchNorm", "batch lanes independent", "in training", set()),
    ("OneClock", "fresh lanes reset", "a fresh lane in a mixed batch: .* lane 1", {"batch lanes independent"}),
    ("CountsCalls", "no state kept on the module", "a forward changes the module's `calls`", set()),
    ("RunningStatistics", "no state kept on the module", "`seen`", set()),
    ("HiddenGlobal", "no state kept on the module", "in a second call with the same arguments", ANY),
    ("OwnRandomness", "deterministic", "`decay` after construction differs between two runs", set()),
    ("NoisySteps", "deterministic", "the output of eager differs between two runs", ANY),
    ("UnusedParameter", "every parameter gets a finite gradient", "`spare` is None", set()),
    ("DeadParameter", "every parameter gets a finite gradient", "`gate` is 0 throughout", set()),
    ("InfiniteGradient", "every parameter gets a finite gradient", "`shift` is not finite", {"gradcheck in float64"}),
    ("StraightThrough", "gradcheck in float64", "with respect to the input differs from finite differences", set()),
    ("CutsItsPast", "gradcheck in float64", "with respect to the input differs", set()),
    ("UnsavedConstant", "state dict round trip", "eager after loading", set()),
    ("DefaultDtype", "moves between dtypes and devices", r"initial_state on cpu in float64 is float32\[2, 8\]", set()),
    ("BranchesOnValues", "works under torch func", "mutants_cells.py:.* in drive: .*branch by torch.where", set()),
    ("Squeezes", "handles one lane and one step", "parallel with T = 5, B = 1", set()),
    ("SlowlyExplodes", LONG, r"not finite from time \d+ of 10000 on", set()),
    ("FastInference", "input not changed in place", "without gradients: part 0 of the given state", set()),
    (
        "ChangesItsInput",
        "input not changed in place",
        "the input is changed",
        {"step equals unroll", "gradcheck in float64"},
    ),
]


@pytest.mark.parametrize(("mutant", "law", "message", "others"), MUTANTS, ids=[row[0] for row in MUTANTS])
def test_a_mutant_breaks_its_law_and_no_other_one(mutant, law, message, others):
    laws = CELL_LAWS if law == LONG else [*QUICK, law] if law == KERNELS else QUICK
    failed = {v.law: v.message for v in check_cell(getattr(mutants, mutant), laws=laws) if v.outcome == "failed"}
    assert re.search(message, failed[law])
    assert others is ANY or set(failed) == {law} | others
    assert not any("\n" in line for line in failed.values())


def test_every_law_has_a_mutant():
    assert {law for _, law, _, _ in MUTANTS} == set(CELL_LAWS)


def test_the_cell_that_the_mutants_are_made_from_keeps_every_law():
    assert_cell(mutants.Good)


def test_a_counter_that_is_only_compared_needs_no_gradient():
    assert_cell(mutants.CountsByComparing, laws=QUICK)


@settings(max_examples=10)
@given(input_size=st.integers(1, 5), hidden_size=st.integers(1, 5))
def test_a_right_cell_is_right_at_every_size(input_size, hidden_size):
    assert_cell(mutants.Good, laws=QUICK, input_size=input_size, hidden_size=hidden_size)


OURS = {name: choice.path for name, choice in choices("cell").items() if choice.package.name == "bench"}
del OURS["custom"]


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("laws", [QUICK, pytest.param([LONG], marks=pytest.mark.slow)], ids=["quick", "long"])
def test_a_built_in_cell_keeps_every_law_or_says_why_not(name, laws, monkeypatch):
    monkeypatch.setattr(cell_time, "_LONG", 1500)  # all 10,000 are gone through where docs/cells.md is made
    cell_class, options = load_cell(yaml.safe_load(OURS[name].read_text()))
    assert_cell(partial(cell_class, **options), laws=laws)


class Unbuildable(mutants.Good):
    def __init__(self, input_size, hidden_size):
        raise ZeroDivisionError("no reason\nand more of it")


def test_what_a_cell_raises_becomes_one_line_with_its_place_and_stops_no_other_law():
    verdicts = check_cell(Unbuildable)
    assert [v.law for v in verdicts] == list(CELL_LAWS)
    line = re.compile(r"ZeroDivisionError at test_cell_laws.py:\d+ in __init__: no reason; .+")
    assert all(line.fullmatch(verdict.message) for verdict in verdicts)


def test_a_failure_that_is_expected_is_no_fault():
    reason = {"gradcheck in float64": "rounds"}
    (verdict,) = check_cell(mutants.StraightThrough, expected_failures=reason, laws=reason)
    assert verdict.ok and verdict.outcome == "expected failure" and verdict.message.startswith("rounds (eager: ")
    assert_cell(mutants.AdmitsToRound, laws=reason)
    with pytest.raises(AssertionError, match=r"^failed: gradcheck in float64: eager: .*; let autograd"):
        assert_cell(mutants.StraightThrough, laws=reason)


def test_a_pass_that_was_to_fail_is_reported():
    reason = {"causal": "looks ahead"}
    (verdict,) = check_cell(mutants.Good, expected_failures=reason, laws=reason)
    assert (verdict.ok, verdict.outcome) == (False, "unexpectedly passed") and "looks ahead" in verdict.message
    with pytest.raises(AssertionError, match="unexpectedly passed: causal"):
        assert_cell(mutants.Good, expected_failures=reason, laws=reason)


@pytest.mark.parametrize("where", ["laws", "expected_failures"])
def test_a_law_that_does_not_exist_is_an_error(where):
    with pytest.raises(ConfigError, match=r"no law `casual` \(did you mean causal\?\); the laws are shapes"):
        check_cell(mutants.Good, **{where: {"casual": "a slip"}})


def test_a_passed_law_says_which_forms_it_covered():
    (verdict,) = check_cell(GRU, laws=["step equals unroll"])
    assert verdict.message == "eager, vendor"


def test_checks_leave_torchs_generator_as_it_was():
    cell, before = mutants.Good(3, 4), torch.random.get_rng_state()
    check_cell(mutants.Good, laws=QUICK)
    quick_check(cell)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    ("mutant", "law", "place"),
    [
        ("WideOutput", "shapes are the contracts", r"step: the output is float32\[2, 16\] instead of \[2, 8\]"),
        ("LanesLast", "shapes are the contracts", "initial_state for 2 lanes"),
        ("ChangesItsInput", "input not changed in place", "step: the input is changed"),
        ("FastInference", "input not changed in place", "step: part 0 of the given state"),
        ("CountsCalls", "no state kept on the module", "`calls`"),
        ("Overflows", LONG, "not finite from time [1-9] on"),
    ],
)
def test_the_check_before_a_run_names_law_place_and_remedy(mutant, law, place):
    line = f"^cell {mutant} breaks the law `{law}`: .*{place}.*; .*bench check"
    with pytest.raises(ConfigError, match=line) as caught:
        quick_check(getattr(mutants, mutant)(3, 8))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("mutant", ["Good", "SlowlyExplodes", "UnusedParameter"])
def test_the_check_before_a_run_passes_what_a_few_steps_cannot_show(mutant):
    quick_check(getattr(mutants, mutant)(3, 8))
