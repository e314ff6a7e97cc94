"""Loads neonize (and with it the Go runtime) in the one way that works; after this the process must never fork.

In sandbox mode the copy that the simulated network made is loaded in place of the installed package.
"""

import ctypes
import importlib.util
import logging
import os
import sys
from pathlib import Path

COLLECT_AT_PERCENT = 25
"""By how much Go's heap may grow before its garbage is collected. Its own default, 100, keeps the memory that a large
file took for minutes; the price of less is processor time while messages flow."""


class ClientMissing(RuntimeError):
    """The client made for the sandbox isn't there (yet)."""


def start_environment(sandbox_client: Path | None) -> None:
    """Give the Go runtime its variables, by beginning this program anew where one is missing.

    Go looks for them where the kernel put the environment when the program began; what Python sets later lies
    elsewhere. In sandbox mode the authority of the simulated media server is trusted; a GOGC that is given stays.
    """
    needed = {"GOGC": os.environ.get("GOGC") or str(COLLECT_AT_PERCENT)}
    if sandbox_client is not None:
        needed["SSL_CERT_FILE"] = str(sandbox_client.parent / "ca-bundle.pem")
    if any(os.environ.get(name) != value for name, value in needed.items()):
        os.environ.update(needed)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def load(sandbox_client: Path | None) -> None:
    """Make `import neonize` work from here on. `sandbox_client` is the folder holding the patched copy."""
    if "neonize" in sys.modules:
        raise RuntimeError("neonize is loaded already; which network it speaks to can't be changed")
    preload_libmagic()
    if sandbox_client is not None:
        if not (sandbox_client / "neonize" / "__init__.py").exists():
            raise ClientMissing(str(sandbox_client))
        sys.path.insert(0, str(sandbox_client))
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    import neonize  # noqa: F401  # its import adds a handler of its own to the root logger

    root.handlers[:], root.level = handlers, level
    logging.getLogger("whatsmeow").setLevel(logging.WARNING)


def preload_libmagic() -> None:
    """neonize imports python-magic, which needs libmagic. Once a library of that name is in the process, the dynamic
    linker finds it by its SONAME, also on machines where `ctypes.util.find_library` can't."""
    spec = importlib.util.find_spec("pylibmagic")
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent
    if (library := folder / "libmagic.so.1").exists():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        os.environ.setdefault("MAGIC", str(folder / "magic.mgc"))
