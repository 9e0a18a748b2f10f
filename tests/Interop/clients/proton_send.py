# Sends one message by qpid-proton with SASL PLAIN and prints the outcome, or why there is none.
#   proton_send.py URL CA USER PASSWORD DEVICE
import sys
from proton import Message, SSLDomain
from proton.handlers import MessagingHandler
from proton.reactor import Container

url, ca, user, password, device = sys.argv[1:6]


class Sender(MessagingHandler):
    def on_start(self, event):
        domain = SSLDomain(SSLDomain.MODE_CLIENT)
        domain.set_trusted_ca_db(ca)
        domain.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME)
        self.sent = False
        self.connection = event.container.connect(url, user=user, password=password, allowed_mechs='PLAIN', ssl_domain=domain, reconnect=False)
        self.sender = event.container.create_sender(self.connection, f'/devices/{device}/messages/events')

    def on_sendable(self, event):
        if not self.sent:
            self.sent = True
            self.sender.send(Message(body=b'from proton', inferred=True))

    def end(self, text):
        print(text, flush=True)
        self.connection.close()

    def on_accepted(self, event):
        self.end('ACCEPTED')

    def on_rejected(self, event):
        self.end('REJECTED')

    def on_transport_error(self, event):
        print(event.transport.condition.name, event.transport.condition.description, flush=True)


Container(Sender()).run()
