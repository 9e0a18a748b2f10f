#!/usr/bin/env python3
"""Sends messages with paho-mqtt. The key of the device is in the TPM; the agent gives the tokens.

    apt-get install python3-paho-mqtt
    python3 send.py
"""
import http.client
import json
import os
import socket
import ssl
import sys
import threading

import paho.mqtt.client as mqtt

SOCKET = os.environ.get("HOMEPORT_AGENT_SOCKET", "/run/homeport/agent.sock")


class AgentConnection(http.client.HTTPConnection):
    """HTTP over the Unix socket of the agent."""

    def __init__(self):
        super().__init__("localhost", timeout=30)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def ask_agent(path):
    agent = AgentConnection()
    agent.request("GET", path)
    answer = agent.getresponse()
    body = json.loads(answer.read())
    agent.close()
    if answer.status != 200:
        raise SystemExit(body["message"])
    return body


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    token = ask_agent("/token")
    # paho 2 wants to know which callbacks it shall call.
    versions = getattr(mqtt, "CallbackAPIVersion", None)
    options = {"client_id": token["deviceId"], "clean_session": False, "protocol": mqtt.MQTTv311}
    client = mqtt.Client(versions.VERSION1, **options) if versions else mqtt.Client(**options)
    client.tls_set(ca_certs=os.environ.get("HOMEPORT_CA"), tls_version=ssl.PROTOCOL_TLS_CLIENT)
    client.username_pw_set(f"{token['hostName']}/{token['deviceId']}/?api-version=2021-04-12", token["token"])

    connected = threading.Event()
    reasons = []

    def on_connect(_client, _data, _flags, code):
        reasons.append(code)
        connected.set()

    def on_disconnect(_client, _data, _code):
        # The hub ends a connection with its token; paho connects again, with a new one.
        fresh = ask_agent("/token")
        client.username_pw_set(f"{fresh['hostName']}/{fresh['deviceId']}/?api-version=2021-04-12", fresh["token"])

    client.on_connect = on_connect
    client.connect(token["hostName"], 8883)
    client.loop_start()
    if not connected.wait(30) or reasons[0] != 0:
        raise SystemExit(f"not connected: {reasons}")
    client.on_disconnect = on_disconnect
    topic = f"devices/{token['deviceId']}/messages/events/"
    for number in range(1, count + 1):
        sent = client.publish(topic, json.dumps({"from": "python", "number": number}), qos=1)
        sent.wait_for_publish(30)
        if not sent.is_published():
            raise SystemExit("the hub did not acknowledge the message")
        print(f"{token['deviceId']}: sent {number}")
    client.on_disconnect = None
    client.disconnect()
    client.loop_stop()


main()
