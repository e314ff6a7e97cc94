"""neonize's generated protobufs without neonize: importing the package itself would load its Go library."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any


def find_client_package() -> Path:
    """The folder of the installed neonize package, found without importing it. Raises ModuleNotFoundError."""
    spec = importlib.util.find_spec("neonize")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the package neonize is not installed", name="neonize")
    return Path(spec.submodule_search_locations[0])


def load(module: str) -> Any:
    """A generated module by its dotted name below `neonize/proto`, for example `waAdv.WAAdv_pb2`."""
    folder = str(find_client_package() / "proto")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(module)


adv: Any = load("waAdv.WAAdv_pb2")
cert: Any = load("waCert.WACert_pb2")
common: Any = load("waCommon.WACommon_pb2")
companion: Any = load("waCompanionReg.WAWebProtobufsCompanionReg_pb2")
e2e: Any = load("waE2E.WAWebProtobufsE2E_pb2")
handshake: Any = load("waWa6.WAWebProtobufsWa6_pb2")
history_sync: Any = load("waHistorySync.WAWebProtobufsHistorySync_pb2")
server_sync: Any = load("waServerSync.WAWebProtobufsServerSync_pb2")
sync_action: Any = load("waSyncAction.WAWebProtobufSyncAction_pb2")
web: Any = load("waWeb.WAWebProtobufsWeb_pb2")

# Through here, as protobuf ships no types.
DecodeError: type[Exception] = importlib.import_module("google.protobuf.message").DecodeError
