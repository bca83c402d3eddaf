"""The command line: from the words of a command to a verb or a run, and what the terminal shows of it."""
