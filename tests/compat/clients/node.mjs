// A plain answer, then a stream, by OpenAI's SDK for Node.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.SLUICE_URL + "/v1", apiKey: process.env.SLUICE_KEY, maxRetries: 0 });
const ask = { model: "gpt-4o", messages: [{ role: "user", content: "Say hello" }] };
console.log((await client.chat.completions.create(ask)).choices[0].message.content);
let text = "";
for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
  text += chunk.choices[0]?.delta?.content ?? "";
}
console.log(text);
for await (const event of await client.responses.create({ model: "gpt-4o", input: "Say hello", stream: true })) {
  if (event.type === "response.completed") console.log(event.response.status);
}
