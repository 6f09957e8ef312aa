"""What is answered. A reply is an aiohttp handler: ``async (request) -> web.StreamResponse``."""
