"""The programs of this package: `python -m workers sessions|webhooks|supervisor|migrate|replay-unreadable`.

Each imports what it needs and no more: webhook workers never load neonize, the supervisor stays small.
"""

import argparse
import importlib
import sys

from flashapi import logs, settings


def main(arguments: list[str]) -> int:
    """Run one program; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m workers")
    programs = parser.add_subparsers(dest="program", required=True)
    sessions = programs.add_parser("sessions", help="speak to WhatsApp for the sessions of one mode")
    sessions.add_argument("--mode", choices=("live", "sandbox"), default="live")
    programs.add_parser("webhooks", help="deliver events to webhook endpoints")
    programs.add_parser("supervisor", help="run a whole installation on this machine (make run)")
    programs.add_parser("migrate", help="bring the database to this version's schema")
    programs.add_parser("replay-unreadable", help="try events that an earlier version could not store once more")
    chosen = parser.parse_args(arguments)
    if chosen.program == "supervisor":
        return int(importlib.import_module("workers.supervisor").main())
    try:
        told = settings.load()
    except settings.InvalidSetting as error:
        print(f"flashapi: {error}", file=sys.stderr)
        return 2
    match chosen.program:
        case "sessions":
            logs.configure(told, f"sessions-{chosen.mode}")
            client = told.sandbox_dir / "client" if chosen.mode == "sandbox" else None
            loader = importlib.import_module("workers.neonize_loader")
            loader.start_environment(client)
            loader.load(client)
            importlib.import_module("workers.session_worker").main(told, chosen.mode)
        case "webhooks":
            logs.configure(told, "webhooks")
            importlib.import_module("workers.webhook_worker").main(told)
        case "migrate":
            logs.configure(told, "migrate")
            migrations = importlib.import_module("workers.migrations")
            try:
                migrations.migrate(told)
            except migrations.MigrationRefused as error:
                print(f"flashapi: {error}", file=sys.stderr)
                return 2
        case "replay-unreadable":
            logs.configure(told, "replay")
            importlib.import_module("workers.neonize_loader").load(None)
            wrong = importlib.import_module("workers.unreadable").replay(told)
            if wrong is not None:
                print(f"flashapi: {wrong}", file=sys.stderr)
                return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
