"""Paho for Python against a hub: says what came of each step as one JSON line. Arguments: port, tcp|websockets, 4|5."""

import json
import queue
import socket
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PORT, TRANSPORT, VERSION = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
# As long as WAIT_MS of the tests: what comes is not waited for as long.
WAIT_S = 60


class Peer:
    """A connected client whose messages and acknowledgements wait in queues."""

    def __init__(self, client_id, keep=False, will=None):
        self.messages, self.acks, self.subacks = queue.Queue(), queue.Queue(), queue.Queue()
        self.connacks, self.ends = queue.Queue(), queue.Queue()
        clean = {} if VERSION == 5 else {"clean_session": not keep}
        self.client = mqtt.Client(client_id, protocol=VERSION, transport=TRANSPORT, **clean)
        if TRANSPORT == "websockets":
            self.client.ws_set_options(path="/mqtt")
        if will is not None:
            self.client.will_set(*will)
        self.client.on_message = lambda _c, _u, m: self.messages.put(m)
        self.client.on_publish = lambda _c, _u, mid: self.acks.put(mid)
        self.client.on_subscribe = lambda _c, _u, _mid, granted, *_: self.subacks.put(granted)
        self.client.on_connect = lambda _c, _u, flags, code, *_: self.connacks.put((flags["session present"], code))
        self.client.on_disconnect = lambda _c, _u, code, *_: self.ends.put(code)
        options = {}
        if VERSION == 5:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = 2 * WAIT_S if keep else 0
            options = {"clean_start": not keep, "properties": properties}
        self.client.connect("127.0.0.1", PORT, keepalive=WAIT_S, **options)
        self.client.loop_start()
        self.session_present, code = self.connacks.get(timeout=WAIT_S)
        if code != 0:
            raise RuntimeError(f"CONNACK {code}")

    def subscribe(self, topic_filter, qos=1):
        self.client.subscribe(topic_filter, qos)
        return [int(getattr(code, "value", code)) for code in self.subacks.get(timeout=WAIT_S)]

    def publish(self, topic, payload, qos):
        self.client.publish(topic, payload, qos).wait_for_publish(timeout=WAIT_S)

    def next(self):
        message = self.messages.get(timeout=WAIT_S)
        return [message.topic, message.payload.decode(), bool(message.retain)]

    def drop(self):
        """The connection breaks, without a word, and is not made again."""
        self.client.loop_stop()
        raw = self.client.socket()
        getattr(raw, "_socket", raw).shutdown(socket.SHUT_RDWR)
        raw.close()

    def end(self):
        self.client.disconnect()
        self.ends.get(timeout=WAIT_S)
        self.client.loop_stop()


def say(step, value):
    print(json.dumps({"step": step, "value": value}), flush=True)


def main():
    dev = f"paho-{TRANSPORT}-{VERSION}"
    subscriber = Peer(f"{dev}-sub", keep=True)
    say("session", subscriber.session_present)
    say("granted", subscriber.subscribe([(f"devices/{dev}/+", 2), ("no/such/topic", 0)], 0))
    device = Peer(dev, will=(f"devices/{dev}/status", "gone", 1, True))
    say("online", subscriber.next())
    for qos in (0, 1, 2):
        device.publish(f"devices/{dev}/message", json.dumps({"qos": qos}), qos)
        say("message", subscriber.next())
    late = Peer(f"{dev}-late")
    late.subscribe(f"devices/{dev}/message")
    say("retained", late.next())
    late.end()
    subscriber.drop()
    subscriber = Peer(f"{dev}-sub", keep=True)
    say("session", subscriber.session_present)
    device.drop()
    say("will", subscriber.next())
    say("offline", subscriber.next())
    subscriber.end()


main()
