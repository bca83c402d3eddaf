"""The score to beat for a model that reads tokens in order: logistic regression over the tokens' counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..sequences.classification import Labelled

__all__ = ["accuracy"]


def accuracy(train: Labelled, scored: Labelled, size: int) -> float:
    """The accuracy on `scored` of an L2-regularised logistic regression fitted to `train`.

    Both hold sequences of numbers in `[0, size)`. Of more than two classes each has a regression against all others.
    Where train has only one class, that class is predicted.
    """
    from sklearn.linear_model import LogisticRegression  # which takes a second to import
    from sklearn.multiclass import OneVsRestClassifier

    classes = len(train.labels.unique())
    if classes < 2:
        return float((scored.labels == train.labels[0]).double().mean())
    two = LogisticRegression(solver="liblinear")
    model = two if classes == 2 else OneVsRestClassifier(two)
    model.fit(_counts(train, size), train.labels.numpy())
    return float(model.score(_counts(scored, size), scored.labels.numpy()))


def _counts(data: Labelled, size: int) -> NDArray[np.float64]:
    """How often each number occurs in each sequence, as a sparse matrix `[N, size]`."""
    from scipy.sparse import csr_matrix

    values, starts = data.sequences.values.numpy(), data.sequences.starts.numpy()
    return csr_matrix((np.ones(len(values)), values, starts), shape=(len(data), size))
