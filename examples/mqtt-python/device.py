"""A device over MQTT in Python that sends a temperature every second: python3 examples/mqtt-python/device.py

Needs Paho, 1.6 or later: apt install python3-paho-mqtt.
"""
import json
import os
import random
import time

import paho.mqtt.client as mqtt

HOST = os.environ.get("MQTT_HOST", "127.0.0.1")
PORT = int(os.environ.get("MQTT_PORT", "1883"))
DEVICE = os.environ.get("DEVICE_ID", "thermometer-paho")
TOKEN = os.environ.get("DEVICE_TOKEN")


def topic(kind):
    return f"devices/{DEVICE}/{kind}"


def new_client():
    """Paho 2 must be told which callbacks to use; these accept the arguments of both versions."""
    if hasattr(mqtt, "CallbackAPIVersion"):
        return mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, DEVICE)
    return mqtt.Client(DEVICE)


def on_connect(client, _userdata, _flags, reason, *_properties):
    print("connected:", reason)
    client.publish(topic("status"), "measuring", qos=1)
    # Whether anybody listens: 1 or 0, now and on every change.
    client.subscribe(topic("interest"))


def on_message(_client, _userdata, message):
    print("somebody listens" if message.payload == b"1" else "nobody listens")


client = new_client()
client.on_connect = on_connect
client.on_message = on_message
if TOKEN is not None:
    client.username_pw_set("device", TOKEN)
# The hub publishes it when this device is lost without a goodbye.
client.will_set(topic("status"), "lost", qos=1)
client.connect(HOST, PORT, keepalive=30)
client.loop_start()  # a thread that connects again whenever the connection is lost

try:
    while True:
        temperature = round(random.uniform(20, 25), 1)
        sent = client.publish(topic("message"), json.dumps({"temperature": temperature}), qos=1)
        sent.wait_for_publish()  # until the hub has it
        print(temperature, "°C is with the hub")
        time.sleep(1)
except KeyboardInterrupt:
    client.disconnect()  # a goodbye: the device is offline at once
    client.loop_stop()
