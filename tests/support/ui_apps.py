"""Write what the page Connect knows of apps, from the files of the doctor.

Run it after a change of those files: ``PYTHONPATH=tests/support python -m ui_apps``.
"""

from __future__ import annotations

import json
from pathlib import Path

import gateway.ui
from gateway.cli.doctor.apps import read_apps

__all__ = ["FILE", "written_apps"]

FILE = Path(gateway.ui.__file__).parent / "static" / "apps.json"


def written_apps() -> str:
    """Return the file: of each app its names and where to paste what, in the order of names."""
    apps = [
        {
            "slug": app.slug,
            "name": app.name,
            "version": app.version,
            "date": str(app.date),
            "where": app.where,
            "connect": app.connect,
        }
        for app in sorted(read_apps(None).values(), key=lambda one: one.name.casefold())
    ]
    return json.dumps(apps, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(written_apps(), "utf-8")
