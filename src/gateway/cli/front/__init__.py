"""The layer between the socket and aiohttp's server, for requests that Go's server accepts."""
