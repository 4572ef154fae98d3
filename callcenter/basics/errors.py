"""The exception tree. Each class carries a slug and an HTTP status, and its docstring is its message.

CallCenterError
├── CallerGone            the caller or the other side has left: ordinary, never logged as an error
├── AsteriskRefused       Asterisk said no: its status and its message
│   └── ChannelGone       404, 409 or 412: the channel or bridge is just gone: ordinary
├── AsteriskAway          no connection, or no answer within the time limit
├── BadRequest            the asker's fault: what was wrong, where, what to do
│   ├── BadFlow           an IVR flow that can't be run: the place and the reason
│   ├── BadQueue          a queue that can't work as set up: the place and the reason
│   └── Unauthorised / Forbidden / NotFound / TooLate / TooLarge
├── StoreAway             Postgres or Redis can't be reached
├── SetupFailed           the machine lacks something: what, and what to do
└── Bug                   ours
"""

from __future__ import annotations


class CallCenterError(Exception):
    """Something went wrong in the call centre."""

    slug = "error"
    status = 500

    def __init__(self, message: str = "", **details: object) -> None:
        super().__init__(message or (type(self).__doc__ or "").splitlines()[0])
        self.details = details


class CallerGone(CallCenterError):
    """The caller has left."""

    slug = "caller-gone"
    status = 409


class AsteriskRefused(CallCenterError):
    """Asterisk refused the request."""

    slug = "asterisk-refused"
    status = 502

    def __init__(self, asterisk_status: int, text: str, request: str) -> None:
        super().__init__(f"{request}: Asterisk answered {asterisk_status} {text}")
        self.asterisk_status = asterisk_status
        self.text = text
        self.request = request


class ChannelGone(AsteriskRefused):
    """The channel or bridge is just gone."""

    slug = "channel-gone"
    status = 409


class AsteriskAway(CallCenterError):
    """Asterisk is not reachable, or did not answer in time."""

    slug = "asterisk-away"
    status = 503


class BadRequest(CallCenterError):
    """The request can't be understood."""

    slug = "bad-request"
    status = 400


class BadFlow(BadRequest):
    """The IVR flow can't be run."""

    slug = "bad-flow"
    status = 422

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{place}: {reason}" for place, reason in faults), faults=faults)
        self.faults = faults


class BadQueue(BadRequest):
    """The queue can't work as set up."""

    slug = "bad-queue"
    status = 422

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{place}: {reason}" for place, reason in faults), faults=faults)
        self.faults = faults


class Unauthorised(BadRequest):
    """Sign in first."""

    slug = "unauthorised"
    status = 401


class Forbidden(BadRequest):
    """Your role does not allow this."""

    slug = "forbidden"
    status = 403


class NotFound(BadRequest):
    """There is no such thing here."""

    slug = "not-found"
    status = 404


class TooLate(BadRequest):
    """The call has gone on: this can no longer be done."""

    slug = "too-late"
    status = 409


class InUse(BadRequest):
    """Something else needs it: it can't be removed yet."""

    slug = "in-use"
    status = 409


class TooLarge(BadRequest):
    """What was sent is too large."""

    slug = "too-large"
    status = 413


class StoreAway(CallCenterError):
    """The database is not reachable."""

    slug = "store-away"
    status = 503


class SetupFailed(CallCenterError):
    """The machine lacks something."""

    slug = "setup-failed"

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}. {remedy}")
        self.what = what
        self.remedy = remedy


class Bug(CallCenterError):
    """A fault of ours."""

    slug = "bug"
