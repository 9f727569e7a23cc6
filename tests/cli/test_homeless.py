"""Directories that cannot be had, told in words."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from gateway.cli.main import _at_home
from gateway.core.directory import CannotOpen, prepare_directory
from gateway.settings import Settings


def test_a_user_without_a_home_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(platformdirs, "user_data_path", fail)
    home = _at_home(Settings()).home
    assert home is not None
    with pytest.raises(CannotOpen, match="^there is no home directory: set GATEWAY_HOME$"):
        prepare_directory(home)
    assert [*tmp_path.iterdir()] == []
