"""Environment variables of torch, which must be set before torch is imported."""

from __future__ import annotations

import os


def silence_torch() -> None:
    """Keep torch's C++ code from printing lines of its own on stderr; what the user has set stays."""
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler's lines,
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # and its warnings of memory from before it started
