"""Sends numbered messages with paho-mqtt over TLS 1.2 and prints one JSON line.

The argument is JSON: host, port, ca, clientId, username, password, topic, count.
"""
import json
import ssl
import sys
import threading

import paho.mqtt.client as mqtt

args = json.loads(sys.argv[1])
connected = threading.Event()
outcome = {"connack": None, "acknowledged": 0, "tls": None}


def on_connect(client, userdata, flags, rc):
    outcome["connack"] = rc
    outcome["sessionPresent"] = flags.get("session present")
    connected.set()


client = mqtt.Client(client_id=args["clientId"], clean_session=False, protocol=mqtt.MQTTv311)
client.on_connect = on_connect
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
context.load_verify_locations(args["ca"])
client.tls_set_context(context)
client.username_pw_set(args["username"], args["password"])
client.connect(args["host"], args["port"], keepalive=60)
outcome["tls"] = client.socket().version()
client.loop_start()
if connected.wait(15) and outcome["connack"] == 0:
    for number in range(args["count"]):
        info = client.publish(args["topic"], json.dumps({"number": number}), qos=1)
        info.wait_for_publish(15)
        outcome["acknowledged"] += 1 if info.is_published() else 0
client.disconnect()
client.loop_stop()
print(json.dumps(outcome))
