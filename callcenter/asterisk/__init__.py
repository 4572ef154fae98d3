"""The only door to Asterisk: ARI for calls, AMI for what ARI has not, the configuration, and the witness.

The ARI client stands on its own::

    async with Ari(base_url="http://127.0.0.1:8088", user="me", password="…", app="hello") as ari:
        with ari.arrivals() as arrivals:
            async for event in arrivals:
                channel = ari.channel(event.channel.id)
                await channel.answer()

Three ideas: *handles* (``channel.hangup()``), *ids are ours* (choose the id, subscribe, then create: no event slips through),
*gone is ordinary* (``ChannelGone`` for what has just ended).
"""

from callcenter.asterisk.ari import UNREAD, Ari, AriLimits
from callcenter.asterisk.handles import Bridge, Channel, Playback
from callcenter.asterisk.subscription import ConnectionLost, Subscription, SubscriptionOverflowed

__all__ = ["UNREAD", "Ari", "AriLimits", "Bridge", "Channel", "ConnectionLost", "Playback", "Subscription", "SubscriptionOverflowed"]
