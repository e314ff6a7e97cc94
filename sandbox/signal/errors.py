"""What can go wrong between two Signal endpoints."""

from __future__ import annotations


class SignalError(Exception):
    """Base of everything an endpoint raises about a message or a bundle."""


class NoSession(SignalError):
    """There is no session with this address; one begins with a bundle or with a `pkmsg`."""


class InvalidMessage(SignalError):
    """Bytes that are no Signal message, or that no session with the sender can authenticate."""


class DuplicateMessage(SignalError):
    """A message whose key was used before."""


class UnknownPreKey(SignalError):
    """A `pkmsg` made for a prekey that this endpoint never had or has used up."""


class InvalidBundle(SignalError):
    """A bundle whose signed prekey was not signed by its identity."""
