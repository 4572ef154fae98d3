"""Recording in the API: the rules that say which calls are recorded; on, off, paused and resumed in a call that is up."""

from __future__ import annotations

from typing import Final

from aiohttp import web
from pydantic import ValidationError, create_model

from callcenter.basics.errors import BadRequest
from callcenter.console.api.models import Controlled, ControlParams, Row
from callcenter.console.asking import answer, ask_of, body_of
from callcenter.console.rights import Operation
from callcenter.console.table import Doc, Handler, Route
from callcenter.recordings import policy_store as store
from callcenter.recordings.policy import RecordingRule

RecordingRulePut = create_model(
    "RecordingRulePut",
    __config__=RecordingRule.model_config,
    __doc__="A rule; what is not given is as by default, what is empty fits every call.",
    **{name: (field.annotation, field) for name, field in RecordingRule.model_fields.items() if name != "name"},
)  # type: ignore[call-overload]


class RecordingRuleList(Row):
    """Every rule, the first that fits decides."""

    items: list[RecordingRule]


class RecordingRuleRemoved(Row):
    """Which rule is gone."""

    name: str


async def list_rules(request: web.Request) -> web.StreamResponse:
    """Every rule of recording."""
    return answer({"items": await store.read_rules(ask_of(request).parts.pool)})


async def save_rule(request: web.Request) -> web.StreamResponse:
    """Set a rule up, or change it; calls whose conversation begins after that are decided by it."""
    ask, name = ask_of(request), request.match_info["name"]
    wanted = await body_of(request, RecordingRulePut)
    try:
        rule = RecordingRule(name=name, **wanted.model_dump())
    except ValidationError as error:
        faults = [(".".join(map(str, fault["loc"])), fault["msg"].removeprefix("Value error, ")) for fault in error.errors()]
        raise BadRequest("; ".join(f"{field}: {why}" if field else why for field, why in faults)) from error
    await store.put_rule(ask.parts.pool, rule)
    await ask.audit("recordings.rules", f"recording-rule:{name}", **rule.model_dump())
    await ask.parts.changed()
    return answer(rule)


async def remove_rule(request: web.Request) -> web.StreamResponse:
    """Remove a rule."""
    ask, name = ask_of(request), request.match_info["name"]
    await store.remove_rule(ask.parts.pool, name)
    await ask.audit("recordings.rules", f"recording-rule:{name}", removed=True)
    await ask.parts.changed()
    return answer({"name": name})


def _controls(action: str) -> Handler:
    """What does ``action`` with the recording of a call that is up."""

    async def control(request: web.Request) -> web.StreamResponse:
        ask, call = ask_of(request), request.match_info["call"]
        await body_of(request, ControlParams)
        await ask.must_of_call(call)
        done = await ask.parts.calls.control(call, action, {}, ask.who.label)
        await ask.audit(f"calls.{action}", call)
        return answer(done)

    control.__name__ = action.replace("-", "_")
    return control


_SUMMARIES: Final = {
    "record-start": "Record a conversation that is not being recorded",
    "record-stop": "Record it no longer; what was recorded is stored",
    "record-pause": "Silence on both channels of the recording from now on",
    "record-resume": "The voices are recorded again",
}

ROUTES: Final = (
    *(
        Route(
            method="POST", path=f"/api/v1/calls/{{call}}/{action}", handler=_controls(action), operation=Operation.RECORDINGS_CONTROL,
            doc=Doc(summary=summary, body=ControlParams, answer=Controlled, refusals=(404, 409, 503)),
        )
        for action, summary in _SUMMARIES.items()
    ),
    Route(
        method="GET", path="/api/v1/recording-rules", handler=list_rules, operation=Operation.CENTRE_SEE,
        doc=Doc(summary="Which calls are recorded: every rule, the first that fits decides", answer=RecordingRuleList, refusals=(503,)),
    ),
    Route(
        method="PUT", path="/api/v1/recording-rules/{name}", handler=save_rule, operation=Operation.RECORDINGS_CHANGE,
        doc=Doc(summary="Set a rule of recording up, or change it", body=RecordingRulePut, answer=RecordingRule, refusals=(503,)),
    ),
    Route(
        method="DELETE", path="/api/v1/recording-rules/{name}", handler=remove_rule, operation=Operation.RECORDINGS_CHANGE,
        doc=Doc(summary="Remove a rule of recording", answer=RecordingRuleRemoved, refusals=(404, 503)),
    ),
)  # fmt: skip
