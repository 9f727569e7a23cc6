"""The fault matrix: each fault of a service in each dialect, whenever the client leaves.

Each case runs an adapter in a gateway between a client and a service that fails on request, then
counts the requests to the service and what is left open::

    outcomes = [outcome async for outcome in run_matrix(TestAcme, all_cases())]
    assert [outcome.problem for outcome in outcomes if outcome.problem] == []

``TestAcme`` is a subclass of `gateway.testing.ProviderContract`.
"""

from __future__ import annotations

from gateway.testing.faults.matrix import Case, Outcome, all_cases, run_matrix
from gateway.testing.faults.table import FAULTS, Fault

__all__ = ["FAULTS", "Case", "Fault", "Outcome", "all_cases", "run_matrix"]
