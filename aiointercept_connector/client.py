"""``mock.client(...)``: a session of one application, as aiohttp's ``TestClient`` is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import ClientResponse, ClientSession, ClientWebSocketResponse, CookieJar
from aiohttp.test_utils import BaseTestServer
from yarl import URL

from .routing.prefix import PathPrefix
from .routing.route import Route
from .routing.target import UrlTarget
from .routing.urls import Origin

if TYPE_CHECKING:
    from typing_extensions import Self

    from .mock import aiointercept

__all__ = ("Client", "client_of")


def client_of(mock: aiointercept, target: Any, kwargs: dict[str, Any]) -> Client:
    """Return a client of *target*: a URL, or else what is mounted on *mock*, or is to be.

    Raises:
        TypeError: *target* cannot be mounted, or an argument is not a client's.
        ValueError: it is mounted on no host of its own.
    """
    if "base_url" in kwargs:
        raise TypeError(
            f"client() takes no base_url: its URLs go to what it is a client of. "
            f"Write client({str(kwargs['base_url'])!r}) for a client of that URL."
        )
    if isinstance(target, (str, URL)):
        root, app = URL(target), None
    else:
        root, app = _root_of(mock, target), target
    if "connector" not in kwargs:
        kwargs["connector"] = mock.connector()
    return Client(root, app, **kwargs)


class _MayBeInherited:
    # aiohttp warns whoever inherits from a session; this one stops the warning on its way.
    def __init_subclass__(cls) -> None: ...


class Client(_MayBeInherited, ClientSession):
    """A session whose relative URLs go to an application, or below a URL.

    It is a ``ClientSession``, so code that takes one takes it. As an aiohttp ``TestClient`` it
    keeps the cookies of IP addresses, does not send a request again whose connection broke, and
    closes what is left open of responses and WebSockets when it is closed.

    Attributes:
        app: what was mounted, or what the server runs; None if it is a client of a URL.
        server: the ``TestServer`` or ``RawTestServer``, if it is a client of one.
    """

    # Private names of aiohttp's: `_request` and `_ws_connect`, which every method of a session
    # goes through, `ATTRS`, and `_retry_connection`, which `TestClient` sets (3.10 has none).
    # Watched by TestClients in tests/test_aiohttp_tools.py.

    ATTRS = ClientSession.ATTRS | {
        "_left_open",
        "_retry_connection",
        "_root",
        "app",
        "server",
    }

    def __init__(self, root: URL, target: Any, **kwargs: Any) -> None:
        if kwargs.get("cookie_jar") is None:
            kwargs["cookie_jar"] = CookieJar(unsafe=True)
        super().__init__(**kwargs)
        self._retry_connection = False
        self._root = str(root).rstrip("/")
        self._left_open: list[ClientResponse | ClientWebSocketResponse[bool]] = []
        self.server = target if isinstance(target, BaseTestServer) else None
        self.app = getattr(target, "app", None) if self.server else target

    @property
    def host(self) -> str | None:
        """The host that relative URLs go to."""
        return self.make_url("/").host

    @property
    def port(self) -> int | None:
        """The port that relative URLs go to."""
        return self.make_url("/").port

    @property
    def session(self) -> ClientSession:
        """The session that a ``TestClient`` has; here it is the client itself."""
        return self

    def make_url(self, path: str | URL) -> URL:
        """Return the whole URL that is asked for *path*; one that is absolute stays as it is."""
        if URL(path).absolute:
            return URL(path)
        return URL(f"{self._root}/{str(path).removeprefix('/')}")

    async def _request(self, method: str, str_or_url: str | URL, **kwargs: Any) -> ClientResponse:
        response = await super()._request(method, self.make_url(str_or_url), **kwargs)
        self._left_open.append(response)
        return response

    async def _ws_connect(self, url: str | URL, **kwargs: Any) -> ClientWebSocketResponse[bool]:
        websocket = await super()._ws_connect(url, **kwargs)
        # Behind the response to its handshake, and so closed before that.
        self._left_open.append(websocket)
        return websocket

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        return self

    async def close(self) -> None:
        """Close responses and WebSockets that were left open, and the session."""
        try:
            while self._left_open:
                closing = self._left_open.pop().close()
                if closing is not None:
                    await closing
        finally:
            await super().close()


def _root_of(mock: aiointercept, app: Any) -> URL:
    """Return the URL that *app* is mounted at; if it is at none, mount it."""
    mounted = [one for one in mock.interceptor.registry if getattr(one.reply, "app", None) is app]
    if not mounted:
        # RFC 6761: nothing else has such a name.
        mounted = [mock.mount(f"http://app{len(mock.interceptor.hosts)}.test", app)]
    roots = [url for one in mounted if (url := _root(one)) is not None]
    if not roots:
        raise ValueError(
            f"client(): {mounted[0]} has no URL that relative ones could go on from. Mount the "
            f"application on a host ('https://api.example.com'), or give such a URL."
        )
    return roots[0]


def _root(route: Route) -> URL | None:
    """Return the URL that all below is the route's."""
    target = route.target
    if not isinstance(target, UrlTarget) or not isinstance(target.host, Origin):
        return None
    if not isinstance(target.path, PathPrefix):
        return None
    secure, host, port = target.host
    scheme = "https" if secure else "http"
    return URL.build(scheme=scheme, host=host, port=port, path=target.path.path, encoded=True)
