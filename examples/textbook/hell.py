"""A network of three units reads `hell`, number by number, then learns it: python examples/textbook/hell.py"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LETTERS, WORD = "helo", "hell"
READ, WANTED = [[LETTERS.index(letter) for letter in part] for part in (WORD[:-1], WORD[1:])]
RATE = 0.1
WEIGHTS = {
    "W_x": [[0.29, 0.85, 0.57, 0.49], [0.90, 0.87, 0.69, 0.19], [0.54, 0.09, 0.56, 0.49]],
    "W_h": 0.43,
    "b": 0.57,
    "W_y": [[0.37, 0.97, 0.83], [0.39, 0.28, 0.66], [0.65, 0.10, 0.33], [0.91, 0.33, 0.14]],
}


def start() -> dict[str, Tensor]:
    """The untrained weights."""
    return {name: torch.tensor(w, dtype=torch.float64, requires_grad=True) for name, w in WEIGHTS.items()}


def one_hot(letter: int) -> Tensor:
    """A letter as a vector, 1 at its own place and 0 elsewhere."""
    return F.one_hot(torch.tensor(letter), len(LETTERS)).double()


def step(w: dict[str, Tensor], x: Tensor, h: Tensor) -> Tensor:
    """The next state, of three numbers."""
    return torch.tanh(w["W_x"] @ x + w["W_h"] * h + w["b"])


def scores(w: dict[str, Tensor]) -> Tensor:
    """The scores of the four letters after each letter that is read, `[T, V]`."""
    h, found = torch.zeros(3, dtype=torch.float64), []
    for letter in READ:
        h = step(w, one_hot(letter), h)
        found.append(w["W_y"] @ h)
    return torch.stack(found)


def update(w: dict[str, Tensor]) -> None:
    """One step of gradient descent on the loss, the sum of -log(confidence of the right letter) over the word."""
    loss = F.cross_entropy(scores(w), torch.tensor(WANTED), reduction="sum")
    gradients = torch.autograd.grad(loss, [*w.values()])
    with torch.no_grad():
        for weight, gradient in zip(w.values(), gradients, strict=True):
            weight -= RATE * gradient


def all_right(w: dict[str, Tensor]) -> bool:
    """Whether the highest score is the right letter's at every step."""
    return scores(w).argmax(1).tolist() == WANTED


def row(name: str, numbers: Tensor, digits: int = 2) -> None:
    """A line of numbers."""
    print(f"  {name:22}" + "".join(f"{number:9.{digits}f}" for number in numbers.tolist()))


def by_hand(w: dict[str, Tensor]) -> None:
    """Print what is computed while `he` is read."""
    h = torch.zeros(3, dtype=torch.float64)
    for t, letter in enumerate(READ[:2], 1):
        x = one_hot(letter)
        print(f"{LETTERS[letter]} is read")
        row(f"x_{t}", x, 0)
        row(f"W_x x_{t}", w["W_x"] @ x)
        row(f"W_h h_{t - 1} + b", w["W_h"] * h + w["b"])
        h = step(w, x, h)
        row(f"h_{t} = tanh(sum)", h, 4)


def after_he(w: dict[str, Tensor], when: str) -> None:
    """Print the scores and confidences of the letter after `he`."""
    print(f"{when:24}" + "".join(f"{letter:>9}" for letter in LETTERS))
    row("scores W_y h_2", scores(w)[1], 4)
    row("softmax", scores(w)[1].softmax(0), 4)


if __name__ == "__main__":
    w = start()
    by_hand(w)
    after_he(w, "after he, untrained")
    update(w)
    after_he(w, "after one update")
    updates = 1
    while not all_right(w):
        update(w)
        updates += 1
    after_he(w, f"after {updates} updates")
    print("predicted after h, he, hel:  " + " ".join(LETTERS[i] for i in scores(w).argmax(1)))
