#!/usr/bin/env node
/*
Verifies webhooks with the published `standardwebhooks` package, and fails at the first that does not verify.

    npm install standardwebhooks@1.1.1
    echo '{"secret": "whsec_…", "headers": {"webhook-id": "wh_…", "webhook-timestamp": "…", "webhook-signature": "v1,…"}, "body": "{…}"}' \
        | NODE_PATH=node_modules node tests/clients/standard_webhooks.mjs

Each line of the standard input is a message as it arrived: the secret of its receiver, its headers, and its body to the byte. The
package is looked for beside this file and above it, and in NODE_PATH.
*/

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { Webhook, WebhookVerificationError } = createRequire(import.meta.url)("standardwebhooks");

/** Prints the event of a message; throws what the package throws if the message is not genuine. */
function verify(line) {
  const { secret, headers, body } = JSON.parse(line);
  const webhook = new Webhook(secret);
  const event = webhook.verify(body, headers);
  console.log("verified", event.type, event.data.id);
  // A package that takes everything would prove nothing.
  try {
    webhook.verify(`${body} `, headers);
  } catch (error) {
    if (error instanceof WebhookVerificationError) return;
    throw error;
  }
  throw new Error("a changed body was verified");
}

const lines = readFileSync(0, "utf8").split("\n").filter((line) => line.trim());
if (lines.length === 0) throw new Error("there is no message on the standard input");
lines.forEach(verify);
