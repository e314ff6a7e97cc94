"""Ties a process's life to its parent's, so that nothing is left running when a supervisor is killed."""

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>

_libc = ctypes.CDLL(None, use_errno=True)
"""Loaded here, since the call below happens between fork and exec, where loading a library could deadlock."""


def die_with(parent: int, with_signal: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process `with_signal` when `parent` ends; call it in the child, right after the fork.

    The kernel watches the parent's thread that forked, so the parent must fork from a thread that lives as long as it.
    """
    if _libc.prctl(PR_SET_PDEATHSIG, int(with_signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it ended before the line above, and no signal comes any more
        os._exit(1)
