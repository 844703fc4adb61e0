#!/bin/sh
# Follows devices from a shell: sh examples/mqtt-mosquitto/follow.sh ['devices/site-a.1/#' ...]
# Needs mosquitto's clients: apt install mosquitto-clients.
set -eu
host=${MQTT_HOST:-127.0.0.1}
port=${MQTT_PORT:-1883}

[ $# -gt 0 ] || set -- 'devices/+/message' 'devices/+/status' 'devices/+/presence'
count=$#
while [ "$count" -gt 0 ]; do
  set -- "$@" -t "$1"
  shift
  count=$((count - 1))
done
if [ -n "${SUBSCRIBER_TOKEN:-}" ]; then set -- "$@" -u subscriber -P "$SUBSCRIBER_TOKEN"; fi

# %r is 1 for a retained message, %t the topic, %p the payload.
exec mosquitto_sub -h "$host" -p "$port" -V mqttv5 -F '%r %t %p' "$@"
