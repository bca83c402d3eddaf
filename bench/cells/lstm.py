"""Long short-term memory with a forget gate; options for peepholes, coupled gates and layer normalisation.

Hochreiter & Schmidhuber, "Long short-term memory", Neural Computation 9 (1997). The forget gate is from Gers,
Schmidhuber & Cummins, "Learning to forget", Neural Computation 12 (2000).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.api import GatedCell

_INPUT, _FORGET, _OUTPUT = -3, -2, -1  # rows of `peephole`, counted from the end: coupled gates have no input row


class LSTM(GatedCell):
    """Gate blocks in the order i, f, g, o, of the sum a = W_ih x + b_ih + W_hh h + b_hh:

        c' = sigmoid(a_f) * c + sigmoid(a_i) * tanh(a_g)
        h' = sigmoid(a_o) * tanh(c')                                parameters: 4 H (F + H + 2)

    `peepholes` adds the cell state to the gates' sums: p_i * c to a_i, p_f * c to a_f and p_o * c' to a_o (Gers &
    Schmidhuber, "Recurrent nets that time and count", IJCNN 2000). Parameters: H more for each gate.

    `coupled` makes the input gate 1 - f (CIFG). It then has no block of its own, and the order is f, g, o (Greff et
    al., "LSTM: a search space odyssey", IEEE TNNLS 28, 2017, who write f = 1 - i). Parameters: 3 H (F + H + 2).

    `layer_norm` is the form of Ba, Kiros & Hinton, "Layer normalization", arXiv:1607.06450 (2016). The input's and the
    state's sums are normalised separately, each over all blocks, and so is the new cell state before the output:

        a = LN(W_ih x) + LN(W_hh h)        h' = sigmoid(a_o) * tanh(LN(c'))

    Each LN has a gain and a shift. The shifts of the first two replace the biases, and start as these do. With shifts
    of 0, zero inputs would leave the state at 0, where the slope of a layer norm is 1/sqrt(epsilon), some 300: within
    three steps such slopes multiply to gradients of 1e12. Parameters: 2 H (blocks + 1) more.

    The forget gate's bias starts at 1, as Jozefowicz, Zaremba & Sutskever recommend ("An empirical exploration of
    recurrent network architectures", ICML 2015) and most libraries do: the gate starts open. All else starts as in
    torch.nn, which draws this bias around 0, like the others (`init=torch`).
    """

    blocks = 4
    states = ("h", "c")
    undecayed = ("peephole",)

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        peepholes: bool = False,
        coupled: bool = False,
        layer_norm: bool = False,
    ) -> None:
        self.peepholes = peepholes
        self.coupled = coupled
        self.layer_norm = layer_norm
        self.blocks = 3 if coupled else 4
        self.keeps, self.writes = self.blocks - 3, None if coupled else 0
        super().__init__(input_size, hidden_size)

    def add_parameters(self) -> None:
        rows = self.blocks - 1  # one for each gate, in the order of the blocks
        self.peephole = nn.Parameter(torch.empty(rows, self.hidden_size)) if self.peepholes else None
        if self.layer_norm:
            self.bias_ih = self.bias_hh = None  # type: ignore[assignment]
            self.norm_ih = nn.LayerNorm(self.blocks * self.hidden_size)
            self.norm_hh = nn.LayerNorm(self.blocks * self.hidden_size)
            self.norm_c = nn.LayerNorm(self.hidden_size)

    def reset_parameters(self) -> None:
        super().reset_parameters()
        self.set_forget_bias(1.0)

    def start_as_torch(self) -> None:
        super().start_as_torch()
        if self.layer_norm:
            for norm in (self.norm_ih, self.norm_hh, self.norm_c):
                nn.init.ones_(norm.weight)
            nn.init.zeros_(self.norm_c.bias)

    def set_forget_bias(self, value: float) -> None:
        """The two biases of the forget gate, with `layer_norm` its two shifts, become `value` and 0."""
        if self.layer_norm:
            nn.init.constant_(self.norm_ih.bias.view(self.blocks, -1)[self.keeps], value)
            nn.init.zeros_(self.norm_hh.bias.view(self.blocks, -1)[self.keeps])
        else:
            super().set_forget_bias(value)

    def gates(self, x_proj: Tensor, h_proj: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        if self.layer_norm:
            x_proj, h_proj = self.norm_ih(x_proj), self.norm_hh(h_proj)
        *i, f, g, o = (x_proj + h_proj).chunk(self.blocks, dim=-1)
        f = torch.sigmoid(self._peep(f, _FORGET, c))
        write = 1 - f if self.coupled else torch.sigmoid(self._peep(i[0], _INPUT, c))
        c = f * c + write * torch.tanh(g)
        o = torch.sigmoid(self._peep(o, _OUTPUT, c))
        return o * torch.tanh(self.norm_c(c) if self.layer_norm else c), c

    def _peep(self, a: Tensor, gate: int, c: Tensor) -> Tensor:
        """The gate's sum `a`, plus its peephole term if the cell has peepholes."""
        return a if self.peephole is None else a + self.peephole[gate] * c

    def vendor(self) -> nn.RNNBase | None:
        if self.peepholes or self.coupled or self.layer_norm:
            return None
        return nn.LSTM(self.input_size, self.hidden_size, device="meta")
