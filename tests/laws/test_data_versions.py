"""A task's data and scores are those of its version: `copy-v1` is the same task everywhere and for ever.

Whoever changes what a task draws, reads or scores makes it a new version, so that no table puts the old scores beside
new ones; then `python tests/laws/test_data_versions.py` writes the figures of the new version.
"""

import itertools
import json
import math
import tempfile
from pathlib import Path

import pytest
import torch
import yaml
from recordings import free_spoken_digits, parquet, rows, wav
from review_files import write_mr
from tiny import seeded

from bench.api import Task
from bench.config.catalogue import choices
from bench.job.build import build_task

FIGURES = Path(__file__).with_name("data_versions.json")
CONF = Path(__file__).parents[2] / "conf" / "task"
TEXT = "".join(f"{n}: the {'quick lazy sly'.split()[n % 3]} fox saw {n * n} of {n % 7} dogs.\n" for n in range(400))
SERIES = "date,level,flow\n" + "".join(
    f"2020-{n // 28 + 1:02}-{n % 28 + 1:02},{'' if n % 31 == 5 else round(math.sin(n / 5) + n / 50, 6)},{n % 9}\n"
    for n in range(300)
)
TASKS = [
    "copy", "copy_bai delay=4", "copy_s4 test_delay=20", "adding", "selective_copy", "associative_recall", "parity",
    "temporal_order", "dyck", "reber", "reber embedded=true length=20", "hello",
    "charlm source=TEXT", "charlm source=TEXT splits=[0.6,0.2,0.2] length=20",
    "charlm source=SPACED symbols=spaced", "charlm source=TEXT scored=last",
    "wordlm source=TEXT", "sentiment reviews=300", "sentiment reviews=300 tokens=character word_dropout=0.2",
    "sentiment source=MR min_count=2 max_length=4",
    "text_classification questions=300", "speech normalise=none", "speech source=DIGITS mels=12",
    "speech source=TABLES mels=12",
    "speech source=DIGITS features=mfcc deltas=2 normalise=utterance",
    "speech source=DIGITS split=speaker:ann window_ms=20 normalise=none",
    "uea", "uea normalise=series valid_share=0.3", "digits", "digits order=permuted", "digits order=rows",
    "forecast", "forecast source=narma10 period=7", "forecast tau=30 stride=2 horizon=3 difference=true", "narma10",
    "forecast source=SERIES date=date predict=level period=9", "forecast source=SERIES columns=[flow,level] gaps=drop",
    "anomaly", "music", "translation", "strokes",
]  # fmt: skip


def make(line: str, folder: Path) -> Task:
    """The task with these options, of files with the same content each time."""
    name, *changes = line.split()
    spaced = "\n".join(" ".join(line.replace(" ", "_")) for line in TEXT.split("\n"))
    files = {"TEXT": ("text.txt", TEXT), "SPACED": ("text.txt", spaced), "SERIES": ("series.csv", SERIES)}
    options = yaml.safe_load((CONF / f"{name}.yaml").read_text("utf-8"))["task"]
    for key, value in (change.split("=") for change in changes):
        if value in files:
            file, content = files[value]
            (folder / file).write_text(content, "utf-8")
            value = str(folder / file)
        elif value == "MR":
            write_mr(folder)
            value = str(folder)
        elif value == "DIGITS":
            value = free_spoken_digits(folder)
        elif value == "TABLES":
            contents = {f"{n % 3} {n}.wav": wav(n) for n in range(60)}
            parquet(folder / "test.parquet", rows({name: contents[name] for name in list(contents)[:12]}))
            value = parquet(folder / "train.parquet", rows({name: contents[name] for name in list(contents)[12:]}))
        assert key in options, f"{name} has no option {key}"
        options[key] = yaml.safe_load(value)
    return build_task(options)


def figures_of(task: Task) -> dict[str, object]:
    """The task's scores to beat, and for each split the shape, content and scores of its first batches."""
    metric = task.spec.metric
    found: dict[str, object] = {"chance": metric.chance, "solved": metric.solved, **metric.baselines}
    for split in ("train", "valid", "test"):
        batches = list(itertools.islice(task.batches(split, 16, seeded(1)), 3))
        totals: dict[str, float] = {}
        for batch in batches:
            logits = answer(batch.targets.shape[:2], task.spec.outputs)
            tally = task.tally(logits, batch)
            if task.spec.reads == "sequence":
                tally |= task.tally_decoded(batch.targets.roll(1, dims=1) * batch.weight.long(), batch)
            for name, value in tally.items():
                totals[name] = totals.get(name, 0.0) + float(value)
        shapes = [[*batch.inputs.shape, *batch.targets.shape] for batch in batches]
        parts = {name: [getattr(b, name) for b in batches] for name in ("inputs", "targets", "weight", "fresh")}
        contents = {name: sum(content(part) for part in tensors) for name, tensors in parts.items()}
        loss = sum(content(task.loss(answer(b.targets.shape[:2], task.spec.outputs), b) * b.weight) for b in batches)
        found[split] = {"shapes": shapes, **contents, "loss": loss, **(task.scores(totals) if totals else {})}
    return found


def answer(shape: torch.Size, outputs: int) -> torch.Tensor:
    """Logits `[T, B, C]` that are all different, and the same each time."""
    logits_TBC = torch.arange(math.prod(shape) * outputs, dtype=torch.float64).reshape(*shape, outputs)
    return (logits_TBC * 0.7391).sin().float()


def content(tensor: torch.Tensor) -> float:
    """A number that changes with any entry, and with two that trade places."""
    flat = tensor.double().nan_to_num(7.0).flatten()
    return float(flat @ (torch.arange(len(flat), dtype=torch.float64) * 0.618 + 1).cos())


def near(found: object, wanted: object) -> bool:
    """Equal but for rounding, which differs between processors."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return found.keys() == wanted.keys() and all(near(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, float) and isinstance(found, float):
        return found == pytest.approx(wanted, rel=1e-4, abs=1e-3, nan_ok=True)
    return found == wanted


@pytest.mark.parametrize("line", TASKS)
def test_the_data_and_scores_of_a_version_never_change(line: str, tmp_path: Path) -> None:
    task = make(line, tmp_path)
    wanted = json.loads(FIGURES.read_text("utf-8"))[line]
    assert task.spec.id == wanted["id"]
    found = json.loads(json.dumps(figures_of(task)))
    differing = [name for name in wanted["figures"] if not near(found.get(name), wanted["figures"][name])]
    assert not differing and found.keys() == wanted["figures"].keys(), (
        f"{task.spec.id} is no longer what it was in {', '.join(differing)}: make it a new version, or undo the change"
    )


def test_every_task_is_held_to_its_version() -> None:
    assert {line.split()[0] for line in TASKS} == set(choices("task")) - {"custom"}
    assert json.loads(FIGURES.read_text("utf-8")).keys() == set(TASKS)


def test_two_entries_that_trade_places_are_noticed() -> None:
    assert content(torch.tensor([1, 2, 3])) != content(torch.tensor([2, 1, 3]))


if __name__ == "__main__":
    figures = {}
    for each in TASKS:
        with tempfile.TemporaryDirectory() as place:
            made = make(each, Path(place))
            figures[each] = {"id": made.spec.id, "figures": figures_of(made)}
    lines = (f"{json.dumps(line)}: {json.dumps(told)}" for line, told in figures.items())  # a line a task, for diffs
    FIGURES.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
