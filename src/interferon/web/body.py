"""The body of a request that may be of any length. Called by the endpoints that take more than a form: `ingest` and `openc2`."""

from fastapi import Request


async def read_body(request: Request, most: int) -> bytes | None:
    """All of it, or None where it has more than `most` bytes: the rest is not waited for."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)
