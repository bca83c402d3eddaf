"""A run does without torch's compiler, whose import takes as long as that of torch; whoever wants it has it."""

import subprocess
import sys

from cli_tools import COPY, ROOT

SCRIPT = """
import sys
import torch
from bench.command.main import main
from bench.kernels.uncompiled import uncompiled

def leftovers():
    return [name for name in ("torch._dynamo", "sympy") if name in sys.modules]

def stepped(cls):
    weight = torch.nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    optimizer = cls([weight])
    optimizer.step()
    return weight.tolist()

class Own(torch.optim.SGD):
    def step(self):
        print("own", type(sys.modules.get("torch._dynamo")).__name__)

print("run", main(sys.argv[1:]), leftovers())
with uncompiled(torch.optim.Adam):
    short = stepped(torch.optim.Adam)
print("step", short[0] < 1, leftovers())
methods = [torch.optim.Optimizer.add_param_group, torch.optim.Optimizer.zero_grad]
print("kept", [name for method in methods for name in vars(method.__wrapped__) if "dynamo" in name])
with uncompiled(Own):
    Own.step(None)
with uncompiled(torch.optim.Adam):
    print("config", torch._dynamo.config.__name__)
print("real", sys.modules["torch._dynamo"] is torch._dynamo, torch._dynamo.__file__ is not None)
with uncompiled(torch.optim.Adam):
    print("again", type(torch._dynamo).__name__)
print("same", stepped(torch.optim.Adam) == short)
print("compiled", torch.compile(lambda x: 2 * x, backend="eager")(torch.ones(1)).item())
"""


def test_a_run_and_a_step_import_no_compiler_and_who_asks_for_it_has_it(tmp_path):
    command = [sys.executable, "-c", SCRIPT, *COPY, f"results_dir={tmp_path}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    words = ("run", "step", "kept", "own", "config", "real", "again", "same", "compiled")
    assert [line for line in done.stdout.splitlines() if line.startswith(words)] == [
        "run 0 []",
        "step True []",
        "kept []",
        "own NoneType",
        "config torch._dynamo.config",
        "real True True",
        "again module",
        "same True",
        "compiled 2.0",
    ]
