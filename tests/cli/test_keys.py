"""``keys``: made once, shown once, listed without secrets, replaced and deleted."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from commandline import forget_settings
from gateway.access.client_keys import Grant, Keyring, NewKey, hash_key, new_key
from gateway.access.key_file import KeyFile
from gateway.cli.main import main
from gateway.core.errors import Unauthorized
from gateway.settings import AuthSettings, KeySettings, Plan, load

KEY = r"sk-gw-[a-z0-9]{8}-[A-Za-z0-9_-]{43}"
HASH = "sha256:" + "5f" * 32
SETTINGS = f"""
[plans.team]
rpm = 60

[keys.Filed]
hash = "{HASH}"
plan = "team"
expires = 2020-01-01
"""


class Terminal:
    """The command line, with a home and a settings file of its own."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = directory / "gateway.toml"
        self.config.write_text(SETTINGS)
        self.file = KeyFile(directory / "home" / "keys.sqlite3")
        self._capsys = capsys

    def __call__(self, *arguments: str) -> str:
        """Run a command that succeeds, and return what it prints."""
        assert main([*arguments, "--config", str(self.config)]) == 0
        out, err = self._capsys.readouterr()
        assert "sk-gw-" not in err
        return out.rstrip("\n")

    def fails(self, *arguments: str) -> str:
        assert main([*arguments, "--config", str(self.config)]) == 2
        out, err = self._capsys.readouterr()
        assert out == ""
        return err.removeprefix("gateway: ").rstrip("\n")

    def ring(self) -> Keyring:
        settings = load(config=self.config)
        return Keyring(
            AuthSettings(), plans=settings.plans, keys=settings.keys, stored=self.file.hashes()
        )

    def grant(self, key: str, *, at: datetime | None = None) -> Grant | None:
        headers = {"x-api-key": key}
        return self.ring().identify(headers, now=at or datetime.now(UTC))


@pytest.fixture
def terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    forget_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_HOME", str(tmp_path / "home"))
    return Terminal(tmp_path, capsys)


def test_a_key_is_shown_once_and_works(terminal: Terminal) -> None:
    key = terminal("keys", "create", "alice")
    assert re.fullmatch(KEY, key)
    found = terminal.grant(key)
    assert found is not None
    assert (found.caller.name, found.plan, found.admin) == ("alice", Plan(), False)
    assert key.split("-", 3)[3] not in terminal("keys", "list")


def test_a_key_may_have_all_that_the_settings_allow(terminal: Terminal) -> None:
    key = terminal(
        *("keys", "create", "alice", "--plan", "team", "--models", "a*, !ab", "--models", "c"),
        *("--tpm", "1000", "--concurrency", "2", "--budget", "2.5", "--period", "day"),
        *("--manage", "--admin", "--expires", "2999-01-01"),
    )
    found = terminal.grant(key)
    assert found is not None
    assert found.admin
    assert found.plan == Plan(
        "team", ("a*", "!ab", "c"), 60, 1000, 2, Decimal("2.5"), "day", manage=True
    )
    (stored,) = terminal.file.stored()
    assert stored.settings.expires == datetime(2999, 1, 1, tzinfo=UTC)


def test_a_key_may_be_printed_as_a_table_instead(terminal: Terminal) -> None:
    text = terminal(
        *("keys", "create", "alice", "--print", "--models", "a*", "--rpm", "5", "--budget", "0.1"),
        *("--manage", "--expires", "2999-01-01T10:00:00"),
    )
    (key,) = re.findall(KEY, text)
    assert tomllib.loads(text) == {
        "keys": {
            "alice": {
                "hash": hash_key(key),
                "models": ["a*"],
                "rpm": 5,
                "budget": 0.1,
                "manage": True,
                "expires": "2999-01-01T10:00:00",
            }
        }
    }
    assert terminal.file.stamp() is None
    with terminal.config.open("a") as config:
        config.write(text)
    found = terminal.grant(key)
    assert found is not None
    assert (found.caller.name, found.plan.budget) == ("alice", Decimal("0.1"))


def test_a_list_says_where_each_key_is_and_what_becomes_of_it(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal("keys", "create", "alice", "--rpm", "5", "--models", "a,b", "--budget", "1", "--admin")
    terminal.file.add("filed", _made(), KeySettings(""), now=datetime.now(UTC))
    terminal.file.add("off", _made(), KeySettings("", disabled=True), now=datetime.now(UTC))
    lines = terminal("keys", "list").splitlines()
    identity = terminal.file.stored()[0].id
    assert lines[0].split("  ")[0] == "NAME"
    assert [line.split() for line in lines[1:]] == [
        ["Filed", "team", "2020-01-01", "00:00", str(terminal.config), "expired"],
        [
            *("alice", identity, "rpm=5", "budget=1.0/month", "models=a,b", "admin"),
            *("keys.sqlite3", "active"),
        ],
        ["filed", "id", "keys.sqlite3", "hidden", "by", "the", "settings"],
        ["off", "id", "keys.sqlite3", "disabled"],
    ]
    monkeypatch.setenv("GATEWAY_AUTH_KEY", "sixteen-letters-x")
    terminal.file.add("default", _made(), KeySettings("", models=()), now=datetime.now(UTC))
    rows = [line.split() for line in terminal("keys", "list").splitlines()]
    assert rows[1] == ["default", "manage", "admin", "auth.key", "active"]
    assert [*rows[4][:3], *rows[4][-4:]] == [
        *("default", "id", "models=all"),
        *("hidden", "by", "the", "settings"),
    ]


def _made() -> NewKey:
    return new_key()._replace(id="id")


def test_a_rotated_key_replaces_the_old_one_at_once(terminal: Terminal) -> None:
    old = terminal("keys", "create", "alice", "--rpm", "5")
    new = terminal("keys", "rotate", "alice")
    found = terminal.grant(new)
    assert found is not None
    assert found.plan.rpm == 5
    with pytest.raises(Unauthorized):
        terminal.grant(old)


def test_an_old_key_may_still_work_for_a_while(terminal: Terminal) -> None:
    old = terminal("keys", "create", "alice")
    terminal("keys", "rotate", "alice", "--overlap", "24h")
    assert terminal.grant(old) is not None
    with pytest.raises(Unauthorized, match="expired"):
        terminal.grant(old, at=datetime.now(UTC) + timedelta(hours=24))


def test_a_revoked_key_is_unknown(terminal: Terminal) -> None:
    key = terminal("keys", "create", "alice")
    before = terminal.file.stamp()
    assert terminal("keys", "revoke", "alice") == "revoked alice"
    assert terminal.file.stamp() != before
    with pytest.raises(Unauthorized, match="unknown API key"):
        terminal.grant(key)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["create", "alice", "--plan", "gone"], "--plan: no such plan (allowed: team)"),
        (["create", "a b"], "keys create: keys.a b: a key's name consists of letters, digits"),
        (["create", "alice", "--rpm", "0"], "keys create: keys.alice.rpm: must be greater than"),
        (["create", "alice", "--budget", "nan"], "keys create: keys.alice.budget: must be from 0"),
        (["create", "alice", "--expires", "soon"], "keys create: keys.alice.expires: must be a"),
        (["create", "alice", "--models", "!"], "keys create: keys.alice.models.0: must be a"),
        (["create", "filed"], "the key filed stands in {config}"),
        (["rotate", "FILED"], "the key FILED stands in {config}"),
        (["revoke", "Filed"], "the key Filed stands in {config}"),
        (["rotate", "nobody"], "there is no key nobody in {home}/keys.sqlite3"),
        (["revoke", "nobody"], "there is no key nobody in {home}/keys.sqlite3"),
        (["rotate", "a", "--overlap", "long"], "--overlap: must be a duration such as 24h"),
        (["rotate", "a", "--overlap=-1h"], "--overlap: must be a duration such as 24h"),
        (["create"], "the following arguments are required: NAME (see gateway keys create --help)"),
        ([], "the following arguments are required: ACTION (see gateway keys --help)"),
    ],
)
def test_what_cannot_be_done_is_said_and_does_nothing(
    terminal: Terminal, tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    expected = complaint.format(config=terminal.config, home=tmp_path / "home")
    if arguments:
        assert terminal.fails("keys", *arguments).startswith(expected)
    else:
        assert main(["keys"]) == 2
    assert terminal.file.stamp() is None


def test_a_name_is_given_once(terminal: Terminal) -> None:
    terminal("keys", "create", "alice")
    assert terminal.fails("keys", "create", "Alice").startswith("there is a key Alice in ")


def test_the_one_key_of_the_settings_is_no_other_key(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_AUTH_KEY", "sixteen-letters-x")
    assert terminal.fails("keys", "create", "default") == "the key default stands in auth.key"


def test_keys_in_settings_without_a_file_stand_in_the_settings(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GATEWAY_HOME")
    monkeypatch.setattr(
        "gateway.cli.keys.load_settings",
        lambda *_: load().__class__(keys={"a": KeySettings(HASH)}, home=Path("home")),
    )
    assert main(["keys", "revoke", "a"]) == 2
    assert "the key a stands in the settings" in terminal._capsys.readouterr().err


@pytest.mark.parametrize("command", ["keys", "usage"])
def test_these_commands_come_first(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "1", command]) == 2
    assert capsys.readouterr().err == f"gateway: {command} must be the first argument\n"
