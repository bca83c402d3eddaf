"""What is left of whole sentences: the state after the last symbol of each, as a vector, and which are near which."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor

from bench.api import TextTask, leaves
from bench.errors import ConfigError
from bench.model.seq2seq import EncoderDecoder
from bench.model.sequence import SequenceModel


def sentence_vectors(model: SequenceModel, task: TextTask, sentences: Sequence[str]) -> pd.DataFrame:
    """A row for each sentence: `sentence`, the `nearest` other one with its `cosine`, `x` and `y`, `v1`, `v2`, ...

    A vector is the last layer's state after the last symbol (of several tensors the first), of an encoder-decoder the
    one that the decoder starts from. x and y are its first two principal components. Raises ConfigError for fewer than
    two different sentences, and for an empty one.
    """
    if len(set(sentences)) < len(sentences) or len(sentences) < 2:
        raise ConfigError("sentences are compared with each other: give two or more, each of them once")
    vectors_NH = torch.stack([_vector(model, task, sentence) for sentence in sentences]).double()
    cosine_NN = F.normalize(vectors_NH, dim=1) @ F.normalize(vectors_NH, dim=1).T
    found_N = cosine_NN.fill_diagonal_(-2).max(1)
    centred_NH = vectors_NH - vectors_NH.mean(0)
    _, _, axes_RH = torch.linalg.svd(centred_NH, full_matrices=False)
    axes_2H = F.pad(axes_RH, (0, 0, 0, 2))[:2]  # a state may have a single number
    axes_2H = axes_2H * torch.where(axes_2H.sum(1) < 0, -1, 1)[:, None]  # else the sign is any
    places_N2 = centred_NH @ axes_2H.T
    table = {
        "sentence": list(sentences),
        "nearest": [sentences[i] for i in found_N.indices.tolist()],
        "cosine": found_N.values.tolist(),
        "x": places_N2[:, 0].tolist(),
        "y": places_N2[:, 1].tolist(),
    }
    return pd.DataFrame(table | {f"v{i}": column.tolist() for i, column in enumerate(vectors_NH.T, 1)})


def _vector(model: SequenceModel, task: TextTask, sentence: str) -> Tensor:
    """The vector `[H]` of a sentence."""
    ids = task.encode(sentence) if sentence else []
    if not ids:
        raise ConfigError(f"{sentence!r} has no symbol to read: leave it out")
    inputs_T1 = torch.tensor(ids)[:, None]
    with torch.no_grad():
        if isinstance(model, EncoderDecoder):
            state = model.read(inputs_T1)
        else:
            _, state = model(inputs_T1, model.initial_state(1))
    return leaves(state[len(model.layers) - 1])[0].flatten()
