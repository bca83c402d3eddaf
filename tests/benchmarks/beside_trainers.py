"""Times the harness, PyTorch Lightning's Trainer and Hugging Face's beside a loop written by hand, and prints a table.

python -m venv trainers && trainers/bin/pip install -c constraints.txt -e '.[test]' lightning transformers accelerate
trainers/bin/python tests/benchmarks/beside_trainers.py

All train the same LSTM on the same batches with the same clipping and Adam, on one thread, and keep neither logs nor
checkpoints. Each trainer's steps take turns with the hand-written ones, in one process, so that both meet the same
machine; a figure is the ratio of the medians.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import lightning  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
import transformers  # noqa: E402
from performance import table  # noqa: E402
from test_overhead import WARM_UP, Turns, a_setup, by_hand, predrawn  # noqa: E402
from tiny import fitted  # noqa: E402

from bench.hardware.processors import cpu_name  # noqa: E402

CLIP = 1.0
SHAPES = {(16, 16, 32): 1000, (128, 32, 128): 60}
"""How many steps are timed of a model of T time steps, B lanes and H units."""


def loss_of(model: torch.nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    logits, _ = model(inputs, model.initial_state(inputs.shape[1]))
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


class Pairs(torch.utils.data.Dataset):
    """So many (inputs, targets): the batches, over and over."""

    def __init__(self, batches: list[Any], count: int) -> None:
        self._pairs = list(islice(cycle([(batch.inputs, batch.targets) for batch in batches]), count))

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self._pairs[index]


def by_harness(setup: Any, batches: list[Any], steps: int, turns: Callable[..., None]) -> None:
    fitted(setup, on_step=turns)


def by_lightning(setup: Any, batches: list[Any], steps: int, turns: Callable[..., None]) -> None:
    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model = setup.model

        def training_step(self, pair: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
            return loss_of(self.model, *pair)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            optimizer: torch.optim.Optimizer = setup.optimizer
            return optimizer

    class Turn(lightning.Callback):
        def on_train_batch_end(self, *_: Any) -> None:
            turns()

    quiet = dict.fromkeys(["logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"], False)
    trainer = lightning.Trainer(
        accelerator="cpu", max_steps=steps, gradient_clip_val=CLIP, callbacks=[Turn()], barebones=False, **quiet
    )
    trainer.fit(Module(), torch.utils.data.DataLoader(Pairs(batches, steps), batch_size=None))


def by_hugging_face(setup: Any, batches: list[Any], steps: int, turns: Callable[..., None]) -> None:
    class Module(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = setup.model

        def forward(self, inputs: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"loss": loss_of(self.model, inputs, labels)}

    class Turn(transformers.TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            turns()

    def as_named(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> dict[str, torch.Tensor]:
        return dict(zip(("inputs", "labels"), pairs[0], strict=True))

    constant = torch.optim.lr_scheduler.LambdaLR(setup.optimizer, lambda step: 1.0)
    with TemporaryDirectory() as folder:
        arguments = transformers.TrainingArguments(
            folder, max_steps=steps, per_device_train_batch_size=1, max_grad_norm=CLIP, use_cpu=True, report_to=[],
            logging_strategy="no", save_strategy="no", disable_tqdm=True, dataloader_pin_memory=False,
        )  # fmt: skip
        transformers.Trainer(
            Module(), arguments, as_named, Pairs(batches, steps), callbacks=[Turn()],
            optimizers=(setup.optimizer, constant),
        ).train()  # fmt: skip


TRAINERS = {"this harness": by_harness, "Lightning": by_lightning, "Hugging Face": by_hugging_face}


def beside_by_hand(trainer: Callable[..., None], shape: tuple[int, int, int], pairs: int) -> tuple[float, float]:
    """Median seconds of the trainer's steps and of the hand-written ones between them, of one model and optimiser."""
    T, B, H = shape
    batches = predrawn(steps=T, lanes=B)
    setup = a_setup(batches, CLIP, H, pairs)
    turns = Turns(by_hand(setup.model, setup.optimizer, batches, CLIP))
    trainer(setup, batches, WARM_UP + pairs, turns)
    assert len(turns.ours) == WARM_UP + pairs
    return median(turns.ours[WARM_UP:]), median(turns.theirs[WARM_UP:])


def main() -> None:
    torch.set_num_threads(1)
    rows = [["T, B, H", "by hand", *(f"{name} / by hand" for name in TRAINERS)]]
    for shape, pairs in SHAPES.items():
        figures = [beside_by_hand(trainer, shape, pairs) for trainer in TRAINERS.values()]
        hand = median(theirs for _, theirs in figures)
        ratios = [f"{ours / theirs:.2f}" for ours, theirs in figures]
        rows.append([", ".join(map(str, shape)), f"{1e3 * hand:.3g} ms", *ratios])
        print(*rows[-1], sep="   ", file=sys.stderr, flush=True)
    print(f"{cpu_name()}, torch {torch.__version__}, lightning {lightning.__version__}, ", end="")
    print(f"transformers {transformers.__version__}")
    print(table(rows))


if __name__ == "__main__":
    main()
