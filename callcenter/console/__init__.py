"""Where people and programs look at the centre and steer it: pages, live stream, /api/v1.

``app.py`` builds it from ``parts.py``; ``routes.py`` is the one table of what there is, ``rights.py`` says who may.
A request passes ``middleware.py`` (headers, errors, who asks, may they), then a handler under ``pages/`` or ``api/``.
"""
