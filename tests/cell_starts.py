"""How every parameter of every cell starts: as its docstring or paper says; where both are silent, as in torch.nn."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from starts import Blocks, Is, Normal, Start, Through, Uniform, Where, log_uniform, over_root, within
from torch import Tensor

Starts = dict[str, Start]
Table = Callable[[int, int, Mapping[str, Any]], Starts]
"""The starts by the name of the parameter, for F inputs, H units and the cell's options."""

ZERO, ONE = Is(0.0), Is(1.0)
STEP_SIZES = Through(lambda bias: F.softplus(bias), log_uniform(1e-3, 1e-1))  # of S6, S4D and Mamba-2


def linear(name: str, inputs: int, bias: bool = True) -> Starts:
    """A linear layer of torch.nn."""
    names = ("weight", "bias") if bias else ("weight",)
    return {f"{name}.{part}": over_root(inputs) for part in names}


def norm(name: str) -> Starts:
    return {f"{name}.weight": ONE, f"{name}.bias": ZERO}


def gated(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return {name: over_root(units) for name in names}


def lstm(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    blocks, drawn = 3 if options["coupled"] else 4, over_root(units)
    forget = blocks - 3  # coupled gates have no block of the input gate before it
    starts = {"weight_ih": drawn, "weight_hh": drawn}
    biases = [_one_block(start, drawn, forget, blocks) for start in (ONE, ZERO)]
    if options["peepholes"]:
        starts["peephole"] = drawn
    if options["layer_norm"]:  # its shifts replace the biases
        shifts = dict(zip(("norm_ih.bias", "norm_hh.bias"), biases, strict=True))
        return {**starts, **norm("norm_ih"), **norm("norm_hh"), **norm("norm_c"), **shifts}
    return {**starts, **dict(zip(("bias_ih", "bias_hh"), biases, strict=True))}


def _one_block(start: Start, others: Start, block: int, blocks: int) -> Blocks:
    return Blocks(tuple(start if i == block else others for i in range(blocks)))


def irnn(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    return {"weight_ih": Normal(0.001), "weight_hh": Is(torch.eye(units)), "bias_ih": ZERO, "bias_hh": ZERO}


def all_over_root(*names: str) -> Table:
    return lambda inputs, units, options: {name: over_root(units) for name in names}


def indrnn(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    return {"weight_ih": over_root(units), "bias": over_root(units), "weight_hh": Uniform(0, 1)}


def exprnn(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    rows, columns = torch.triu_indices(units, units, offset=1)
    pairs = (rows % 2 == 0) & (columns == rows + 1)
    cayley = Through(lambda angle: 2 * torch.atan(angle), Uniform(-math.pi / 2, 0))
    angles = {"henaff": within(math.pi), "cayley": cayley}[options["init"]]
    return {"weight_ih": Normal(math.sqrt(2 / inputs)), "bias": within(0.01), "skew": Where(pairs, angles)}


def rhn(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    bias = Blocks((over_root(units), Is(options["transform_bias"])))
    layers = [f"layers.{i}" for i in range(options["depth"])]
    weights = {f"{layer}.weight": over_root(units) for layer in layers}
    return {"input.weight": over_root(units), **weights, **{f"{layer}.bias": bias for layer in layers}}


def windowed(option: str | None) -> Table:
    """One linear map of a window of inputs."""

    def starts(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
        return linear("project", inputs * (options[option] if option else 1))

    return starts


def sru(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    return {**linear("weight", inputs, bias=False), "bias": ZERO, **({"v": within(1)} if options["peephole"] else {})}


def memory(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    inner = options["heads"] * math.ceil(units / options["heads"])
    return {**linear("qkv", inputs, bias=False), **linear("out", inner, bias=False)}


def deltanet(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    own = {"log_A": Through(torch.exp, Uniform(1, 16)), "alpha.bias": STEP_SIZES}
    maps = {"alpha.weight": over_root(inputs), "beta.weight": over_root(inputs)}
    return {**memory(inputs, units, options), **maps, **own}


def mlstm(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    forget = Is(torch.linspace(3, 6, options["heads"]))
    gates = {"scalar_gates.weight": over_root(inputs), "scalar_gates.bias": Blocks((Normal(0.1), forget))}
    return {**memory(inputs, units, options), **gates, **linear("output_gate", inputs)}


def lru(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    size = options["state_size"] or units
    ring = Uniform(options["r_min"] ** 2, options["r_max"] ** 2)  # of area: the square of the radius is uniform
    return {
        "nu": Through(_squared_modulus, ring),
        "theta": Through(torch.exp, Uniform(0, options["max_phase"])),
        "gamma": Is(lambda cell: (1 - _squared_modulus(cell["nu"].double())).sqrt().log()),
        "B": Normal(1 / math.sqrt(2 * inputs)),
        "C": Normal(1 / math.sqrt(size)),
        "D": Normal(1 / math.sqrt(inputs)),
    }


def _squared_modulus(nu: Tensor) -> Tensor:
    return torch.exp(-2 * torch.exp(nu))


def rglru(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    slowest = Through(lambda each: torch.sigmoid(each) ** 8, Uniform(0.9, 0.999))
    return {**linear("project", inputs, bias=False), **linear("gates", units), "Lambda": slowest}


def mamba(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    A = torch.arange(1.0, options["state_size"] + 1).log().repeat(units, 1)
    widen = {"widen.weight": over_root(math.ceil(units / 16)), "widen.bias": STEP_SIZES}
    maps = {**linear("project", inputs, bias=False), **linear("select", units, bias=False)}
    return {**maps, **widen, "log_A": Is(A), "D": ONE}


def s4d(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    is_complex = options["kind"] == "complex"
    n = torch.arange(options["state_size"] // (2 if is_complex else 1)).repeat(units, 1)
    lin: Starts = {"log_decay": Is(math.log(0.5)), "frequency": Is(math.pi * n)}
    A = lin if is_complex else {"log_decay": Is((n + 1.0).log())}
    step = {"log_step": Through(torch.exp, log_uniform(1e-3, 1e-1))}
    scale = {"C": Normal(math.sqrt(0.5) if is_complex else 1.0), "D": Normal(1.0)}
    return {**linear("project", inputs, bias=False), **A, **step, **scale}


def tcn(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    starts = linear("skip", inputs) if inputs != units else {}
    for i in range(2 * options["levels"]):
        name, taken = f"convolutions.{i}", options["kernel_size"] * (units if i else inputs)
        starts |= {f"{name}.direction": over_root(taken), f"{name}.bias": over_root(taken)}
        starts[f"{name}.scale"] = Is(lambda cell, name=name: cell[f"{name}.direction"].norm(dim=1))
    return starts


def attention(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    inner = options["heads"] * 2 * math.ceil(units / (2 * options["heads"]))
    return {**linear("qkv", inputs, bias=False), **linear("out", inner, bias=False)}


def transformer(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    maps = attention(units, units, options)
    mlp = {**linear("mlp.0", units), **linear("mlp.2", 4 * units)}
    widen = linear("widen", inputs) if inputs != units else {}
    return {**widen, **norm("attention_norm"), **norm("mlp_norm"), **maps, **mlp}


WITH_RESET = ("input.weight", "input.bias", "gate.weight", "candidate.weight")
CELLS: dict[str, Table] = {
    **dict.fromkeys(("gru", "janet", "slstm", "ugrnn", "vanilla"), gated),
    **dict.fromkeys(("lstm", "cifg", "layernorm_lstm", "peephole_lstm"), lstm),
    **dict.fromkeys(("gru_before", "mgu"), all_over_root(*WITH_RESET)),
    "lem": all_over_root("input.weight", "input.bias", "output.weight", "memory.weight"),
    "scrn": all_over_root("weight_context", "weight_input", "weight_state"),
    **dict.fromkeys(("mingru", "minlstm"), windowed(None)),
    "qrnn": windowed("window"),
    "ngram_mlp": windowed("context"),
    "linear_attention": memory,
    **{each.__name__: each for each in (irnn, indrnn, exprnn, rhn, sru, deltanet, mlstm, lru, rglru, mamba, s4d, tcn)},
    "attention": attention,
    "transformer": transformer,
}


def slstm_published(inputs: int, units: int, options: Mapping[str, Any], layer: int = 0, layers: int = 1) -> Starts:
    power = 0.3 + 1.3 * layer / max(1, layers - 1)
    forget = Is(torch.tensor([5 - 12 * (j / (units - 1)) ** power for j in range(units)]))
    weights = {"weight_ih": Normal(math.sqrt(2 / (5 * inputs))), "weight_hh": ZERO}
    return {**weights, "bias_ih": Blocks((ZERO, forget, ZERO, ZERO)), "bias_hh": ZERO}


def mlstm_published(inputs: int, units: int, options: Mapping[str, Any], layer: int = 0, layers: int = 1) -> Starts:
    maps = {"qkv.weight": Normal(math.sqrt(2 / (5 * inputs))), "out.weight": Normal(2 / layers / math.sqrt(units))}
    return {**mlstm(inputs, units, options), **maps, "scalar_gates.weight": ZERO}


def sru_published(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    """Blocks of W in the order n, f, r and s: the first one's variance is 1/F."""
    plain, half = within(math.sqrt(3 / inputs)), within(math.sqrt(1.5 / inputs))
    gates = [half, half] if options["peephole"] else [plain, plain]
    skip = [within(3 / math.sqrt(inputs))] * (inputs != units)
    weights = {"weight.weight": Blocks((plain, *gates, *skip))}
    return {**sru(inputs, units, options), **weights, **({"v": within(math.sqrt(1.5))} if options["peephole"] else {})}


def rglru_published(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    ring = Through(lambda each: torch.sigmoid(each) ** 2, Uniform(0.9**2, 0.999**2))
    maps = {"project.weight": Normal(1 / math.sqrt(inputs)), "gates.weight": Normal(1 / math.sqrt(units))}
    return {**maps, "gates.bias": ZERO, "Lambda": ring}


def tcn_published(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    return {**tcn(inputs, units, options), **({"skip.weight": Normal(0.01)} if inputs != units else {})}


def deltanet_published(inputs: int, units: int, options: Mapping[str, Any]) -> Starts:
    return {**deltanet(inputs, units, options), "log_A": Through(torch.exp, Uniform(0, 16))}


PUBLISHED: dict[str, Table] = {
    "slstm": slstm_published, "mlstm": mlstm_published, "sru": sru_published, "rglru": rglru_published,
    "tcn": tcn_published, "deltanet": deltanet_published,
}  # fmt: skip
"""How `init=published` starts the cells that start otherwise by default."""
