"""The version of this package, and its folder."""

from pathlib import Path

VERSION = "0.1.0"
FOLDER = Path(__file__).parent
