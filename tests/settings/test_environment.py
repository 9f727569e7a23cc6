from __future__ import annotations

from pathlib import Path

import pytest

from gateway.core.errors import SettingsError
from gateway.settings import Environment


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("key", "key"),
        (" key ", "key"),
        ('"key"', "key"),
        ("'key'", "key"),
        (' " key " ', " key "),
        ("", None),
        ("  ", None),
        ('""', None),
    ],
)
def test_values_are_trimmed_as_ollama_does_and_empty_ones_are_not_set(
    raw: str, value: str | None
) -> None:
    assert Environment(({"NAME": raw},)).get("NAME") == value


def test_a_stronger_layer_wins_unless_it_says_nothing() -> None:
    environment = Environment(({"A": "1", "B": ""}, {"A": "2", "B": "3"}))

    assert [environment.get(name) for name in "ABC"] == ["1", "3", None]


def test_a_value_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\n secret-in-a-file\r\n")
    environment = Environment(({"KEY_FILE": f" {tmp_path / 'key'} "}, {"KEY": "weaker"}))

    assert environment.get("KEY") == "secret-in-a-file"


def test_an_empty_file_counts_as_not_set(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\n")

    assert Environment(({"KEY_FILE": str(tmp_path / "key")},)).get("KEY") is None


def test_a_value_beside_a_file_is_refused_because_one_of_them_is_a_mistake() -> None:
    with pytest.raises(SettingsError) as caught:
        Environment(({"KEY": "secret", "KEY_FILE": "/run/key"},)).get("KEY")

    assert str(caught.value) == "KEY and KEY_FILE are both set: set only one of them"


def test_files_that_cannot_be_read_are_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"secret \xff")
    reasons = []
    for path in (tmp_path / "missing", tmp_path, tmp_path / "binary"):
        with pytest.raises(SettingsError) as caught:
            Environment(({"KEY_FILE": str(path)},)).get("KEY")
        reasons.append(str(caught.value))

    assert reasons == [
        f"KEY_FILE: cannot read {tmp_path / 'missing'}: no such file or directory",
        f"KEY_FILE: cannot read {tmp_path}: is a directory",
        f"KEY_FILE: cannot read {tmp_path / 'binary'}: not UTF-8 text",
    ]


def test_an_environment_shows_no_values() -> None:
    assert repr(Environment(({"MISTRAL_API_KEY": "secret"},))) == "Environment()"
