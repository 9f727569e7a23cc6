"""What the page Connect knows of apps."""

from __future__ import annotations

import json

import pytest

from gateway.cli.doctor.apps import App, read_apps
from ui_apps import FILE, written_apps

APPS = read_apps(None).values()


def test_the_file_is_made_of_the_doctors_apps() -> None:
    assert FILE.read_text("utf-8") == written_apps()
    assert len(json.loads(written_apps())) == len(APPS)


@pytest.mark.parametrize("app", APPS, ids=lambda app: app.slug)
def test_each_app_says_where_to_paste_the_address_that_it_needs(app: App) -> None:
    assert app.where
    assert ("{url}/v1" in app.connect) == (app.base == "/v1")
    assert app.connect.count("{url}") == 1
