"""Subscribes and publishes topics as they are given, with paho-mqtt, and prints one JSON line with all that came.

The argument is JSON: host, port, ca, clientId, username, password, clean, subscribe [[filter, qos]], publish [[topic, qos, payload]], count, seconds,
answer {status, payload}: answers direct methods with it; repeat: a payload that begins with "repeat:" is that many letters x in quotes.
"""
import json
import ssl
import sys
import threading
import time

import paho.mqtt.client as mqtt

args = json.loads(sys.argv[1])
connected, subscribed = threading.Event(), threading.Event()
outcome = {"connack": None, "sessionPresent": None, "granted": None, "messages": [], "acknowledged": []}


def text(payload):
    return '"' + "x" * int(payload[7:]) + '"' if payload.startswith("repeat:") else payload


def on_connect(client, userdata, flags, rc):
    outcome["connack"] = rc
    outcome["sessionPresent"] = flags.get("session present")
    connected.set()


def on_subscribe(client, userdata, mid, granted):
    outcome["granted"] = list(granted)
    subscribed.set()


def on_message(client, userdata, message):
    payload = message.payload.decode("utf-8")
    outcome["messages"].append({"topic": message.topic, "qos": message.qos, "retain": bool(message.retain), "size": len(message.payload), "payload": payload if len(payload) < 2000 else None})
    if "answer" in args and message.topic.startswith("$iothub/methods/POST/"):
        rid = message.topic.split("?$rid=")[1]
        client.publish(f"$iothub/methods/res/{args['answer']['status']}/?$rid={rid}", text(args["answer"]["payload"]), qos=1)


client = mqtt.Client(client_id=args["clientId"], clean_session=args.get("clean", False), protocol=mqtt.MQTTv311)
client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(args["ca"])
client.tls_set_context(context)
client.username_pw_set(args["username"], args["password"])
client.connect(args["host"], args["port"], keepalive=60)
client.loop_start()
if connected.wait(15) and outcome["connack"] == 0:
    if args.get("subscribe"):
        client.subscribe([(topic, qos) for topic, qos in args["subscribe"]])
        subscribed.wait(10)
    print('{"event":"ready"}', flush=True)
    for topic, qos, payload in args.get("publish", []):
        info = client.publish(topic, text(payload), qos=qos)
        info.wait_for_publish(15)
        outcome["acknowledged"].append(info.is_published())
    end = time.monotonic() + args.get("seconds", 15)
    while len(outcome["messages"]) < args.get("count", 0) and time.monotonic() < end:
        time.sleep(0.02)
    time.sleep(args.get("linger", 0.2))
client.disconnect()
client.loop_stop()
print(json.dumps({"result": outcome}, separators=(",", ":")))
