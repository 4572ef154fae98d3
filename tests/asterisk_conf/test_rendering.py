"""Rendering: whatever a value holds, the files keep their structure; nothing is written that need not be."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callcenter.asterisk import render as rendering
from callcenter.asterisk import render_values as check
from callcenter.asterisk.music import lay_default_music, music_classes
from callcenter.asterisk.render import (
    CentreFacts,
    FallbackQueue,
    Phone,
    Trunk,
    TrunkIn,
    TrunkOut,
    centre_facts,
    needs_restart,
    reloads,
    render,
)
from callcenter.basics.errors import BadRequest
from callcenter.basics.settings import Settings
from tests.asterisk_conf.private_asterisk import example_facts
from tests.parts.hearing import loudness, read_wav

FOLDER = Path("/srv/centre/asterisk")
_INERT = re.compile(r"[\w .+/@~·'%^*:,!#?-]+")


def structure(facts: CentreFacts) -> list[tuple[str, ...]]:
    """Every line of every file as Asterisk's parser sees it, with all harmless text reduced to ``x``."""
    found: list[tuple[str, ...]] = []
    for name, text in sorted(rendering._texts(facts, "/srv/etc").items()):
        for line in text.splitlines():
            code = re.split(r"(?<!\\);", line)[0].strip()
            if code.startswith("#"):
                found.append((name, code))
            elif code.startswith("["):
                header, _, inherits = code.partition("]")
                found.append((name, "section", _INERT.sub("x", header), inherits))
            elif code:
                key, sign, value = re.match(r"([^=]*)(=>?)?(.*)", code).groups(default="")  # type: ignore[union-attr]
                found.append((name, key.strip(), sign, _INERT.sub("x", value), str(value.count(","))))
    return found


BASELINE = example_facts(FOLDER)
PHONE, TRUNK, QUEUE = BASELINE.phones[0], BASELINE.trunks[0], BASELINE.queues[0]


def with_phone(**changed: Any) -> CentreFacts:
    phone = dataclasses.replace(PHONE, **changed)
    queues = tuple(
        dataclasses.replace(queue, members=tuple(phone.number if m == "1001" else m for m in queue.members)) for queue in BASELINE.queues
    )
    return dataclasses.replace(BASELINE, phones=(phone, *BASELINE.phones[1:]), queues=queues)


def with_trunk(**changed: Any) -> CentreFacts:
    return dataclasses.replace(BASELINE, trunks=(dataclasses.replace(TRUNK, **changed),))


WAY_OUT = TrunkOut(name="mobile", host="sip.example.org", user="+861088886666", password="provider-123", caller="1008", contact_user="4000")
WAY_IN = TrunkIn(name="branch", networks=("192.0.2.0/24",), password="branch-123", is_registered=True)


def with_way_out(**changed: Any) -> CentreFacts:
    return dataclasses.replace(BASELINE, ways_out=(dataclasses.replace(WAY_OUT, **changed),))


def with_way_in(**changed: Any) -> CentreFacts:
    return dataclasses.replace(BASELINE, ways_in=(dataclasses.replace(WAY_IN, **changed),))


def with_queue(**changed: Any) -> CentreFacts:
    return dataclasses.replace(BASELINE, queues=(dataclasses.replace(QUEUE, **changed), *BASELINE.queues[1:]))


FIELDS: dict[str, Any] = {
    "phone.number": (lambda value: with_phone(number=value), "1007"),
    "phone.name": (lambda value: with_phone(name=value), "王小明"),
    "phone.sip_password": (lambda value: with_phone(sip_password=value), "abcdefgh12345678"),
    "trunk.name": (lambda value: with_trunk(name=value), "main"),
    "trunk.host": (lambda value: with_trunk(host=value), "192.0.2.1"),
    "trunk.peers": (lambda value: with_trunk(peers=(value,)), "127.0.0.1/32"),
    "trunk.send_to": (lambda value: with_trunk(send_to=value), "sip.example.org"),
    "way_out.name": (lambda value: with_way_out(name=value), "mobile"),
    "way_out.host": (lambda value: with_way_out(host=value), "sip.example.org"),
    "way_out.user": (lambda value: with_way_out(user=value), "+861088886666"),
    "way_out.password": (lambda value: with_way_out(password=value), "provider-123"),
    "way_out.caller": (lambda value: with_way_out(caller=value), "+861088886666"),
    "way_out.contact_user": (lambda value: with_way_out(contact_user=value), "4000"),
    "way_out.codecs": (lambda value: with_way_out(codecs=("alaw", value)), "ulaw"),
    "way_in.name": (lambda value: with_way_in(name=value), "branch"),
    "way_in.networks": (lambda value: with_way_in(networks=(value,)), "192.0.2.0/24"),
    "way_in.guests": (lambda value: with_way_in(networks=(value,), password=None), "192.0.2.0/24"),
    "way_in.password": (lambda value: with_way_in(password=value), "branch-123"),
    "way_in.codecs": (lambda value: with_way_in(codecs=("alaw", value)), "ulaw"),
    "queue.name": (lambda value: with_queue(name=value), "sales"),
    "queue.members": (lambda value: with_queue(members=("1001", value)), "1002"),
    "queue.numbers": (lambda value: with_queue(numbers=("4000", value)), "+8610"),
    **{
        name: (lambda value, name=name: dataclasses.replace(BASELINE, **{name: value}), example)
        for name, example in {
            "module_dir": "/srv/modules",
            "asterisk_dir": "/srv/asterisk",
            "prompts_dir": "/srv/prompts",
            "music_dir": "/srv/music",
            "voicemail_dir": "/srv/vm",
            "witness_file": "/srv/w.csv",
            "cdr_file": "/srv/c.csv",
            "data_dir": "/srv/data",
            "sip_host": "127.0.0.1",
            "ari_user": "callcenter",
            "ari_password": "abcdefgh1234",
            "ami_user": "callcenter",
            "ami_password": "abcdefgh1234",
            "timezone": "Asia/Shanghai",
            "language": "zh",
        }.items()
    },
}
NASTY = st.sampled_from(
    [
        "\n", "\r", ";", "[", "]", "${X}", "$[1]", "&", "|", ",", "{", "}", "=>", "=", '"', "\\", "#exec x", "\n[evil]\nkey = 1",
        "\x00", "\u2028", "\x85", "<", ">", " ", "٣", "(", ")", "!", "../",
    ]
)  # fmt: skip


@st.composite
def hostile(draw: st.DrawFn) -> tuple[str, str]:
    """A field, and a text for it: any, or a good one with something nasty within."""
    field = draw(st.sampled_from(sorted(FIELDS)))
    example = FIELDS[field][1]
    if draw(st.booleans()):
        return field, draw(st.text(max_size=60))
    at = draw(st.integers(0, len(example)))
    return field, example[:at] + draw(NASTY) + example[at:]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(hostile())
def test_no_value_changes_the_structure_of_any_file(case: tuple[str, str]) -> None:
    field, value = case
    make, example = FIELDS[field]
    try:
        facts = make(value)
    except (BadRequest, ValueError):
        return
    assert structure(facts) == structure(make(example))


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_a_line_feed_is_refused_in_every_field(field: str) -> None:
    make, example = FIELDS[field]
    make(example)
    for tail in ("\n", "\n[evil]", "\r\nkey = 1"):
        with pytest.raises((BadRequest, ValueError)):
            make(example + tail)


@given(st.text())
def test_the_second_gate_lets_nothing_pass_that_ends_a_value(text: str) -> None:
    try:
        passed = str(check.harmless(text))
    except BadRequest:
        return
    assert not re.search(r"[\r\n\x00;\[\]{}|&]|\$\{|\$\[", passed)


@given(st.text())
def test_a_plain_name_can_be_made_of_any_text(text: str) -> None:
    name = check.plain_person(text, "agent")
    assert check.person("name", name) == name


def test_a_refusal_names_the_field_and_keeps_secrets_to_itself() -> None:
    with pytest.raises(BadRequest, match="name of phone 1001"):
        with_phone(name='Bob" <1>')
    with pytest.raises(BadRequest) as caught:
        with_phone(sip_password="geheim;geheim")
    assert "SIP password of phone 1001" in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "phone-1001" not in repr(PHONE)
    assert "secret" not in repr(BASELINE)


def test_nothing_may_stand_twice_or_point_nowhere() -> None:
    for make in (
        lambda: dataclasses.replace(BASELINE, phones=(PHONE, PHONE)),
        lambda: with_queue(members=("1001", "1001")),
        lambda: with_queue(members=("8888",)),
        lambda: with_queue(numbers=("4002",)),
        lambda: with_trunk(port=BASELINE.sip_port),
        lambda: with_trunk(peers=()),
        lambda: with_trunk(user="me"),
        lambda: with_way_out(password=None),
        lambda: with_way_out(port=0),
        lambda: dataclasses.replace(BASELINE, ways_out=(WAY_OUT, WAY_OUT)),
        lambda: dataclasses.replace(BASELINE, rtp_end=BASELINE.rtp_start),
        lambda: dataclasses.replace(BASELINE, sip_port=0),
        lambda: dataclasses.replace(BASELINE, prompts_dir=Path("relative")),
        lambda: dataclasses.replace(BASELINE, prompts_dir=Path("/srv/../etc")),
    ):
        with pytest.raises(BadRequest):
            make()


def test_only_what_changes_is_written(tmp_path: Path) -> None:
    every = render(tmp_path / "etc", BASELINE)
    assert {"pjsip.conf", "pjsip_agents.conf", "extensions.conf", "entry.conf", "modules.conf"} <= every
    assert {path.name for path in (tmp_path / "etc").iterdir()} == every
    before = {name: (tmp_path / "etc" / name).stat().st_ino for name in every}
    assert render(tmp_path / "etc", BASELINE) == set()
    fewer = dataclasses.replace(BASELINE, phones=BASELINE.phones[:2], queues=BASELINE.queues[:1])
    changed = render(tmp_path / "etc", fewer)
    assert changed == {"pjsip_agents.conf", "queues.conf", "fallback-queues.conf"}
    assert reloads(changed) == ["app_queue.so", "pbx_config.so", "res_pjsip.so"]
    assert not needs_restart(changed)
    after = {name: (tmp_path / "etc" / name).stat().st_ino for name in every}
    assert {name for name in every if before[name] != after[name]} == changed
    assert needs_restart(render(tmp_path / "etc", dataclasses.replace(fewer, sip_port=6060)))


def test_a_trunk_for_calls_going_out_is_taken_up_live_and_nobody_is_taken_for_it(tmp_path: Path) -> None:
    render(tmp_path, BASELINE)
    changed = render(tmp_path, with_way_out(host="2001:db8::7", port=5080))
    assert changed == {"pjsip_trunks.conf"} and not needs_restart(changed)
    assert reloads(changed) == ["res_pjsip.so", "res_pjsip_endpoint_identifier_ip.so", "res_pjsip_outbound_registration.so"]
    text = (tmp_path / "pjsip_trunks.conf").read_text()
    assert "contact = sip:[2001:db8::7]:5080" in text and "outbound_auth = out-mobile" in text and "identify_by = ip\n" in text
    assert "endpoint = out-mobile" not in text


def test_a_provider_known_by_address_calls_at_the_trunks_port_and_one_that_signs_in_is_an_endpoint(tmp_path: Path) -> None:
    render(tmp_path, BASELINE)
    guest = with_way_in(password=None, is_registered=False)
    changed = render(tmp_path, guest)
    assert changed == {"pjsip_trunks.conf", "entry.conf", "fallback.conf"} and not needs_restart(changed)
    text = (tmp_path / "pjsip_trunks.conf").read_text()
    assert "permit = 192.0.2.0/24" in text and "match = 192.0.2.0/24" in text and "[trunk-branch]" not in text
    assert "Stasis(${CC_APP},trunk,from=${CHANNEL(pjsip,remote_addr)})" in (tmp_path / "entry.conf").read_text()
    render(tmp_path, with_way_in(is_registered=False))
    text = (tmp_path / "pjsip_trunks.conf").read_text()
    assert "match = 192.0.2.0/24" not in text and "identify_by = auth_username\nauth = trunk-branch" in text
    assert "Stasis(${CC_APP},trunk)" in (tmp_path / "entry.conf").read_text()


def test_files_are_for_their_owner_only_even_when_they_were_not(tmp_path: Path) -> None:
    loose = tmp_path / "manager.conf"
    loose.write_text("old")
    loose.chmod(0o644)
    render(tmp_path, BASELINE)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in tmp_path.iterdir())


def test_a_centre_of_settings_alone(tmp_path: Path) -> None:
    facts = centre_facts(
        Settings(var_dir=tmp_path, sip_host="0.0.0.0", trunk_peers=["127.0.0.1/32", "203.0.113.0/24"], external_address="198.51.100.7"),
        module_dir=Path("/m"), data_dir=Path("/d"), ari_password="abcdefgh1234", ami_password="abcdefgh1234",
        phones=(Phone(number="1001", name="A", sip_password="abcdefgh1234"),), queues=(FallbackQueue(name="sales", members=("1001",)),),
    )  # fmt: skip
    render(tmp_path / "etc", facts)
    assert "match = 203.0.113.0/24" in (tmp_path / "etc" / "pjsip_trunks.conf").read_text()
    text = (tmp_path / "etc" / "pjsip.conf").read_text()
    assert "external_media_address = 198.51.100.7" in text
    assert facts.trunks == (Trunk(name="main", host="127.0.0.1", port=5070, peers=("127.0.0.1/32", "203.0.113.0/24")),)


def test_addresses_of_the_next_generation_stand_in_brackets(tmp_path: Path) -> None:
    trunk = Trunk(name="six", host="::1", port=5070, peers=("2001:db8::/32",), send_to="2001:db8::7")
    render(tmp_path, dataclasses.replace(BASELINE, sip_host="::", trunks=(trunk,)))
    text = (tmp_path / "pjsip.conf").read_text() + (tmp_path / "pjsip_trunks.conf").read_text()
    for line in ("bind = [::]:5060", "bind = [::1]:5070", "contact = sip:[2001:db8::7]:5060", "permit = 2001:db8::/32"):
        assert line in text


def test_every_file_says_who_reads_it() -> None:
    for name, text in rendering._texts(BASELINE, "/srv/etc").items():
        assert text.startswith("; Read by "), name


def test_each_folder_with_a_sound_is_a_music_class(tmp_path: Path) -> None:
    assert music_classes(tmp_path / "none") == ("default",)
    for name in ("jazz", "empty", "Bad Name"):
        (tmp_path / name).mkdir()
    for name in ("jazz", "Bad Name"):
        (tmp_path / name / "one.wav").touch()
    assert music_classes(tmp_path) == ("default", "jazz")


def test_a_centre_without_music_gets_some_and_one_with_keeps_its_own(tmp_path: Path) -> None:
    assert lay_default_music(tmp_path)
    sounds = read_wav(tmp_path / "callcenter-default.wav")
    assert 10 < len(sounds) / 8000 < 60
    assert 500 < loudness(sounds) < 4000
    assert all(loudness(sounds[at : at + 8000]) > 200 for at in range(0, len(sounds) - 8000, 8000))
    (tmp_path / "callcenter-default.wav").rename(tmp_path / "own.wav")
    assert not lay_default_music(tmp_path)
