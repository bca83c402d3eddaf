"""Decoding: beams find what is most likely, ended outputs stay as they are, and lanes know nothing of each other."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.api import END
from bench.model.decode import beam_search

SYMBOLS, LIMIT = 3, 4


def a_step(seed, sharpness=3.0):
    """A model of outputs whose state is all that was written, as one number; its logits are drawn anew for each."""
    table = torch.randn(4**LIMIT, SYMBOLS, generator=torch.Generator().manual_seed(seed)) * sharpness

    def step(symbol_B, state):
        (past_B,) = state
        return table[past_B], ((past_B * 4 + symbol_B + 1) % len(table),)

    return step


def beginning(lanes):
    """Lanes that differ in their state."""
    return (torch.arange(lanes) + 1,)


def decode(step, width, lanes=3, limit=LIMIT):
    return beam_search(step, beginning(lanes), torch.full((lanes,), END), width, limit)


def log_p(step, lane, output):
    """Of an output that ends with END, or at the limit."""
    total, symbol, state = 0.0, torch.tensor([END]), (torch.tensor([lane + 1]),)
    for written in output:
        logits, state = step(symbol, state)
        total += logits.log_softmax(-1)[0, written].item()
        symbol = torch.tensor([written])
    return total


def all_outputs():
    for length in range(1, LIMIT + 1):
        for body in product(range(1, SYMBOLS), repeat=length - 1):
            yield (*body, END)
    yield from product(range(1, SYMBOLS), repeat=LIMIT)


def real(written_U):
    """An output up to its END."""
    symbols = written_U.tolist()
    return tuple(symbols[: symbols.index(END) + 1] if END in symbols else symbols)


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_a_beam_as_wide_as_there_are_outputs_finds_the_best_of_all(seed):
    step = a_step(seed)
    found = decode(step, width=2**LIMIT)
    for lane in range(3):
        best = max(all_outputs(), key=lambda output: log_p(step, lane, output))
        assert log_p(step, lane, real(found[:, lane])) == pytest.approx(log_p(step, lane, best), abs=1e-4)


def test_decoding_ends_when_the_best_output_of_every_lane_has():
    seen = []

    def step(symbol_B, state):
        seen.append(symbol_B)
        logits_BC = torch.zeros(len(symbol_B), SYMBOLS)
        logits_BC[:, END] = 5.0 if len(seen) == 2 else -5.0
        return logits_BC, state

    assert len(decode(step, width=2, limit=9)) == len(seen) == 2


def textbook(step, lane, width):
    """Beam search as textbooks have it, for one lane: of all continuations of `width` hypotheses, `width` are kept; an
    ended hypothesis continues as itself."""
    beam = [(0.0, (), torch.tensor([END]), (torch.tensor([lane + 1]),))]
    for _ in range(LIMIT):
        continued = []
        for score, output, symbol, state in beam:
            if END in output:
                continued.append((score, output, symbol, state))
                continue
            logits, following = step(symbol, state)
            for written, log_p in enumerate(logits.log_softmax(-1)[0].tolist()):
                continued.append((score + log_p, (*output, written), torch.tensor([written]), following))
        beam = sorted(continued, key=lambda hypothesis: -hypothesis[0])[:width]
    return beam[0][1]


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(2, 4))
def test_a_beam_is_the_textbooks(seed, width):
    step = a_step(seed, sharpness=1.0)  # so that ended outputs and others stay close together
    found = decode(step, width)
    for lane in range(3):
        assert real(found[:, lane]) == textbook(step, lane, width)


def test_a_beam_finds_what_greedy_decoding_misses():
    seeds = [a_step(seed) for seed in range(50)]
    greedy, wide = (
        sum(log_p(step, lane, real(decode(step, width)[:, lane])) for step in seeds for lane in range(3))
        for width in (1, 4)
    )
    assert wide > greedy + 1


@given(st.integers(0, 10**6))
def test_a_beam_of_one_is_greedy(seed):
    step = a_step(seed)
    found = decode(step, width=1)
    for lane in range(3):
        symbol, state, output = torch.tensor([END]), (torch.tensor([lane + 1]),), []
        while len(output) < LIMIT and END not in output:
            logits, state = step(symbol, state)
            symbol = logits.argmax(-1)
            output.append(int(symbol))
        assert real(found[:, lane]) == tuple(output)


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(0, LIMIT))
def test_nothing_follows_an_end_and_no_output_passes_the_limit(seed, width, limit):
    found = decode(a_step(seed), width, limit=limit)
    assert len(found) <= limit
    ended = (found == END).cumsum(0) > 0
    assert (found[ended] == END).all()


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_lanes_decode_as_they_do_alone(seed, width):
    step = a_step(seed)
    together = decode(step, width)
    for lane in range(3):
        (past,) = beginning(3)
        alone = beam_search(step, (past[lane : lane + 1],), torch.tensor([END]), width, LIMIT)
        assert real(alone[:, 0]) == real(together[:, lane])
