"""The log of a run."""

from __future__ import annotations

import logging

log = logging.getLogger("bench")
log.setLevel(logging.DEBUG)
log.propagate = False
