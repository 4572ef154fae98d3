"""Trunks by the API: set up, changed, refused with each place and reason, written down without their secrets."""

from __future__ import annotations

from tests.console.site import Site

ACME = {"title": "Acme", "host": "sip.example.org", "username": "4000123", "password": "pro-vider!1", "registers": True, "position": 5}


async def test_a_trunk_keeps_its_secrets_until_they_are_given_anew(site: Site) -> None:
    saved = await site.ask("PUT", "/api/v1/trunks/acme", ACME)
    row = await saved.json()
    assert "127.0.0.1: only this machine" in row["hint"]
    assert saved.status == 201 and (row["has_password"], row["registration"], row["port"]) == (True, "unregistered", 5060)
    for _ in range(2):
        again = await site.ask("PUT", "/api/v1/trunks/acme", {**ACME, "password": None, "host": "2001:db8::7", "port": 5080})
        assert again.status == 200 and (await again.json())["has_password"]
    stored = await site.pool.fetchrow("select outbound_host, password from trunks where name = 'acme'")
    assert tuple(stored or ()) == ("[2001:db8::7]:5080", "pro-vider!1")
    shown = await (await site.ask("GET", "/api/v1/trunks/acme")).json()
    assert (shown["host"], shown["port"]) == ("2001:db8::7", 5080)
    plain = await (await site.ask("PUT", "/api/v1/trunks/acme", {"signs_in": True, "inbound_password": "come-in-1"})).json()
    assert (plain["has_password"], plain["host"], plain["signs_in_as"], plain["registration"], plain["hint"]) == (
        False,
        None,
        "trunk-acme",
        None,
        None,
    )
    kept = await (await site.ask("PUT", "/api/v1/trunks/acme", {"signs_in": True})).json()
    assert kept["signs_in_as"] == "trunk-acme"
    assert (await (await site.ask("PUT", "/api/v1/trunks/acme", {})).json())["signs_in_as"] is None
    listed = str(await (await site.ask("GET", "/api/v1/trunks")).json())
    assert "'acme'" in listed
    assert (await (await site.ask("DELETE", "/api/v1/trunks/acme")).json()) == {"name": "acme"}
    assert [(await site.ask(method, "/api/v1/trunks/acme")).status for method in ("GET", "DELETE")] == [404, 404]
    told = await site.pool.fetch("select who, details::text as said from audit where what = 'trunks.change' and subject = 'trunk:acme'")
    assert len(told) == 7 and {row["who"] for row in told} == {"token:admin"}
    for secret in ("pro-vider", "come-in"):
        assert secret not in listed + "".join(row["said"] for row in told)


async def test_every_place_and_reason_is_told(site: Site) -> None:
    assert (await site.ask("PUT", "/api/v1/trunks/near", {"networks": ["192.0.2.0/24"]})).status == 201
    wrong = await site.ask(
        "PUT", "/api/v1/trunks/bad", {"host": "a b", "codecs": ["g729"], "called_rules": [{"begins": "x", "becomes": ""}]}
    )
    problem = await wrong.json()
    assert (wrong.status, problem["type"]) == (400, "bad-request")
    assert {fault["field"] for fault in problem["places"]} >= {"host", "codecs.0", "called_rules.0.begins"}
    whole = await site.ask("PUT", "/api/v1/trunks/bad", {"registers": True, "signs_in": True, "networks": ["192.0.2.0/24"]})
    assert {fault["place"] for fault in (await whole.json())["places"]} >= {
        "host",
        "username",
        "main_number",
        "networks",
        "inbound_password",
    }
    secret = await site.ask("PUT", "/api/v1/trunks/bad", {"host": "a", "username": "u", "password": "geheim;geheim"})
    assert secret.status == 400 and "geheim" not in str(await secret.json())
    for name in ("main", "Bad", "a b"):
        assert (await site.ask("PUT", f"/api/v1/trunks/{name}", {})).status == 400
    assert (await site.ask("GET", "/api/v1/trunks/bad")).status == 404
    await site.ask("DELETE", "/api/v1/trunks/near")
