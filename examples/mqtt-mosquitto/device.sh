#!/bin/sh
# A device out of a shell, which tells a temperature every second: sh examples/mqtt-mosquitto/device.sh
# Needs mosquitto's clients: apt install mosquitto-clients. One connection for all lines: -l reads them from stdin.
set -eu
host=${MQTT_HOST:-127.0.0.1}
port=${MQTT_PORT:-1883}
id=${DEVICE_ID:-thermometer-sh}

# The hub does not look at the user name, but MQTT 3.1.1 wants one beside a password.
if [ -n "${DEVICE_TOKEN:-}" ]; then set -- -u device -P "$DEVICE_TOKEN"; else set --; fi

# Published by the hub when this device is lost without a goodbye.
set -- "$@" --will-topic "devices/$id/status" --will-payload lost --will-qos 1

while :; do
  printf '{"load":"%s"}\n' "$(cut -d ' ' -f 1 /proc/loadavg)"
  sleep 1
done | mosquitto_pub -h "$host" -p "$port" -i "$id" "$@" -q 1 -l -t "devices/$id/message"
