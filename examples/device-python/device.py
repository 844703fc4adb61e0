"""A device in Python that sends a temperature every second: python3 examples/device-python/device.py

Needs the package websockets, 10.1 or later: apt install python3-websockets.
"""
import asyncio
import itertools
import json
import os
import random

import websockets

URL = os.environ.get("DEVICE_URL", "ws://127.0.0.1:7400")
DEVICE = os.environ.get("DEVICE_ID", "thermometer-python")


async def measure(hub):
    print(await hub.recv())  # {"op":"welcome", ...}
    for number in itertools.count(1):
        data = {"temperature": round(random.uniform(20, 25), 1)}
        await hub.send(json.dumps({"type": "message", "id": number, "data": data}))
        print(await hub.recv())  # {"op":"ack","id":1,"seq":...}
        await asyncio.sleep(1)


async def main():
    # Reconnects with backoff whenever the connection is lost.
    async for hub in websockets.connect(f"{URL}/v1/device?id={DEVICE}"):
        try:
            await measure(hub)
        except websockets.ConnectionClosed as closed:
            print(closed)
            if closed.rcvd and 4000 <= closed.rcvd.code <= 4099:
                break  # these codes mean: do not reconnect


try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
