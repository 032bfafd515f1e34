// The gateway with OpenAI's own SDK for JavaScript, streamed.
//
//   cd examples && npm install && node node_example.mjs
import { existsSync, readFileSync } from "node:fs";
import OpenAI from "openai";

const gateway = process.env.SLUICE_URL ?? "http://localhost:4000";
const envFile = new URL("../.env", import.meta.url); // `make run` writes the gateway's key here

function gatewayKey() {
  const written = existsSync(envFile) ? readFileSync(envFile, "utf8") : "";
  const line = written.match(/^LITELLM_MASTER_KEY=(.*)$/m);
  return process.env.LITELLM_MASTER_KEY || line?.[1] || "sk-anything";
}

const client = new OpenAI({ baseURL: `${gateway}/v1`, apiKey: gatewayKey() });

const stream = await client.chat.completions.create({
  model: "gpt-4o",
  messages: [{ role: "user", content: "Say hello in one sentence." }],
  stream: true,
});
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta?.content ?? "");
}
process.stdout.write("\n");
