"""What goes wrong where a test has registered something else than it asks for."""

__all__ = (
    "AioHttPrettyError",
    "ExhaustedAllResponses",
    "InvalidBody",
    "InvalidResponses",
    "NoUrlMatching",
)


class AioHttPrettyError(Exception):
    """What all of these are."""


class NoUrlMatching(AioHttPrettyError, KeyError):  # noqa: N818 - the promised name
    """Nothing was registered for this method, URL and query."""

    def __str__(self) -> str:
        # That of a KeyError would be the text in quotes.
        return Exception.__str__(self)


class ExhaustedAllResponses(AioHttPrettyError, IndexError):  # noqa: N818 - the promised name
    """Every one of ``responses=`` has been answered."""


class InvalidBody(AioHttPrettyError, TypeError):  # noqa: N818 - the promised name
    """A body is neither bytes, nor text, nor something to read from."""


class InvalidResponses(AioHttPrettyError, ValueError):  # noqa: N818 - the promised name
    """``responses=`` is no list of options, or has what is not an option of a response."""
