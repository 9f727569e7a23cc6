"""Directories that cannot be had, told in words."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import platformdirs
import pytest

from commandline import forget_settings
from gateway.cli import logs
from gateway.cli.main import main
from gateway.cli.settings import at_home
from gateway.core.directory import CannotOpen, prepare_directory
from gateway.models.store import open_store
from gateway.settings import Settings


def test_a_user_without_a_home_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> Path:
        raise RuntimeError("could not determine the home directory")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(platformdirs, "user_data_path", fail)
    home = at_home(Settings()).home
    assert home is not None
    with pytest.raises(CannotOpen, match="^there is no home directory: set GATEWAY_HOME$"):
        prepare_directory(home)
    assert [*tmp_path.iterdir()] == []


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a directory that may not be searched, as that of another user."""
    stat = Path.stat

    def deny(self: Path, **options: bool) -> os.stat_result:
        if self.parent == tmp_path:
            raise PermissionError(errno.EACCES, "Permission denied", str(self))
        return stat(self, **options)

    forget_settings(monkeypatch)
    monkeypatch.setenv("MISTRAL_API_KEY", "k")
    monkeypatch.setattr(Path, "stat", deny)
    monkeypatch.setattr(logs, "configure", lambda *_, **__: None)
    return tmp_path


def test_the_home_of_another_user_is_none(locked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platformdirs, "user_data_path", lambda *_, **__: locked / "data")
    assert at_home(Settings()).home == Path("~", "ollama-gateway")


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("serve", "keys"),
        ("check", "keys"),
        ("keys list", "keys"),
        ("keys revoke bob", "keys"),
        ("usage", "usage"),
    ],
)
def test_a_directory_that_may_not_be_searched_is_one_line(
    locked: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    file: str,
) -> None:
    monkeypatch.setenv("GATEWAY_HOME", str(locked))
    assert main(command.split()) == 2
    complaint = f"gateway: home: cannot use {locked}/{file}.sqlite3: permission denied\n"
    assert capsys.readouterr().err == complaint


async def test_the_log_names_the_variable_for_another_directory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    async with open_store(tmp_path / "file"):
        pass
    assert caplog.messages == [
        f"models of users are not available: cannot use {tmp_path}/file/models.sqlite3:"
        " file exists (GATEWAY_HOME names another directory)"
    ]
