"""Laws that every cell and every task obeys."""

from bench.checks.cells import CELL_LAWS, assert_cell, check_cell
from bench.checks.law import Verdict
from bench.checks.tasks import TASK_LAWS, assert_task, check_task

__all__ = ["CELL_LAWS", "TASK_LAWS", "Verdict", "assert_cell", "assert_task", "check_cell", "check_task"]
