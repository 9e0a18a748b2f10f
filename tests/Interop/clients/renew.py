"""Registers over MQTT with a client certificate and a certificate request, polls, and prints the registration's state as one JSON line.

The argument is JSON: host, port, ca, certificate, key, idScope, registrationId, request (Base64 of PKCS #10 in DER).
"""
import json
import queue
import ssl
import sys

import paho.mqtt.client as mqtt

args = json.loads(sys.argv[1])
answers = queue.Queue()
subscribed = queue.Queue()


def ask(topic, body):
    client.publish("$dps/registrations/" + topic, json.dumps(body) if body else "", qos=1)
    answer = answers.get(timeout=60)
    return answer.topic, json.loads(answer.payload)


client = mqtt.Client(client_id=args["registrationId"], clean_session=True, protocol=mqtt.MQTTv311)
client.on_connect = lambda c, userdata, flags, rc: c.subscribe("$dps/registrations/res/#", qos=1)
client.on_subscribe = lambda c, userdata, mid, granted: subscribed.put(granted)
client.on_message = lambda c, userdata, message: answers.put(message)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(args["ca"])
context.load_cert_chain(args["certificate"], args["key"])
client.tls_set_context(context)
client.username_pw_set(f"{args['idScope']}/registrations/{args['registrationId']}/api-version=2025-07-01-preview")
client.connect(args["host"], args["port"], keepalive=60)
client.loop_start()
subscribed.get(timeout=60)
topic, started = ask("PUT/iotdps-register/?$rid=1", {"registrationId": args["registrationId"], "csr": args["request"]})
polled = {}
if "/res/202/" in topic:
    topic, polled = ask(f"GET/iotdps-get-operationstatus/?$rid=2&operationId={started['operationId']}", None)
client.disconnect()
client.loop_stop()
print(json.dumps({"topic": topic, "started": started, "state": polled.get("registrationState")}))
