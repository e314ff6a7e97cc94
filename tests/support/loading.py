"""neonize in a test process, loaded as a session worker loads it."""

import gc
import sys
import warnings

from workers import neonize_loader


def load_neonize() -> None:
    """Load the installed neonize, once."""
    if "neonize" in sys.modules:
        return
    with warnings.catch_warnings():
        # Its import leaves the pipe of an `uname` to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        neonize_loader.load(None)
        gc.collect()
