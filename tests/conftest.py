"""What all tests share: one torch thread, as runs have by default, and property tests without a time limit."""

import torch
from hypothesis import settings

torch.set_num_threads(1)

settings.register_profile("bench", deadline=None)  # a busy machine is no bug
settings.load_profile("bench")
