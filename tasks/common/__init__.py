"""Parts that tasks share: sources, file formats, features, batches, baselines. The tasks are one folder up."""
