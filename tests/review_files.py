"""Small made-up reviews in the layouts of the public data sets."""

from __future__ import annotations

PHRASES = [f"film number {i}" for i in range(60)]


def write_mr(folder):
    for ending, kind in (("pos", "fine"), ("neg", "poor")):
        lines = "".join(f"{phrase} is {kind} \x85 caf\xe9 \n" for phrase in PHRASES)
        (folder / f"rt-polarity.{ending}").write_bytes(lines.encode("latin-1"))


def write_sst2(folder):
    for number, name in enumerate(("train", "dev", "test")):
        (folder / f"stsa.binary.{name}").write_text(f"1 a fine {name} crème .\n0 a poor one {number}\n\n")


def write_imdb(folder):
    for split in ("train", "test"):
        for kind in ("pos", "neg"):
            (folder / split / kind).mkdir(parents=True)
            for i, phrase in enumerate(PHRASES):
                (folder / split / kind / f"{i}_7.txt").write_text(f"{phrase} is<br /><br />{kind} in {split}")
