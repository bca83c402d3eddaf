"""The verbs, a file each, as `bench.command.registry` says: `python -m bench VERB` runs the file of that name.

A verb imports torch, pandas and other large libraries inside its functions, so that its help comes at once.
"""
