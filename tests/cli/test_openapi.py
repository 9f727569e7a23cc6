from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.openapi import files
from gateway.openapi.files import DOCUMENTS, PAGE, read_file


def test_the_command_writes_the_files_that_a_server_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["openapi", "--directory", str(tmp_path)]) == 0
    written = {*DOCUMENTS.values(), PAGE}
    assert {path.name for path in tmp_path.iterdir()} == written
    for name in written:
        assert (tmp_path / name).read_bytes() == read_file(name)
    assert capsys.readouterr().out.splitlines() == [
        str(tmp_path / name) for name in (*DOCUMENTS.values(), PAGE)
    ]
    assert all((Path(files.__file__).parent / name).is_file() for name in written)


def test_without_its_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [one for one in sys.modules if one.startswith("gateway.openapi.document")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "apispec", None)
    assert main(["openapi"]) == 2
    assert "pip install 'ollama-gateway[docs]'" in capsys.readouterr().err
