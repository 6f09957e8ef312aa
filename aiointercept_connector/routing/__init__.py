"""What may be asked: URLs, routes, and the registry that finds a route for a request."""
