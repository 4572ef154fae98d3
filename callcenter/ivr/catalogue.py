"""Every prompt there is: its name and what it says in both languages. ``{en:…}`` is spoken in the other language's voice. Pure."""

from __future__ import annotations

from typing import Final

from callcenter.basics.vocabulary import Language

LONGEST_PROMPT_S: Final = 600
"""No prompt is longer: longer recordings are refused, and a playback that has not ended by then is given up."""
_SENTENCES: Final[dict[str, tuple[str, str]]] = {
    "welcome": ("您好，欢迎致电。", "Hello, and welcome."),
    "main-menu": (
        "销售请按一，客户服务请按二，人工服务请按零，重听请按井号键。{en:For English, press 9.}",
        "For sales, press 1. For support, press 2. For the operator, press 0. "
        "To hear this again, press the hash key. {zh:中文服务请按九。}",
    ),
    "invalid-choice": ("您的输入有误。", "That choice is not valid."),
    "no-input": ("没有收到您的输入。", "We did not receive your choice."),
    "please-hold": ("正在为您转接，请稍候。", "Please hold while we connect you."),
    "all-busy": ("坐席正忙，请耐心等待。", "All agents are busy. Please wait."),
    "no-agents": ("目前没有坐席在线。", "No agents are available at the moment."),
    "closed": ("现在是非工作时间。", "We are closed at the moment."),
    "out-of-service": ("对不起，您拨打的服务暂时无法使用。", "Sorry, this service is not available at the moment."),
    "number-busy": ("您拨打的电话正在通话中，请稍后再拨。", "The number you are calling is busy. Please try again later."),
    "number-unreachable": ("您拨打的电话暂时无法接通。", "The number you are calling can't be reached at the moment."),
    "enter-number": ("请输入号码，以井号键结束。", "Please enter the number, followed by the hash key."),
    "goodbye": ("感谢您的来电，再见。", "Thank you for calling. Goodbye."),
    "voicemail-greeting": ("请在提示音后留言，按井号键结束。", "Please leave a message after the tone. Press hash when you have finished."),
    "agent-ready": ("您已置闲。", "You are ready."),
    "agent-paused": ("您已置忙。", "You are paused."),
    "agent-offline": ("您已签出。", "You have signed off."),
    "agent/enter-number": ("请输入工号，以井号键结束。", "Please enter your number, followed by the hash key."),
    "agent/enter-pin": ("请输入密码，以井号键结束。", "Please enter your PIN, followed by the hash key."),
    "agent/wrong-pin": ("工号或密码错误。", "Number or PIN is not right."),
    "agent/too-many-tries": ("错误次数过多，请稍后再试。", "Too many tries. Please try again later."),
    "agent/phone-taken": ("其他坐席已在此话机签入。", "Another agent is signed on at this phone."),
    "agent/signed-on": ("您已在此话机签入。", "You are signed on at this phone."),
    "agent/no-such-reason": ("没有这个置忙原因。", "There is no such reason to pause."),
    "agent/reason": ("原因", "Reason"),
    "agent/after-this-call": ("本次通话结束后生效。", "This begins after your call."),
    "agent/more-time": ("话后处理已延长，剩余", "You have more time. Left:"),
    "agent/no-wrap-up": ("您不在话后处理中。", "You are not in wrap-up."),
    "agent/since": ("已持续", "for"),
    "agent/state-offline": ("您已签出。", "You are signed off,"),
    "agent/state-ready": ("您处于空闲状态。", "You are ready,"),
    "agent/state-paused": ("您处于置忙状态。", "You are paused,"),
    "agent/state-ringing": ("您的电话正在振铃。", "Your phone is ringing,"),
    "agent/state-talking": ("您正在通话中。", "You are in a call,"),
    "agent/state-wrapup": ("您处于话后处理。", "You are in wrap-up,"),
    "agent/state-unreachable": ("您的话机无法接通。", "Your phone can't be reached,"),
    "agent-confirm": ("有来电，接听请按一。", "A call for you. Press 1 to take it."),
    "next-in-line": ("您是下一位。", "You are next in line."),
    "wait-under-a-minute": ("预计等待时间不到一分钟。", "The expected wait is less than a minute."),
    "callback/press": ("如果您不想等待，我们可以给您回电，请按", "If you would rather be called back than wait, press"),
    "callback/we-can": ("我们可以给您回电，并保留您的排队位置。", "We can call you back, and keep your place in the line."),
    "callback/your-number": ("我们将回拨您的号码", "We will call you back at"),
    "callback/confirm": ("确认请按一，更换号码请按二。", "Press 1 to confirm, 2 to enter another number."),
    "callback/enter": ("请输入您的电话号码，以井号键结束。", "Please enter your telephone number, followed by the hash key."),
    "callback/not-possible": ("这个号码我们无法回拨。", "We can not call this number."),
    "callback/booked": ("我们为您保留了位置，将尽快给您回电，再见。", "We keep your place and will call you back. Goodbye."),
    "callback/have-one": ("您已经预约了回电，我们保留您的位置，再见。", "You already have a callback. We keep your place. Goodbye."),
    "callback/failed": ("对不起，暂时无法预约回电。", "Sorry, we can not take a callback at the moment."),
    "callback/to": ("回电给", "Callback to"),
    "callback/not-reached": ("没有接通客户。", "The customer could not be reached."),
    "conference/enter-pin": ("请输入会议密码，以井号键结束。", "Please enter the conference PIN, followed by the hash key."),
    "conference/wrong-pin": ("密码错误。", "This PIN is not right."),
    "conference/not-open": ("会议尚未开始。", "The conference is not open yet."),
    "conference/over": ("会议已经结束。", "The conference is over."),
    "conference/locked": ("会议已锁定，无法加入。", "The conference is locked. Nobody can join."),
    "conference/full": ("会议人数已满。", "The conference is full."),
    "conference/ended": ("会议结束，再见。", "The conference has ended. Goodbye."),
    "conference/removed": ("您已被请出会议。", "You have been removed from the conference."),
    "conference/left": ("再见。", "Goodbye."),
    "conference/invited": ("邀请您加入电话会议，加入请按一。", "You are invited to a conference. Press 1 to join."),
    "conference/members": ("会议人数", "Members in the conference:"),
    "conference/muted": ("您已静音。", "You are muted."),
    "conference/unmuted": ("您已取消静音。", "You are no longer muted."),
    "conference/hand-up": ("您已举手。", "Your hand is up."),
    "conference/hand-down": ("您已放下手。", "Your hand is down."),
    "conference/is-locked": ("会议已锁定。", "The conference is locked."),
    "conference/is-unlocked": ("会议已解锁。", "The conference is open again."),
    "conference/all-muted": ("已全体静音。", "All guests are muted."),
    "conference/all-unmuted": ("已取消全体静音。", "Guests are no longer muted."),
    "recording/is-recorded": ("为保证服务质量，本次通话将被录音。", "This call is recorded to help us serve you better."),
    "recording/decline": ("如果您不同意录音，请按九。", "If you do not want to be recorded, press 9."),
    "recording/declined": ("本次通话将不会被录音。", "This call will not be recorded."),
    "fallback/please-wait": ("系统正在恢复，请稍候，我们马上为您接通。", "One moment please. We will connect you shortly."),
    "fallback/leave-message": ("暂时无人接听，请在提示音后留言。", "Nobody can take your call. Please leave a message after the tone."),
    "fallback/message-taken": ("您的留言已保存，再见。", "Your message has been saved. Goodbye."),
    "fallback/no-service": ("系统暂时无法使用，请稍后再拨。", "The service is not available. Please try again later."),
}
_DIGITS: Final = ("零", "幺", "二", "三", "四", "五", "六", "七", "八", "九")
_FIGURES: Final = ("零", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_WORDS: Final[dict[str, tuple[str, str]]] = {
    "minus": ("负", "minus"),
    "year": ("年", ""),
    "month": ("月", ""),
    "day": ("日", ""),
    "oclock": ("点", "hours"),
    "minute": ("分", "minutes"),
    "hours": ("小时", "hours"),
    "minutes": ("分钟", "minutes"),
    "seconds": ("秒", "seconds"),
    "one-oclock": ("", "hour"),
    "one-minute": ("", "minute"),
    "one-hours": ("", "hour"),
    "one-minutes": ("", "minute"),
    "one-seconds": ("", "second"),
    "ahead": ("您前面还有", "You are number"),
    "in-line": ("位。", "in line."),
    "wait-under": ("预计等待时间不到", "The expected wait is less than"),
    "wait-between": ("预计等待时间为", "The expected wait is between"),
    "wait-over": ("预计等待时间超过", "The expected wait is more than"),
    "wait-to": ("到", "and"),
    "star": ("星号键", "star"),
    "hash": ("井号键", "hash"),
    "yuan": ("元", "yuan"),
    "jiao": ("角", ""),
    "fen": ("分", "fen"),
}


def _numbers(language: Language) -> dict[str, str]:
    if language is Language.ZH:
        figures = {f"number/{value}": _FIGURES[value] for value in range(11)}
        return figures | {"number/liang": "两", "number/100": "百", "number/1000": "千", "number/wan": "万", "number/yi": "亿"}
    spoken = {f"number/{value}": str(value) for value in [*range(21), *range(30, 100, 10)]}
    return spoken | {
        "number/100": "hundred",
        "number/1000": "thousand",
        "number/million": "million",
        "number/billion": "billion",
        "number/and": "and",
    }


def texts(language: Language) -> dict[str, str]:
    """Prompt name → what it says."""
    place = 0 if language is Language.ZH else 1
    found = {name: both[place] for name, both in _SENTENCES.items()}
    found |= {f"digit/{value}": _DIGITS[value] if language is Language.ZH else str(value) for value in range(10)}
    found |= _numbers(language)
    found |= {f"word/{name}": both[place] for name, both in _WORDS.items() if both[place]}
    if language is Language.EN:
        found |= {f"month/{number}": name for number, name in enumerate(_MONTHS, 1)}
    return found


def job_number_text(agent: str, language: Language) -> str:
    """The announcement of an agent (自动报工号); job numbers are read digit by digit."""
    if language is Language.ZH:
        return "".join(_DIGITS[int(char)] for char in agent) + "号客服代表为您服务。"
    return f"Agent {' '.join(agent)}, at your service."


NAMES: Final = frozenset(_SENTENCES)
"""Sentences that a flow may play by name; each is there in every language."""
