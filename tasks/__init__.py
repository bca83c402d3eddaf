"""Tasks that ship with the harness, one file a task. Imported as `bench.tasks`."""
