// The webhook path as it is commonly written for Node: Express, pg, an LRU cache of tenants, HMAC over
// the raw body, one awaited INSERT. It does what the product does up to the row, but seals nothing.
// Started by the benchmark: node server.mjs <socket folder> <user> <database> <ready file>
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { writeFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import express from "express";
import { LRUCache } from "lru-cache";
import pg from "pg";

const [host, user, database, ready] = process.argv.slice(2);
const pool = new pg.Pool({ host, user, database, max: 20 });
const tenants = new LRUCache({ max: 10_000, ttl: 300_000 });

async function tenantOf(assistant) {
  const known = tenants.get(assistant);
  if (known) return known;
  const { rows } = await pool.query({
    name: "tenant",
    text: "select org_id, secret from tenants where assistant_id = $1",
    values: [assistant],
  });
  if (rows.length === 0) return undefined;
  tenants.set(assistant, rows[0]);
  return rows[0];
}

function isGenuine(request, secret) {
  const timestamp = request.get("x-vapi-timestamp") ?? "";
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) return false;
  const given = Buffer.from(request.get("x-vapi-signature") ?? "", "hex");
  const mac = createHmac("sha256", secret).update(`${timestamp}.`).update(request.body).digest();
  return given.length === mac.length && timingSafeEqual(given, mac);
}

const app = express();
app.disable("x-powered-by");
app.use(express.raw({ type: "*/*", limit: "1mb" }));
app.post("/express", async (request, response) => {
  const { message } = JSON.parse(request.body.toString("utf8"));
  const tenant = await tenantOf(message.call.assistantId);
  if (!tenant || !isGenuine(request, tenant.secret)) return response.sendStatus(401);
  const key = createHash("sha256").update(`vapi:${message.call.id}:${message.type}`).digest();
  await pool.query({
    name: "insert",
    text: `insert into events (org_id, id, source, kind, call_id, dedupe_key, payload, key_version, summary, status,
                               processed_at, trace)
           values ($1, $2, 'vapi', $3, $4, $5, $6, 1, $7, 'processed', now(), $8) on conflict do nothing`,
    values: [
      tenant.org_id, randomUUID(), message.type, message.call.id, key, request.body,
      JSON.stringify({ endedReason: message.endedReason }), "[]",
    ],
  });
  response.sendStatus(200);
});
const server = app.listen(0, "127.0.0.1", () => {
  writeFileSync(ready, JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` }));
});
