// The scenario by Anthropic's SDK for Node.
import Anthropic from '@anthropic-ai/sdk';

const client = new Anthropic({ baseURL: process.env.SLUICE_URL, apiKey: process.env.SLUICE_KEY, maxRetries: 0 });
const model = process.argv[2];
const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
const tools = [{ name: 'weather', description: 'W', input_schema: schema }];
const ask = (messages, more = {}) => client.messages.create({ model, max_tokens: 999, messages, ...more });
const text = (message) => message.content.filter((block) => block.type === 'text').map((block) => block.text).join('');
const hello = [{ role: 'user', content: 'Hi' }];

const said = { chat: text(await ask(hello)), tools: [] };
said.stream = await client.messages.stream({ model, max_tokens: 999, messages: hello }).finalText();
const messages = [];
for (const content of ['How is it?', 'And now?', 'And then?']) {
  messages.push({ role: 'user', content });
  const called = await client.messages.stream({ model, max_tokens: 999, messages, tools }).finalMessage();
  const call = called.content.find((block) => block.type === 'tool_use');
  const result = { type: 'tool_result', tool_use_id: call.id, content: `icy in ${call.input.city}` };
  messages.push({ role: 'assistant', content: called.content }, { role: 'user', content: [result] });
  const told = await ask(messages, { tools });
  messages.push({ role: 'assistant', content: told.content });
  said.tools.push(text(told));
}
const format = { type: 'json_schema', schema };
said.json = JSON.parse(text(await ask(hello, { output_config: { format } })));
console.log(JSON.stringify(said));
