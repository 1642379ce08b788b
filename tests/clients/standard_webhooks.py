#!/usr/bin/env python3
"""Verifies webhooks with the published `standardwebhooks` package, and fails at the first that does not verify.

    pip install standardwebhooks==1.1.0
    echo '{"secret": "whsec_…", "headers": {"webhook-id": "wh_…", "webhook-timestamp": "…", "webhook-signature": "v1,…"}, "body": "{…}"}' \\
        | python tests/clients/standard_webhooks.py

Each line of the standard input is a message as it arrived: the secret of its receiver, its headers, and its body to the byte.
"""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError


def verify(line):
    """Prints the event of a message; raises what the package raises if the message is not genuine."""
    message = json.loads(line)
    event = Webhook(message["secret"]).verify(message["body"], message["headers"])
    print("verified", event["type"], event["data"]["id"])
    # A package that takes everything would prove nothing.
    try:
        Webhook(message["secret"]).verify(message["body"] + " ", message["headers"])
    except WebhookVerificationError:
        return
    raise SystemExit("a changed body was verified")


def main():
    lines = [line for line in sys.stdin if line.strip()]
    if not lines:
        raise SystemExit(__doc__)
    for line in lines:
        verify(line)


if __name__ == "__main__":
    main()
