"""What the ledger's words are called in people's languages, and its events as sentences. Pure.

Strings stand in English here and are marked for translation by ``N_`` and ``_``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

Translate = Callable[[str], str]


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "translate later"
    """Mark a string for translation."""
    return text


NAMES: Final[Mapping[str, str]] = {
    # phases and segments
    "greeting": N_("Greeting"), "menu": N_("Menu"), "ivr": N_("Menu"), "queue": N_("Waiting"), "offering": N_("Ringing"),
    "direct": N_("Direct call"),
    "announcing": N_("Announcement"), "conversation": N_("Conversation"), "voicemail": N_("Voicemail"), "other": N_("Other"),
    "asking": N_("Asked about a callback"), "callback": N_("Callback"),
    "feature": N_("Feature code"), "farewell": N_("Farewell"), "conference": N_("Conference"), "fallback": N_("Served without the service"),
    "done": N_("Ended"), "held": N_("On hold"), "hold": N_("On hold"),
    # states
    "offline": N_("Offline"), "ready": N_("Ready"), "paused": N_("Paused"), "ringing": N_("Ringing"), "talking": N_("Talking"),
    "wrapup": N_("Wrap-up"), "unreachable": N_("Phone unreachable"), "waiting": N_("Waiting"),
    # why an agent is preferred
    "owner": N_("their own customer"), "last": N_("talked with them last"), "flow": N_("chosen by the menu"),
    # directions
    "inbound": N_("Inbound"), "outbound": N_("Outbound"), "internal": N_("Internal"),
    # outcomes
    "answered": N_("Answered"), "abandoned_ivr": N_("Left in menu"), "abandoned_queue": N_("Left while waiting"),
    "no_answer": N_("No answer"), "busy": N_("Busy"), "self_service": N_("Self-service"), "refused": N_("Refused"),
    "failed": N_("Failed"), "media_server_lost": N_("Media server lost"), "": N_("In progress"),
    # parties
    "caller": N_("Caller"), "agent": N_("Agent"), "outside": N_("Outside number"), "system": N_("System"), "supervisor": N_("Supervisor"),
    "admin": N_("Administrator"), "anonymous": N_("Anonymous"),
    # languages, offers, recordings
    "own": N_("Own recording"), "synthesised": N_("Synthesised"), "missing": N_("Missing"),
    "zh": N_("Chinese"), "en": N_("English"), "declined": N_("declined"), "timed_out": N_("did not answer"),
    "caller_gone": N_("caller left"), "elsewhere": N_("answered at another phone"),
    "abandoned": N_("caller left"), "timeout": N_("waited too long"), "overflow": N_("overflow"),
    "key": N_("key pressed"), "closed": N_("closed"),
    "full": N_("full"), "no_agents": N_("nobody on duty"), "no_agent": N_("no agent took the call"),
    # what supervisors do
    "listen": N_("listens"), "whisper": N_("whispers to the agent"), "barge": N_("speaks with both sides"),
    "left": N_("hung up"), "call_ended": N_("the call ended"), "took_over": N_("took the call over"),
    "rule": N_("by a rule"),
    # how a report is cut
    "total": N_("Whole period"), "day": N_("By day"), "hour": N_("By hour"),
}  # fmt: skip
"""What a word of the system is called on a page."""


def name_of(_: Translate, word: str) -> str:
    """What a word of the system is called; itself when it is nobody's word."""
    return _(NAMES[word]) if word in NAMES else word


REFUSALS: Final[Mapping[str, str]] = {
    "empty": N_("Choose a file that has sound in it."), "wrong-type": N_("The file is neither WAV nor MP3."),
    "unreadable": N_("The file is damaged: it can't be read as sound."), "truncated": N_("The file is cut short: its end is missing."),
    "silent": N_("The recording is silent. Was the microphone on?"), "too-large": N_("The file is larger than 20 MB."),
    "too-long": N_("The recording is longer than 10 minutes."), "too-short": N_("The recording is too short to be heard."),
    "unknown-name": N_("There is no such prompt. Names of your own have small letters, digits and hyphens, at most 40."),
    "unknown-language": N_("There is no such language."), "not-own": N_("There is no own recording to take back."),
}  # fmt: skip
"""Why a recording was not taken: the problem's ``reason`` → a sentence."""


def refusal_of(_: Translate, reason: object, otherwise: str) -> str:
    """Why something was refused; ``otherwise`` for a reason nobody wrote a sentence for."""
    return _(REFUSALS[str(reason)]) if str(reason) in REFUSALS else otherwise


SENTENCES: Final[Mapping[str, str]] = {
    "call_arrived": N_("The call from %(caller)s to %(dialled)s arrived"),
    "leg_started": N_("%(role)s %(party)s was connected to the system"),
    "leg_answered": N_("%(leg)s picked up"),
    "leg_ended": N_("The line of %(leg)s ended, hung up by %(by)s (cause %(cause)s)"),
    "phase_entered": N_("Now: %(phase)s"),
    "language_chosen": N_("Prompts continue in %(language)s"),
    "node_entered": N_("Menu %(flow)s reached “%(node)s”"),
    "digits_pressed": N_("The caller pressed %(digits)s at “%(node)s”"),
    "digits_invalid": N_("The caller pressed %(digits)s at “%(node)s”, which is no choice there"),
    "digits_secret": N_("The caller typed something secret at “%(node)s”"),
    "queued": N_("Began to wait in queue %(queue)s"),
    "prioritised": N_("%(by)s set the priority to %(priority)s"),
    "agent_preferred": N_("%(agent)s is asked first: %(why)s"),
    "left_queue": N_("Left queue %(queue)s: %(why)s"),
    "left_queue_to": N_("Left queue %(queue)s: %(why)s, to %(to)s"),
    "wait_promised": N_("At place %(position)s, a wait between %(low_s)s and %(high_s)s s was expected"),
    "wait_promised_said": N_("At place %(position)s, the caller was told of a wait between %(low_s)s and %(high_s)s s"),
    "callback_asked": N_("The caller will be called back at %(number)s and keeps the place in queue %(queue)s"),
    "callback_asked_had_one": N_("The caller had a callback to %(number)s in queue %(queue)s already, which stays"),
    "callback_started": N_("Attempt %(attempt)s to call a customer of queue %(queue)s back"),
    "callback_ended": N_("The attempt to call back ended: %(end)s"),
    "offered": N_("The phone of agent %(agent)s rings"),
    "offer_ended": N_("Offer to agent %(agent)s: %(end)s"),
    "announced": N_("The caller heard the number of agent %(agent)s"),
    "announced_partly": N_("The caller heard the number of agent %(agent)s in part"),
    "bridged": N_("Both sides can hear each other"),
    "unbridged": N_("%(leg)s left the conversation"),
    "held": N_("%(leg)s was put on hold"),
    "retrieved": N_("%(leg)s was taken off hold"),
    "recording_started": N_("Recording began"),
    "recording_told": N_("The caller was told that the call is recorded"),
    "not_recorded": N_("Not recorded: %(why)s"),
    "recording_paused": N_("Recording was paused by %(by)s"),
    "recording_resumed": N_("Recording goes on, resumed by %(by)s"),
    "recording_ended": N_("Recording ended"),
    "recording_failed": N_("Recording failed: %(reason)s"),
    "conference_joined": N_("The caller joined the conference %(conference)s"),
    "conference_muted": N_("The caller was muted or unmuted in the conference %(conference)s by %(by)s"),
    "conference_left": N_("The caller left the conference %(conference)s"),
    "supervisor_joined": N_("%(by)s joined at phone %(phone)s: %(mode)s"),
    "supervisor_mode_changed": N_("%(by)s turned to: %(mode)s"),
    "supervisor_left": N_("%(by)s left: %(why)s"),
    "taken_over": N_("%(agent)s took the call over from %(before)s"),
    "voicemail_left": N_("The caller left a message in mailbox %(box)s"),
    "recovered": N_("Another worker took the call over after a restart"),
    "call_ended": N_("The call ended, hung up by %(by)s: %(outcome)s"),
    "call_ended_witnessed": N_("The call ended while the service was away, hung up by %(by)s: %(outcome)s"),
    "wrap_up_ended": N_("Agent %(agent)s finished wrap-up"),
    "agent_changed": N_("Agent %(agent)s: %(state)s"),
}
"""One sentence per kind of event; variants have a longer name."""

_TRANSLATED_FIELDS: Final = frozenset({"role", "by", "phase", "language", "why", "end", "outcome", "state", "mode"})


def sentence(_: Translate, event: Mapping[str, Any], legs: Mapping[str, str]) -> str:
    """An event as a sentence. ``legs`` names each leg (``Agent 1001``); an event nobody wrote a sentence for shows its kind."""
    kind = str(event.get("kind", ""))
    template = SENTENCES.get(_variant(kind, event))
    if template is None:
        return kind.replace("_", " ")
    said = {name: _said(_, name, value, legs) for name, value in event.items()}
    return _(template) % _Lenient(said)


class _Lenient(dict[str, str]):
    """Fields that an event left out, being at their default, are shown as a dash."""

    def __missing__(self, key: str) -> str:
        return "–"


def _variant(kind: str, event: Mapping[str, Any]) -> str:
    if kind == "digits_pressed":
        if not event.get("digits"):
            return "digits_secret"
        return kind if event.get("valid") else "digits_invalid"
    for plain, field, wanted, variant in _VARIANTS:
        if kind == plain and bool(event.get(field)) is wanted:
            return variant
    return kind


_VARIANTS: Final = (
    ("announced", "complete", False, "announced_partly"),
    ("left_queue", "to", True, "left_queue_to"),
    ("wait_promised", "said", True, "wait_promised_said"),
    ("callback_asked", "had_one", True, "callback_asked_had_one"),
    ("call_ended", "witnessed", True, "call_ended_witnessed"),
)
"""Kind, field, whether it says something, and the variant's name then."""
_DESTINATIONS: Final[Mapping[str, str]] = {
    "queue": N_("Queue"), "agent": N_("Agent"), "number": N_("Outside number"), "voicemail": N_("Voicemail"),
    "announcement": N_("Announcement"), "callback": N_("Callback"),
}  # fmt: skip
"""Where a caller goes who leaves a queue, before the colon."""


def _said(_: Translate, name: str, value: Any, legs: Mapping[str, str]) -> str:
    if name == "leg":
        return legs.get(str(value), "–")
    if name == "to":
        kind, _colon, target = str(value).partition(":")
        return f"{_(_DESTINATIONS.get(kind, kind))} {target}".strip()[:200]
    if name in _TRANSLATED_FIELDS or (name == "caller" and value == "anonymous"):
        word, colon, who = str(value).partition(":")
        return f"{name_of(_, word)} {who}" if colon else name_of(_, word)
    return " ".join(str(value).split())[:200]


def leg_names(_: Translate, legs: list[dict[str, Any]]) -> dict[str, str]:
    """What each leg is called: its role, and for agents their number."""
    return {
        str(leg["id"]): f"{name_of(_, str(leg['role']))} {leg['party']}" if leg["role"] != "caller" else name_of(_, "caller")
        for leg in legs
    }
