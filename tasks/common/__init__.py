"""What the tasks are made of: sources, formats, features, batches, baselines. A task's own file is one folder up."""
