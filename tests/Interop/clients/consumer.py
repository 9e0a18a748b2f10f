"""Reads events and sends to devices with qpid-proton, and prints one JSON line.

The argument is JSON: url, ca, user, password; read {address, filter, count, seconds, credit}; send [{to, id, body, ack, properties}] with target.
"""
import json
import sys

from proton import Message, symbol, Described, Delivery
from proton.handlers import MessagingHandler
from proton.reactor import Container, Filter, ReceiverOption, SenderOption
from proton import SSLDomain

args = json.loads(sys.argv[1])
outcome = {"events": [], "sent": [], "errors": []}
states = {}


class Selector(ReceiverOption):
    """The filter of Event Hubs has a descriptor of its own."""

    def __init__(self, expression):
        self.expression = expression

    def apply(self, receiver):
        name = symbol("apache.org:selector-filter:string")
        receiver.source.filter.put_dict({name: Described(name, self.expression)})


class Client(MessagingHandler):
    def __init__(self):
        super().__init__(prefetch=0, auto_accept=True)
        self.waiting = []
        self.pending = 0

    def on_start(self, event):
        domain = SSLDomain(SSLDomain.MODE_CLIENT)
        domain.set_trusted_ca_db(args["ca"])
        domain.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME)
        self.connection = event.container.connect(
            args["url"], ssl_domain=domain, user=args["user"], password=args["password"], allowed_mechs="PLAIN", allow_insecure_mechs=True, reconnect=False)
        event.container.schedule(args.get("seconds", 20), self)

    def on_timer_task(self, event):
        outcome["errors"].append("timeout")
        self.connection.close()

    def on_connection_opened(self, event):
        if "read" in args:
            read = args["read"]
            options = [Selector(read["filter"])] if read.get("filter") else []
            self.receiver = event.container.create_receiver(self.connection, read["address"], options=options)
            self.receiver.flow(read.get("credit", 10))
        if "send" in args:
            self.sender = event.container.create_sender(self.connection, args["target"])
            self.waiting = list(args["send"])

    def on_sendable(self, event):
        while self.waiting and event.sender.credit:
            one = self.waiting.pop(0)
            body = one["body"].encode() if isinstance(one["body"], str) else b"x" * one["body"]
            message = Message(body=body, inferred=True, address=one["to"], id=one.get("id"), properties=one.get("properties"))
            if one.get("ack"):
                message.properties = {**(message.properties or {}), "iothub-ack": one["ack"]}
            self.pending += 1
            states[event.sender.send(message).tag] = None

    def settled(self, event, state):
        condition = event.delivery.remote.condition if event.delivery.remote else None
        states[event.delivery.tag] = ({"state": state, "condition": condition.name if condition else None, "text": condition.description if condition else None})
        self.pending -= 1
        if not self.waiting and self.pending == 0:
            self.connection.close()

    def on_accepted(self, event):
        self.settled(event, "accepted")

    def on_rejected(self, event):
        self.settled(event, "rejected")

    def on_released(self, event):
        self.settled(event, "released")

    def on_message(self, event):
        message = event.message
        outcome["events"].append({
            "body": bytes(message.body).decode(), "id": message.id, "contentType": message.content_type,
            "properties": message.properties, "annotations": {str(k): {"type": type(v).__name__, "value": str(v)} for k, v in (message.annotations or {}).items()}})
        if len(outcome["events"]) >= args["read"]["count"]:
            self.connection.close()
        elif event.receiver.credit == 0:
            event.receiver.flow(args["read"].get("credit", 10))

    def on_link_error(self, event):
        condition = event.link.remote_condition
        outcome["errors"].append({"condition": condition.name, "text": condition.description, "info": {str(k): str(v) for k, v in (condition.info or {}).items()}})
        self.connection.close()

    def on_transport_error(self, event):
        outcome["errors"].append({"condition": str(event.transport.condition.name), "text": event.transport.condition.description})

    def on_connection_closed(self, event):
        event.container.stop()

    def on_disconnected(self, event):
        event.container.stop()


Container(Client()).run()
# In the order of sending.
outcome["sent"] = list(states.values())
print(json.dumps(outcome, default=str))
