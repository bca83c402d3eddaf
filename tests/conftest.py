"""What all tests share: one torch thread, as runs have by default, property tests without a time limit, and a cache of
prepared data of their own."""

import os
import tempfile

import torch
from hypothesis import settings

torch.set_num_threads(1)

settings.register_profile("bench", deadline=None)  # a busy machine is no bug
settings.load_profile("bench")

_cache = tempfile.TemporaryDirectory(prefix="bench-cache-")  # removed when the process ends
os.environ["BENCH_CACHE"] = _cache.name
