"""The form of gradient clipping that a run's options select: setting one form unsets the default of another."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.config.defaults import NotPlainError, Read, chosen, file_of
from bench.config.explain import choices_in, default_choices

FORMS = ("norm", "value", "adaptive")
Clip = dict[str, float | None]


def settle(*layers: Mapping[str, Any]) -> Clip:
    """The size of each form, or None: a layer that sets a form unsets the forms of earlier layers.

    So `value=0.5` over `norm=1.0` is clipping by value. Two forms remain only where one layer sets both.
    """
    settled: Clip = dict.fromkeys(FORMS)
    for layer in layers:
        if any(layer.get(form) is not None for form in FORMS):
            settled = dict.fromkeys(FORMS)
        settled |= {form: layer[form] for form in FORMS if form in layer}
    return {form: float(size) if isinstance(size, int) else size for form, size in settled.items()}


def settled_clip(
    composed: Mapping[str, Any], choices: Mapping[str, str], named: Collection[str], folders: Sequence[Path], read: Read
) -> tuple[Clip, Clip]:
    """The default clipping of all runs, and the clipping of this run.

    The layers are the default choice, the experiment's options and the command's. `composed` has the forms as Hydra
    composed them, `named` the options that the command names. The files of choices are in `folders`; `read` reads them.
    """

    def of_choice(name: str) -> dict[str, Any]:
        return chosen("clip", name, folders, read)["clip"]

    experiment = choices.get("experiment")
    options: dict[str, Any] = {}
    name = choices["clip"]
    if experiment is not None:
        try:
            options = chosen("experiment", experiment, folders, read).get("clip", {})
        except NotPlainError:  # an included file may set a form, too
            options = {form: composed[form] for form in FORMS if f"clip.{form}" not in named}
    command = {form: composed[form] for form in FORMS if f"clip.{form}" in named}
    if "clip" in named:
        command = of_choice(name) | command
        path = file_of("experiment", experiment, folders) if experiment is not None else None
        through = choices_in(path) if path is not None else {}
        name = through.get("clip", default_choices()["clip"])
    return settle(of_choice(default_choices()["clip"])), settle(of_choice(name), options, command)
