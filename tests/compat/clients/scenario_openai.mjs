// The scenario by OpenAI's SDK for Node.
import OpenAI from 'openai';

const client = new OpenAI({ baseURL: `${process.env.SLUICE_URL}/v1`, apiKey: process.env.SLUICE_KEY, maxRetries: 0 });
const model = process.argv[2];
const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
const tools = [{ type: 'function', function: { name: 'weather', description: 'W', parameters: schema } }];
const ask = async (messages, more = {}) =>
  (await client.chat.completions.create({ model, messages, ...more })).choices[0].message;
const hello = [{ role: 'user', content: 'Hi' }];

const said = { chat: (await ask(hello)).content, stream: '', tools: [] };
for await (const chunk of await client.chat.completions.create({ model, messages: hello, stream: true })) {
  said.stream += chunk.choices[0]?.delta?.content ?? '';
}
const messages = [];
for (const content of ['How is it?', 'And now?', 'And then?']) {
  messages.push({ role: 'user', content });
  const runner = client.chat.completions.stream({ model, messages, tools });
  const called = await runner.finalMessage();
  const call = called.tool_calls[0];
  const icy = `icy in ${JSON.parse(call.function.arguments).city}`;
  messages.push(called, { role: 'tool', tool_call_id: call.id, content: icy });
  const told = await ask(messages, { tools });
  messages.push(told);
  said.tools.push(told.content);
}
const response_format = { type: 'json_schema', json_schema: { name: 'city', schema, strict: true } };
said.json = JSON.parse((await ask(hello, { response_format })).content);
console.log(JSON.stringify(said));
