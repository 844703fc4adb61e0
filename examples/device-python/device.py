"""A device in Python that sends a temperature every second: python3 examples/device-python/device.py

Needs the package websockets, 10.1 or later: apt install python3-websockets.
"""
import asyncio
import itertools
import json
import os
import random
import urllib.parse

import websockets

URL = os.environ.get("DEVICE_URL", "ws://127.0.0.1:7400")
DEVICE = os.environ.get("DEVICE_ID", "thermometer-python")
TOKEN = os.environ.get("DEVICE_TOKEN")  # if the hub requires one: role device, and the id as sub

QUERY = {"id": DEVICE} if TOKEN is None else {"id": DEVICE, "token": TOKEN}
ADDRESS = f"{URL}/v1/device?{urllib.parse.urlencode(QUERY)}"


async def measure(hub):
    print(await hub.recv())  # {"op":"welcome", ...}
    for number in itertools.count(1):
        data = {"temperature": round(random.uniform(20, 25), 1)}
        await hub.send(json.dumps({"type": "message", "id": number, "data": data}))
        print(await hub.recv())  # {"op":"ack","id":1,"seq":...}
        await asyncio.sleep(1)


async def main():
    failures = 0
    while True:
        try:
            async with websockets.connect(ADDRESS) as hub:
                failures = 0
                await measure(hub)
        except websockets.ConnectionClosed as closed:
            print(closed)
            if closed.rcvd and 4000 <= closed.rcvd.code <= 4099:
                break  # these codes mean: do not reconnect
        except (OSError, asyncio.TimeoutError, websockets.InvalidHandshake) as error:
            print(error)  # no hub, or it refused; 401: it requires a token
        failures += 1
        # A growing, random wait, so that a fleet does not come back all at once.
        await asyncio.sleep(random.uniform(0, min(30, 2**failures)))


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
