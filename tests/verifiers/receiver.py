"""A callback that judges what it receives with the official libraries.

`POST /callback` takes a delivery. `POST /verdicts` takes `{"secrets": {name: secret}}` and gives, for each delivery, by
which of them `standardwebhooks` verifies it, and what `cloudevents` reads in it. The first line says where it listens.
"""

import gzip
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cloudevents.core.bindings.http import HTTPMessage, from_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

ONE = "application/cloudevents+json"
SEVERAL = "application/cloudevents-batch+json"

deliveries = []


def verified(secret, delivery):
    try:
        Webhook(secret).verify(delivery["body"], delivery["headers"])
        return True
    except WebhookVerificationError:
        return False


def read(body):
    """One event, validated by the SDK: its attributes and its data."""
    message = HTTPMessage(headers={"content-type": ONE}, body=body)
    event = from_structured(message, JSONFormat(), CloudEvent)
    return {"attributes": event.get_attributes(), "data": event.get_data()}


def events(delivery):
    content_type = delivery["headers"].get("content-type")
    if content_type == ONE:
        return [read(delivery["body"])]
    if content_type == SEVERAL:
        # The SDK reads one event at a time.
        return [read(json.dumps(event).encode()) for event in json.loads(delivery["body"])]
    return None


def verdict(secrets, delivery):
    headers = delivery["headers"]
    return {
        "webhookId": headers.get("webhook-id"),
        "signatures": len(headers.get("webhook-signature", "").split()),
        "contentType": headers.get("content-type"),
        "contentEncoding": headers.get("content-encoding"),
        "verified": {name: verified(secret, delivery) for name, secret in secrets.items()},
        "events": events(delivery),
    }


class Callback(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/verdicts":
            secrets = json.loads(body)["secrets"]
            return self.answer([verdict(secrets, delivery) for delivery in list(deliveries)])
        headers = {name.lower(): value for name, value in self.headers.items()}
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        deliveries.append({"headers": headers, "body": body})
        return self.answer(None)

    def answer(self, value):
        body = json.dumps(value, default=lambda other: other.isoformat()).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Callback)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
