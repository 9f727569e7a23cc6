"""From the headers of a request to its caller, and what that one may use."""

from __future__ import annotations

import base64
import re
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from multidict import CIMultiDict

from gateway.access.caller import Caller
from gateway.access.client_keys import (
    Grant,
    Keyring,
    hash_key,
    may_use,
    new_key,
)
from gateway.access.credentials import credentials
from gateway.core.errors import SettingsError, Unauthorized
from gateway.core.model_info import ListedModel, ModelInfo
from gateway.settings import AuthSettings, KeySettings, Plan

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
AUTH = AuthSettings()


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_new_key_has_an_id_that_may_be_told_and_a_secret_of_256_bits() -> None:
    made = [new_key() for _ in range(50)]
    for key, identity, digest in made:
        found = re.fullmatch(r"sk-gw-([a-z0-9]{8})-([A-Za-z0-9_-]{43})", key)
        assert found is not None
        assert found[1] == identity
        assert digest == hash_key(key)
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
    assert len({key for key, _, _ in made}) == 50


def test_the_hash_is_that_of_the_whole_key() -> None:
    assert hash_key("sk-gw-abc") == (
        "sha256:4981e46da66e675def48e4315e39b71e01f8f2b2a2081c51753b021f2c177a39"
    )


K = "sk-gw-abcdefgh-secret"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, ""),
        ({"Authorization": f"Bearer {K}"}, K),
        ({"authorization": f"bearer   {K} "}, K),
        ({"Authorization": basic("anybody", K)}, K),
        ({"Authorization": basic("", K)}, K),
        ({"Authorization": basic("a", "b:c")}, "b:c"),
        ({"X-Api-Key": K}, K),
        ({"api-key": f" {K} "}, K),
        ({"Authorization": f"Bearer {K}", "x-api-key": "other"}, K),
        ({"x-api-key": K, "api-key": "other"}, K),
        ({"Authorization": "Bearer ", "api-key": K}, K),
        ({"Authorization": "Digest x", "x-api-key": K}, K),
        ({"Authorization": "Basic ***", "x-api-key": K}, K),
        ({"Authorization": "Basic /w==", "x-api-key": K}, K),
        ({"Authorization": basic("user", ""), "x-api-key": K}, K),
        ({"Authorization": K}, ""),
        ({"Authorization": "", "x-api-key": ""}, ""),
    ],
)
def test_a_credential_stands_in_one_of_four_headers(headers: dict[str, str], expected: str) -> None:
    assert next(credentials(CIMultiDict(headers)), "") == expected


def ring(auth: AuthSettings = AUTH, **keys: KeySettings) -> Keyring:
    plans = {"team": Plan("team", ("mistral-*",), 60, 1000, 4, Decimal(20), "week")}
    return Keyring(auth, plans=plans, keys=keys)


def named(key: str, **values: object) -> KeySettings:
    return KeySettings(hash_key(key), **values)  # type: ignore[arg-type]


def ask(keys: Keyring, key: str = "", *, now: datetime = NOW) -> Grant | None:
    return keys.identify({"Authorization": f"Bearer {key}"} if key else {}, now=now)


def test_a_key_is_its_plan_with_what_it_says_itself() -> None:
    keys = ring(
        alice=named("a", plan="team", budget=Decimal(5), models=(), manage=True),
        bob=named("b", plan="team", admin=True),
        carol=named("c"),
    )
    assert ask(keys, "a") == Grant(
        Caller("alice", "team"), Plan("team", (), 60, 1000, 4, Decimal(5), "week", manage=True)
    )
    assert ask(keys, "b") == Grant(
        Caller("bob", "team"),
        Plan("team", ("mistral-*",), 60, 1000, 4, Decimal(20), "week"),
        admin=True,
    )
    assert ask(keys, "c") == Grant(Caller("carol"), Plan())


def refused(keys: Keyring, key: str = "", *, now: datetime = NOW) -> str:
    with pytest.raises(Unauthorized) as caught:
        ask(keys, key, now=now)
    return str(caught.value)


def test_any_key_closes_the_gateway() -> None:
    keys = ring(alice=named("a"))
    assert keys.required
    assert refused(keys) == "an API key is required"
    assert refused(keys, "wrong") == "unknown API key"


def test_without_any_key_everybody_may_ask() -> None:
    keys = ring()
    assert not keys.required
    assert len(keys) == 0
    assert ask(keys) is None
    assert ask(keys, "ollama") is None


def test_where_no_key_is_required_an_unknown_one_counts_as_none() -> None:
    keys = ring(AuthSettings(required=False), alice=named("a"))
    assert ask(keys) is None
    assert ask(keys, "ollama") is None
    assert ask(keys, "a") == Grant(Caller("alice"), Plan())


@pytest.mark.parametrize("required", [True, False, None])
def test_a_dead_key_is_refused_everywhere(required: bool | None) -> None:
    keys = ring(
        AuthSettings(required=required),
        old=named("o", expires=NOW),
        off=named("d", disabled=True),
    )
    assert refused(keys, "o") == "this API key has expired"
    assert refused(keys, "d") == "this API key is disabled"
    assert ask(keys, "o", now=NOW - timedelta(microseconds=1)) == Grant(Caller("old"), Plan())


def test_a_required_key_that_does_not_exist_stops_the_start() -> None:
    with pytest.raises(SettingsError, match=r"^auth\.required: there is no key"):
        ring(AuthSettings(required=True))


def test_one_key_may_have_all_rights() -> None:
    keys = ring(AuthSettings(key="sixteen-letters-x"))
    assert keys.required
    assert ask(keys, "sixteen-letters-x") == Grant(Caller("default"), Plan(manage=True), admin=True)


def test_stored_keys_stand_beside_those_of_the_settings_which_win() -> None:
    keys = Keyring(
        AuthSettings(key="sixteen-letters-x"),
        keys={"alice": named("a")},
        stored=[
            ("Alice", named("stored")),
            ("default", named("stored too")),
            ("bob", named("b")),
            ("bob", named("old b", expires=NOW + timedelta(hours=1))),
        ],
    )
    assert ask(keys, "b") == ask(keys, "old b") == Grant(Caller("bob"), Plan())
    assert refused(keys, "old b", now=NOW + timedelta(hours=1)) == "this API key has expired"
    assert refused(keys, "stored") == "unknown API key"
    assert refused(keys, "stored too") == "unknown API key"


def test_a_stored_key_whose_plan_is_gone_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    keys = Keyring(AUTH, stored=[("bob", named("b", plan="gone"))])
    assert refused(keys, "b") == "this API key is disabled"
    assert "key bob is rejected: there is no plan gone" in caplog.text


def test_an_application_may_name_callers_itself() -> None:
    keys = ring()
    assert keys.grant(Caller("user 1", "team")).plan.tpm == 1000
    assert keys.grant(Caller("user 1")) == Grant(Caller("user 1"), Plan())
    with pytest.raises(SettingsError, match="there is no plan 'gone'"):
        keys.grant(Caller("user 1", "gone"))
    with pytest.raises(SettingsError, match="no caller can be called"):
        keys.grant(Caller("*"))


def test_no_secret_and_no_hash_is_in_a_text() -> None:
    keys = ring(alice=named("secret key"))
    shown = (
        repr(keys) + repr(vars(keys)) + repr(ask(keys, "secret key")) + repr(named("secret key"))
    )
    digest = hash_key("secret key").removeprefix("sha256:")
    # The look-up itself goes by the hash.
    shown = shown.replace(f"'sha256:{digest}': ", "")
    assert "secret key" not in shown
    assert digest not in shown


def test_wrong_keys_leave_nothing_behind() -> None:
    keys = ring(alice=named("a"))
    before = sys.getsizeof(keys._keys)
    for number in range(10_000):
        assert refused(keys, f"wrong {number}") == "unknown API key"
    assert (len(keys), sys.getsizeof(keys._keys)) == (1, before)


LARGE = ListedModel(
    "mistral-large", "mistral", ModelInfo("mistral-large-latest", canonical="mistral-large-2512")
)


@pytest.mark.parametrize(
    ("models", "asked", "expected"),
    [
        ((), "", True),
        (("mistral-large",), "", True),
        (("MISTRAL-LARGE",), "", True),
        (("mistral/*",), "", True),
        (("mistral-large-latest",), "", True),
        (("mistral-small*", "mistral-large-l*"), "", True),
        (("mistral-small*",), "", False),
        (("openai/*",), "", False),
        (("smart",), "", False),
        (("smart",), " Smart ", True),  # an alias, usable by its own name
        (("smart",), "mistral-large", False),
        (("!mistral-small*",), "", True),
        (("!mistral-large",), "", False),
        (("!mistral/*",), "smart", False),
        (("*", "!mistral-large-latest"), "", False),
        (("!smart",), "smart", False),
        (("!smart",), "mistral-large", True),
        (("*", "!mistral-large-2512"), "", False),  # no alias passes what is excluded
        (("mistral-large-2512",), "", False),
        (("!mistral-large*", "smart"), "smart", False),
    ],
)
def test_a_plan_allows_models_by_pattern(
    models: tuple[str, ...], asked: str, expected: bool
) -> None:
    assert may_use(Plan(models=models), LARGE, requested=asked) is expected
