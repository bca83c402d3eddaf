"""`python -m bench`."""

import sys

from bench.command.main import main

sys.exit(main())
