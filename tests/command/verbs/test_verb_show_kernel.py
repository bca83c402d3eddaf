"""`bench show-kernel` prints the code of a cell's kernels, or says why it has none."""

import pytest
from cli_tools import bench, the_line


def test_it_prints_both_passes_over_time(capsys):
    said = bench(capsys, "show-kernel", "cell=gru", "model.hidden=16")
    assert (said.code, said.err) == (0, "")
    assert [line.split("(")[0].split()[-1] for line in said.out.splitlines() if line.startswith("extern")] == [
        "forward", "infer", "backward"
    ]  # fmt: skip
    assert said.out.count("Factor factor0{matrix0, 16, 48, 1}") == 2  # its depth and width, and that it is turned
    assert said.out.count("Factor factor0{matrix0, 48, 16, 0}") == 1
    assert "sigmoid_(" in said.out and "typedef" not in said.out


def test_it_prints_cuda_for_a_gpu_which_need_not_be_there(capsys):
    """One kernel a pass where the matrices are small, else those between products, which are torch's."""
    for hidden, names in ((16, ["forward", "infer", "backward"]), (256, ["forward_0", "infer_0", "backward_0"])):
        said = bench(capsys, "show-kernel", "cell=lstm", f"model.hidden={hidden}", "hardware.device=cuda")
        heads = [line.partition(") ")[2].partition("(")[0] for line in said.out.splitlines() if "__global__" in line]
        assert (said.code, heads) == (0, names)


def test_the_whole_is_what_is_compiled(capsys):
    said = bench(capsys, "show-kernel", "cell=vanilla", "model.hidden=4", "--inputs=3", "--double", "--whole")
    assert said.out.startswith("typedef double R;") and "typedef R V" in said.out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["cell=mlstm"], "MLSTM has no kernels: _unsafe_view mixes lanes and units"),
        (["task=copy"], "task=copy: bench show-kernel takes cell=NAME, cell.OPTION=VALUE, model.hidden=N"),
        (["cell=grue"], "cell=grue: there is no such cell"),
        (["--inputs=0"], "--inputs: 0: must be a whole number, 1 or more, 100000 or less"),
        (["--inputs=1000000000000"], "--inputs: 1000000000000: must be a whole number, 1 or more, 100000 or less"),
    ],
)
def test_a_line_says_what_is_wrong(capsys, words, line):
    said = bench(capsys, "show-kernel", *words)
    assert said.code == 2 and line in the_line(said)
