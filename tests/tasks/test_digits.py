"""Digits as sequences: orders of the same pixels, fixed splits, and MNIST's files read or refused."""

import gzip
import io
import struct

import pytest
import torch
from tiny import seeded

from bench.api import DataError
from bench.checks import TASK_LAWS, assert_task
from bench.tasks import digits
from bench.tasks.common import images
from bench.tasks.common.images import sklearn_images
from bench.tasks.common.sequences.least_squares import linear_accuracy
from bench.tasks.digits import Digits

HERE = [law for law in TASK_LAWS if law not in ("same seed same batches", "memory is flat")]  # which take seconds
STEMS = ("train", "t10k")


def idx(values):
    """An IDX file's bytes."""
    shape = values.shape
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape) + values.to(torch.uint8).numpy().tobytes()


def mnist(folder, train=60, test=20, zipped=False):
    """MNIST's four files, with random images of 5 x 4 pixels."""
    for stem, count in zip(STEMS, (train, test), strict=True):
        pixels = torch.randint(256, (count, 5, 4), generator=seeded(count))
        for name, values in (("images-idx3", pixels), ("labels-idx1", torch.arange(count) % 10)):
            path = folder / f"{stem}-{name}-ubyte{'.gz' * zipped}"
            path.write_bytes(gzip.compress(idx(values)) if zipped else idx(values))
    return str(folder)


def all_pixels(task, split="test"):
    return torch.cat([batch.inputs.transpose(0, 1).flatten(1) for batch in task.batches(split, 50, seeded())])


@pytest.mark.parametrize(("order", "shape"), [("pixels", (64, 1)), ("permuted", (64, 1)), ("rows", (8, 8))])
def test_an_image_is_so_many_steps_of_so_many_features(order, shape):
    task = Digits(order=order)
    batch = next(task.batches("train", 3, seeded()))
    assert batch.inputs.shape == (shape[0], 3, shape[1])
    assert task.spec.inputs.size == shape[1]
    assert 0 == batch.inputs.min() < batch.inputs.max() == 1


def test_orders_show_the_same_pixels_at_other_times():
    pixels, rows, permuted = (all_pixels(Digits(order=order)) for order in ("pixels", "rows", "permuted"))
    assert torch.equal(pixels, rows)
    assert not torch.equal(pixels, permuted)
    assert torch.equal(pixels.sort(dim=1).values, permuted.sort(dim=1).values)
    assert torch.equal(permuted, all_pixels(Digits(order="permuted")))


def test_splits_are_those_of_the_card():
    splits = Digits()._splits
    shares = {split: len(data) / 1797 for split, data in splits.items()}
    assert shares == pytest.approx({"train": 0.7, "valid": 0.1, "test": 0.2}, abs=0.003)
    for data in splits.values():
        counts = data.labels.bincount()
        assert counts.max() - counts.min() <= 1 + 0.02 * len(data)


def test_baselines_are_those_of_the_card():
    """A bag of ink tells little; all pixels at once are told apart by a linear classifier, which hears no sequence."""
    metric = Digits().spec.metric
    assert metric.chance == pytest.approx(0.1, abs=0.01)
    assert metric.baselines["ink_histogram"] == pytest.approx(0.28, abs=0.02)
    assert metric.baselines == Digits(order="permuted").spec.metric.baselines
    parts = digits._read("builtin")[0]
    (x_train, y_train), (x_test, y_test) = ((parts[s].pixels.flatten(1), parts[s].labels) for s in ("train", "test"))
    assert linear_accuracy(x_train, y_train, x_test, y_test) == pytest.approx(0.92, abs=0.01)


def test_the_builtin_images_are_all_different():
    assert len(sklearn_images().pixels.flatten(1).unique(dim=0)) == 1797


@pytest.mark.parametrize("zipped", [False, True])
def test_mnists_files_are_read_plain_or_zipped(tmp_path, zipped):
    task = Digits(mnist(tmp_path, zipped=zipped))
    assert {split: len(data) for split, data in task._splits.items()} == {"train": 50, "valid": 10, "test": 20}
    expected = torch.randint(256, (20, 5, 4), generator=seeded(20)).flatten(1) / 255
    assert torch.equal(all_pixels(task), expected)
    assert task._splits["test"].labels.tolist() == [*range(10)] * 2


@pytest.mark.parametrize(
    ("name", "renamed"),
    [
        ("train-images-idx3-ubyte", "train-images.idx3-ubyte"),
        ("t10k-labels-idx1-ubyte", "T10K-LABELS-IDX1-UBYTE"),
        ("train-labels-idx1-ubyte", "MNIST/raw/train-labels-idx1-ubyte"),
        ("t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte/t10k-images-idx3-ubyte"),
        ("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte.gz"),
    ],
)
def test_mnists_files_are_found_as_those_who_copied_them_name_them(tmp_path, name, renamed):
    source = mnist(tmp_path)
    wanted = Digits(source)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).unlink()
    (tmp_path / renamed).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / renamed).write_bytes(gzip.compress(content) if renamed.endswith(".gz") else content)
    (tmp_path / f"._{name}").write_bytes(b"\x00\x05\x16\x07")
    (tmp_path / f"emnist-{name}").write_bytes(content)
    found = Digits(source)
    assert found.spec.fingerprint == wanted.spec.fingerprint
    assert found.spec.notes == (
        f"{tmp_path}: read 4 files; left out 1 hidden: ._{name}; left out 1 of another kind: emnist-{name}",
    )


def test_made_up_files_keep_the_laws(tmp_path):
    assert_task(Digits, {"source": mnist(tmp_path), "order": "rows"}, laws=HERE)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte", b"\x89PNG....", "begins with 0x89504e47, not with 0x00000803"),
        ("train-images-idx3-ubyte", idx(torch.zeros(60)), "begins with 0x00000801, not with 0x00000803"),
        ("train-images-idx3-ubyte", idx(torch.zeros(60, 5, 4))[:-3], "1197 bytes of data, its header .60, 5, 4. needs"),
        ("train-images-idx3-ubyte", b"", "begins with 0x, not with"),
        ("train-labels-idx1-ubyte", idx(torch.zeros(59)), "train has 60 images and 59 labels"),
        ("t10k-labels-idx1-ubyte", idx(torch.arange(20)), "label 10 of t10k image 10 is out of range 0 to 9"),
        ("t10k-labels-idx1-ubyte", None, "has no file t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz"),
    ],
)
def test_files_that_are_not_mnists_are_refused(tmp_path, name, content, message):
    source = mnist(tmp_path)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        Digits(source)
    assert "\n" not in str(caught.value)


def test_a_broken_archive_is_named(tmp_path):
    source = mnist(tmp_path, zipped=True)
    path = tmp_path / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(DataError, match="train-labels-idx1-ubyte.gz: cannot be read"):
        Digits(source)


def test_a_missing_folder_and_another_checksum_are_refused():
    with pytest.raises(DataError, match="task.source=absent: no such folder .*give builtin, hub:ylecun/mnist, or a"):
        Digits("absent")
    fingerprint = Digits().spec.fingerprint
    assert Digits(order="rows", checksum=fingerprint).spec.fingerprint == fingerprint
    with pytest.raises(DataError, match=f"SHA-256 is {fingerprint}, task.checksum says 1234"):
        Digits(checksum="1234")


def test_the_hubs_images_are_decoded_here(monkeypatch):
    pil = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    pixels, labels = torch.randint(256, (40, 5, 4), generator=seeded()), [i % 10 for i in range(40)]

    def png(image):
        buffer = io.BytesIO()
        pil.fromarray(image.to(torch.uint8).numpy()).save(buffer, "PNG")
        return {"bytes": buffer.getvalue(), "path": None}

    def rows(source, split, columns, remedy):
        assert (source, columns["label"]) == ("hub:ylecun/mnist", "int64")
        return Table({"image": [png(image) for image in pixels], "label": labels})

    monkeypatch.setattr(images, "hub_rows", rows)
    task = Digits("hub:ylecun/mnist")
    assert torch.equal(all_pixels(task), pixels.flatten(1) / 255)
    for wrong in (-1, 10):
        labels[7] = wrong
        with pytest.raises(DataError, match="its train split has labels out of range 0 to 9"):
            Digits("hub:ylecun/mnist")


class Table(dict):
    """Stands in for a `datasets.Dataset` whose images are stored encoded."""

    def cast_column(self, name, feature):
        assert name == "image" and feature.decode is False
        return self
