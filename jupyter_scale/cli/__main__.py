"""``python -m jupyter_scale.cli``."""

import sys

from jupyter_scale.cli import main

sys.exit(main())
