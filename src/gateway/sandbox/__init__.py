"""Serve an imitation of Mistral's API on loopback, for a first run without a key and for tests.

It refuses what Mistral refuses, answers the same request always in the same useful way, and goes
wrong on request.  `start` serves it; `gateway.sandbox.rules.refuse` is its judgement alone.
"""

from __future__ import annotations

from gateway.sandbox.app import Sandbox
from gateway.sandbox.faults import Ending, Fault, refusal
from gateway.sandbox.journal import Received
from gateway.sandbox.server import RunningSandbox, start

__all__ = ["Ending", "Fault", "Received", "RunningSandbox", "Sandbox", "refusal", "start"]
