"""What the first start of an installation needs: a `.env` with random secrets, since no default secret exists."""

import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from flashapi.settings import merged

EXAMPLE = Path(__file__).resolve().parent.parent / ".env.example"
SECRETS = ("GLOBAL_API_KEY", "GLOBAL_WEBSOCKET_SECRET", "WEBHOOK_SECRET_KEY")
PRIVATE_URLS_REASON = (
    "# On, because HOST is this machine's loopback address: only its own users reach the API, and their webhook\n"
    "# receivers run here too. Turn it off before you let others in.\n"
)


def write_dotenv(path: Path, environ: Mapping[str, str], *, loopback: bool) -> bool:
    """Make `.env` from `.env.example` with random secrets; True if it was made now.

    One that exists keeps every line; the secrets it lacks, and the environment doesn't give, are appended.
    """
    if path.exists():
        _append_missing_secrets(path, environ)
        return False
    text = EXAMPLE.read_text()
    for name in SECRETS:
        text = _set(text, name, secrets.token_urlsafe(32))
    text = _set(text, "SANDBOX", "true")
    if loopback:
        text = _set(text, "ALLOW_PRIVATE_URLS", "true", PRIVATE_URLS_REASON)
    _write_new(path, text)
    return True


def _set(text: str, name: str, value: str, comment: str = "") -> str:
    changed, count = re.subn(rf"^(# )?{name}=.*$", f"{comment}{name}={value}", text, flags=re.MULTILINE)
    if count != 1:
        raise ValueError(f".env.example must have {name} once, not {count} times")
    return changed


def _write_new(path: Path, text: str) -> None:
    """All or nothing, readable by its owner alone; another start that was first wins."""
    draft = path.with_name(f".env.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _append_missing_secrets(path: Path, environ: Mapping[str, str]) -> None:
    there = merged(environ, path)
    missing = [name for name in SECRETS if name not in there]
    if not missing:
        return
    lines = [f"{name}={secrets.token_urlsafe(32)}\n" for name in missing]
    with path.open("a") as file:
        file.write("\n# Added by the first start: no default secrets exist.\n" + "".join(lines))
    path.chmod(0o600)
