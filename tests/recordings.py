"""Folders and tables of made-up recordings, in the layouts that speech data comes in."""

import io

import pyarrow
import pyarrow.parquet
import soundfile
import torch
from tiny import seeded

SPEAKERS = ("ann", "bob")


def wav(seed, rate=8000, samples=900):
    """The bytes of a WAV file of noise."""
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.1 * torch.randn(samples + seed % 100, generator=seeded(seed)).numpy(), rate, format="WAV")
    return buffer.getvalue()


def named(digits=range(3), speakers=SPEAKERS, numbers=range(12)):
    """Names of Free Spoken Digits' files, and bytes for each, all different."""
    names = [f"{digit}_{speaker}_{number}.wav" for digit in digits for speaker in speakers for number in numbers]
    return {name: wav(seed) for seed, name in enumerate(names)}


def free_spoken_digits(folder, **options):
    (folder / "recordings").mkdir()
    for name, content in named(**options).items():
        (folder / "recordings" / name).write_bytes(content)
    return str(folder)


def speech_commands(folder, words=("yes", "no"), count=8, rate=16_000):
    """Of each word recording 0 is for validation, 1 for testing."""
    for place, word in enumerate(words):
        (folder / word).mkdir()
        for number in range(count):
            (folder / word / f"{number:08x}_nohash_0.wav").write_bytes(wav(place * count + number, rate, 1600))
    (folder / "_background_noise_").mkdir()
    (folder / "_background_noise_" / "hum.wav").write_bytes(wav(999))
    for number, name in enumerate(("validation_list.txt", "testing_list.txt")):
        (folder / name).write_text("".join(f"{word}/{number:08x}_nohash_0.wav\n" for word in words))
    return str(folder)


def rows(contents, label=lambda name: int(name[0])):
    """Table rows as the hub stores sound."""
    return [{"audio": {"bytes": data, "path": name}, "label": label(name)} for name, data in contents.items()]


def parquet(path, table):
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(table), path)
    return str(path.parent)
