"""The settings of a compatible service, as they are written: all that is in them works."""

from __future__ import annotations

from pathlib import Path

import pytest

from commandline import forget_settings
from gateway.cli.init_adapter.compatible import write_settings
from gateway.cli.main import main
from gateway.core.errors import SettingsError
from gateway.providers.configured import configure
from gateway.settings import load

KEY = {"BIG_CORP_API_KEY": "k"}


def test_the_file_configures_the_service(tmp_path: Path) -> None:
    written = write_settings("Big-Corp", tmp_path / "new")
    assert written.path == tmp_path / "new" / "Big-Corp.toml"
    (one,) = configure(load(config=written.path, environ=KEY), {})
    assert (one.name, one.missing) == ("Big-Corp", ())
    assert (one.options.api_key, one.options.base_url) == ("k", "https://api.big-corp.example/v1")
    (without,) = configure(load(config=written.path), {})
    assert without.missing == ("Big-Corp needs BIG_CORP_API_KEY: set it",)


def test_what_is_commented_out_is_right_as_well(tmp_path: Path) -> None:
    written = write_settings("acme", tmp_path)
    lines = written.path.read_text().splitlines()
    text = "\n".join(
        line.removeprefix("# ") if " = " in line or "[" in line else "" for line in lines
    )
    written.path.write_text(text)
    (one,) = configure(load(config=written.path, environ={"ACME_API_KEY": "k"}), {})
    options = one.options
    assert (options.key_header, options.list_path, options.embed_batch) == ("api-key", "", 100)
    assert options.models["acme-large"].context_length == 131072


def test_the_command_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert main(["init-adapter", "acme", "--compatible"]) == 0
    told = capsys.readouterr().out
    assert "ACME_API_KEY=... python -m gateway check --config acme.toml" in told
    assert main(["init-adapter", "acme", "--compatible"]) == 2
    assert "acme.toml already exists" in capsys.readouterr().err
    assert main(["check", "--compatible"]) == 2
    assert "unrecognized arguments: --compatible" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot write"):
        write_settings("acme", tmp_path / "file" / "below")
