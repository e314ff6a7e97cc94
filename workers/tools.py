"""What all sessions of a session worker process share."""

import threading
from dataclasses import dataclass, field

from flashapi.connections import Connections
from flashapi.settings import Settings
from workers.claim_time import ClaimTime
from workers.clients import DeviceStores
from workers.door import Door
from workers.inbound import Inbound
from workers.media.files import Files
from workers.registrations import Registrations


@dataclass(frozen=True)
class Tools:
    """Made once per process."""

    settings: Settings
    connections: Connections
    inbound: Inbound
    stores: DeviceStores
    door: Door
    files: Files
    dial_slots: threading.BoundedSemaphore  # so that a restart doesn't dial hundreds at once
    registrations: Registrations = field(default_factory=Registrations)
    claim_time: ClaimTime = field(default_factory=ClaimTime)
