"""Forgeries of a results folder with two runs: each changes one thing that somebody might change."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from bench.results.hashes import digest
from bench.results.record import Record

Forge = Callable[[Path], None]
"""Changes the results folder at a path."""


def first(results: Path) -> Path:
    """The folder of seed 0."""
    return sorted((results / "runs").glob("[!.]*"))[0]


def second(results: Path) -> Path:
    return sorted((results / "runs").glob("[!.]*"))[1]


def edited(change: Callable[[dict[str, Any]], object]) -> Forge:
    """The record of seed 0 after `change`, with the file's old time, so that the index still takes it for the same."""

    def forge(results: Path) -> None:
        path = first(results) / "record.json"
        times = path.stat()
        record = json.loads(path.read_text())
        change(record)
        path.write_text(json.dumps(record))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    return forge


def put(value: Any, *keys: str) -> Forge:
    """The record of seed 0 with another value at a place."""

    def change(record: dict[str, Any]) -> None:
        for key in keys[:-1]:
            record = record[key]
        record[keys[-1]] = value

    return edited(change)


def rewritten(name: str, old: str, new: str) -> Forge:
    """A file of seed 0 with a text replaced; a name that begins with / is of the results folder."""

    def forge(results: Path) -> None:
        path = results / name[1:] if name.startswith("/") else first(results) / name
        text = path.read_text()
        assert old in text, text
        path.write_text(text.replace(old, new, 1))

    return forge


def removed(name: str) -> Forge:
    return lambda results: (first(results) / name).unlink()


def better(record: dict[str, Any]) -> None:
    """A better score in all of its places."""
    record["metric"]["test"] = record["scores"]["test"]["recall_accuracy"] = 0.99


def nudged(results: Path) -> None:
    """One weight changed a little."""
    path = first(results) / "model.safetensors"
    weights = load_file(path)
    weights[min(weights)].view(-1)[0] += 1e-6
    save_file(weights, path)


def nudged_with_its_hash(results: Path) -> None:
    """Weights changed so that they score otherwise, and the record states the hash of the changed file, and its own."""
    path = first(results) / "model.safetensors"
    weights = load_file(path)
    for weight in weights.values():
        weight.mul_(-3)
    save_file(weights, path)
    sealed(put(hashlib.sha256(path.read_bytes()).hexdigest(), "files", path.name))(results)


def swapped(results: Path) -> None:
    """Seed 0 with the weights of seed 1."""
    shutil.copy(second(results) / "model.safetensors", first(results))


def repeated(results: Path) -> None:
    """Seed 0 once more, as seed 7."""
    copy = results / "runs" / first(results).name.replace("_s0_", "_s7_")
    shutil.copytree(first(results), copy)
    record = json.loads((copy / "record.json").read_text())
    record["seed"] = record["config"]["seed"] = 7
    (copy / "record.json").write_text(json.dumps(record))


def renamed(results: Path) -> None:
    first(results).rename(results / "runs" / first(results).name.replace("gru", "lstm"))


def gone(results: Path) -> None:
    shutil.rmtree(first(results))


def weights_lost(results: Path) -> None:
    """No weights, and no word of them."""
    removed("model.safetensors")(results)
    edited(lambda record: record["files"].pop("model.safetensors"))(results)


def speed_lost(record: dict[str, Any]) -> None:
    record["speed"]["infer_tokens_per_s"]["samples"].pop()


def sealed(forge: Forge) -> Forge:
    """`forge`, and the digest of the record worked out anew."""

    def again(results: Path) -> None:
        forge(results)
        put(digest(Record.read(first(results))), "digest")(results)

    return again


def made_up(record: dict[str, Any]) -> None:
    """A target that was reached at once."""
    record["to_target"] = {"reached": True, "steps": 1, "tokens": 640, "seconds": 0.01, "flops": 1e6}


def at_its_peak(record: dict[str, Any]) -> None:
    """A model that computes as fast as the machine can; the sweep's runs are too short to know its peak."""
    record["work"] |= {"train_peak_share": 1.0, "peak_flop_per_s": 1e12}


FORGERIES: dict[str, tuple[Forge, str]] = {
    "a score": (put(0.99, "metric", "test"), "metric.test is 0.99, and scores.test has"),
    "a score in all of its places": (edited(better), "run.log does not say what its record does"),
    "the score on valid": (put(0.99, "metric", "valid"), "metric.valid is 0.99"),
    "another score": (put(0.0001, "scores", "test", "nll"), "run.log does not say"),
    "the curve": (rewritten("curve.csv", "\n", ",\n"), "curve.csv is not as the run left it"),
    "the log": (rewritten("run.log", "done", "Done"), "run.log is not as the run left it"),
    "the configuration": (
        rewritten("config.yaml", "batch_size: 32", "batch_size: 64"),
        "batch_size is 32 in the record",
    ),
    "an option in the record": (
        put(64, "config", "batch_size"),
        "batch_size is 64 in the record, and 32 in config.yaml",
    ),
    "an option that is said to be changed": (
        put(9, "changed", "model.hidden"),
        "its options make it gru(model.hidden=9)",
    ),
    "the seed": (put(5, "seed"), "seed is 5, and that of its options 0"),
    "a weight": (nudged, "model.safetensors is not as the run left it"),
    "another run's weights": (swapped, "model.safetensors is not as the run left it"),
    "no weights": (removed("model.safetensors"), "model.safetensors is missing"),
    "no weights and no word of them": (weights_lost, "it is done and has no model.safetensors"),
    "no speed": (put(None, "speed"), "it is done and has no speed"),
    "an option less": (rewritten("config.yaml", "batch_size: 32\n", ""), "and None in config.yaml"),
    "an option less in the record": (
        edited(lambda record: record["config"].pop("batch_size")),
        "batch_size is None in",
    ),
    "no curve": (removed("curve.csv"), "curve.csv is missing"),
    "no record": (removed("record.json"), "cannot read"),
    "no hashes": (put(None, "files"), "the record states no hashes of its files"),
    "a digit of the table": (rewritten("/leaderboard.csv", ",0.125,", ",0.126,"), "chance is 0.126 and not 0.125"),
    "the table's number of seeds": (rewritten("/leaderboard.csv", ",2,0,0,0", ",3,0,0,0"), "done is 3 and not 2"),
    "the table of the task": (rewritten("/copy-v1(held_out=20).csv", "gru", "lstm"), "and the records make 1"),
    "a repeated seed": (repeated, "seeds 0, 7 have the same weights: one run was copied"),
    "samples of a speed": (edited(speed_lost), "speed.infer_tokens_per_s."),
    "a speed": (put(1e9, "speed", "train_tokens_per_s", "median"), "train_tokens_per_s.median is 1000000000.0"),
    "a label": (put("lstm", "labels", "cell"), "the label cell is lstm, and its options make it gru"),
    "the identity": (put("f" * 64, "identity"), "identity is not that of its options"),
    "the status": (put("failed", "status"), "it is failed and gives no reason"),
    "a status with a reason": (
        edited(lambda record: record.update(status="diverged", reason="NaN")),
        "run.log does not say what its record does",
    ),
    "the data": (put("d" * 64, "fingerprint"), "identity is not that of its options, code, data"),
    "the code": (put("c" * 16, "code", "cell"), "code is not that of its sources"),
    "the time": (put(0.01, "seconds"), "seconds is 0.01, and its parts add up to"),
    "a folder's name": (renamed, "the folder's name is not that of its record"),
    "a run that is gone": (gone, "seeds is 2 and not 1"),
    "no digest": (edited(lambda record: record.pop("digest")), "the record states no digest of itself"),
    "the direction": (sealed(put("min", "metric", "direction")), "metric.direction is m"),
    "the target": (sealed(put(0.1, "metric", "target")), "metric.target is "),
    "the range": (sealed(put(-1.0, "metric", "lowest")), "metric.lowest is "),
    "the operations": (sealed(put(1, "flops", "forward", "products")), "and operations, speed and peak give"),
    "the operations a second": (
        sealed(put(1e12, "work", "infer_flop_per_s")),
        "work.infer_flop_per_s is 1000000000000.0",
    ),
    "the share of the peak": (sealed(edited(at_its_peak)), "work.train_peak_share is 1.0"),
    "the time to the target": (sealed(edited(made_up)), "to_target.reached is True, and its curve makes it False"),
    **{
        f"{'.'.join(place)}": (put(value, *place), "record.json is not as the run left it")
        for value, *place in (
            (1.0, "speed", "step_us", "p99"),
            (1, "speed", "step_us", "steps"),
            ({}, "speed", "step_us", "load"),
            (1.0, "memory", "evaluation_mib"),
            (1.0, "memory", "weights_mib"),
            (1, "flops", "forward", "products"),
            (1e12, "work", "infer_flop_per_s"),
            (0.9, "work", "peak_flop_per_s"),
            (0.5, "clipped"),
            ("f" * 40, "git", "commit"),
            ("no", "git", "dirty"),
            ("1.0", "versions", "torch"),
            ("2020-01-01T00:00:00+00:00", "finished"),
            ("another", "machine", "name"),
            (0.2, "metric", "chance"),
            (1, "to_target", "steps"),
        )
    },
}
"""What was changed, and a part of the line that says so."""
