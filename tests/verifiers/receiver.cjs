// A callback that judges what it receives with the official library: the same requests as receiver.py, without events.
// Its argument is the folder in which the library is installed.

const http = require("node:http");
const path = require("node:path");
const zlib = require("node:zlib");
const { createRequire } = require("node:module");

const installed = createRequire(path.resolve(process.argv[2], "package.json"));
const { Webhook, WebhookVerificationError } = installed("standardwebhooks");

const deliveries = [];

function verified(secret, { headers, body }) {
  try {
    new Webhook(secret).verify(body.toString("utf8"), headers);
    return true;
  } catch (error) {
    if (error instanceof WebhookVerificationError) return false;
    throw error;
  }
}

function verdict(secrets, delivery) {
  const { headers } = delivery;
  const judged = Object.entries(secrets).map(([name, secret]) => [name, verified(secret, delivery)]);
  return {
    webhookId: headers["webhook-id"],
    signatures: (headers["webhook-signature"] ?? "").split(" ").filter(Boolean).length,
    contentType: headers["content-type"],
    contentEncoding: headers["content-encoding"] ?? null,
    verified: Object.fromEntries(judged),
  };
}

const server = http.createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  let body = Buffer.concat(chunks);
  let answer = null;
  if (request.url === "/verdicts") {
    const { secrets } = JSON.parse(body);
    answer = deliveries.map((delivery) => verdict(secrets, delivery));
  } else {
    if (request.headers["content-encoding"] === "gzip") body = zlib.gunzipSync(body);
    deliveries.push({ headers: request.headers, body });
  }
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(answer));
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
