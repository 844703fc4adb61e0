#!/bin/sh
# A device as a shell script that sends the load of its host every second: sh examples/mqtt-mosquitto/device.sh
# Needs mosquitto's clients: apt install mosquitto-clients. One connection for all lines: -l reads them from stdin.
set -eu
host=${MQTT_HOST:-127.0.0.1}
port=${MQTT_PORT:-1883}
id=${DEVICE_ID:-thermometer-sh}

# The hub ignores the user name, but MQTT 3.1.1 requires one with a password.
if [ -n "${DEVICE_TOKEN:-}" ]; then set -- -u device -P "$DEVICE_TOKEN"; else set --; fi

# The hub publishes it when this device is lost without a goodbye.
set -- "$@" --will-topic "devices/$id/status" --will-payload lost --will-qos 1

while :; do
  printf '{"load":"%s"}\n' "$(cut -d ' ' -f 1 /proc/loadavg)"
  sleep 1
done | mosquitto_pub -h "$host" -p "$port" -i "$id" "$@" -q 1 -l -t "devices/$id/message"
