"""The local app: pages on this machine in which one's own data, networks and runs are seen and played with.

Starlette, uvicorn and websockets (the extra ``app``) are imported by `server`, `live` and `guard` alone, which no other
room imports; what the pages show is computed by the others, which know no server.
"""
