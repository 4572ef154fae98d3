"""Logs: a fixed sentence and fields. Personal values stand only under keys with a ``pii`` part.

``get_logger(__name__).info("caller reached no number", call=call_id, pii_dialled=number)``
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def get_logger(name: str) -> Any:
    """A logger for one module; ``bind(call=…)`` adds fields to each of its lines."""
    return structlog.get_logger(name)


def set_up(*, json: bool, level: str = "info") -> None:
    """Send logs to standard error: one JSON object a line for machines, or coloured text for people."""
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(stream=sys.stderr, level=number, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *(
                [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
                if json
                else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)]
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
