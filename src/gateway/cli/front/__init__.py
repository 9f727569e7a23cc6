"""What stands between the socket and aiohttp's server, for clients that Go's server takes."""
