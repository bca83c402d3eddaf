"""Laws that every cell and every task obeys."""
