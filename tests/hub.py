"""A stand-in for the Hugging Face hub."""

from __future__ import annotations

import logging
from types import SimpleNamespace


def hub(columns, licence="mit", fails=None):
    """A stand-in for the package `datasets` whose hub has one data set; it notes what it was asked for."""

    class Rows(dict):
        info = SimpleNamespace(license=licence)

        @property
        def features(self):
            return {name: SimpleNamespace(dtype=kind) for name, (kind, _) in columns.items()}

    def load_dataset(*args, **options):
        package.asked = args, options
        logging.getLogger("huggingface_hub").warning("Retrying in 1s.")
        if fails:
            raise fails
        return Rows({name: values for name, (_, values) in columns.items()})

    package = SimpleNamespace(load_dataset=load_dataset)
    return package
