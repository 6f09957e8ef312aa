"""What ``aresponses`` 3.0 offers, with no server and no socket.

Everything may be imported from where it was, with ``aiointercept_connector.compat.`` in front. What
differs, and why, is listed in docs/migrating-from-aresponses.md.
"""

from aiohttp.web import Response

from .main import ResponsesMockServer, aresponses

__all__ = ("Response", "ResponsesMockServer", "aresponses")
