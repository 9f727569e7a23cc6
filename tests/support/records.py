"""An observer for tests."""

from __future__ import annotations

from gateway import Observer, RequestRecord


class Records(list[RequestRecord], Observer):
    """Keeps the record of each request that is over."""

    def finished(self, record: RequestRecord) -> None:
        self.append(record)
