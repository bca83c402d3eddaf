"""All that a plugin imports: the contracts of tasks and cells, under one name.

Shape suffixes, here and everywhere: T time, B batch (lanes), F features, H hidden, C classes or outputs, V vocabulary,
G gate blocks times H. Time comes first: `x_TBF`.
"""

from bench.api.cell import Cell, GatedCell, State, Unroll, leaves, map_state
from bench.api.data import cache_folder, file_hash
from bench.api.linear import LinearCell
from bench.api.series import SeriesTask
from bench.api.task import END, Batch, Features, Metric, Split, Task, TaskSpec, Tokens
from bench.api.text import TextTask
from bench.errors import DataError

__all__ = [
    "END", "Batch", "Cell", "DataError", "Features", "GatedCell", "LinearCell", "Metric", "SeriesTask", "Split",
    "State", "Task", "TaskSpec", "TextTask", "Tokens", "Unroll", "cache_folder", "file_hash", "leaves", "map_state",
]  # fmt: skip
