"""What ``aiointercept`` 1.0 offers, at the connector in place of the resolver.

Everything may be imported from where it was, with ``aiointercept_connector.compat.`` in front. What
differs, and why, is listed in docs/migrating-from-aiointercept.md.
"""

from .core import AiointerceptRequest, CallbackResult, MockResponse, aiointercept, taken_over

__all__ = ("AiointerceptRequest", "CallbackResult", "MockResponse", "aiointercept", "taken_over")
