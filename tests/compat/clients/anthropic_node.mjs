// A plain answer, a stream, and a tool, by Anthropic's SDK for Node.
import Anthropic from '@anthropic-ai/sdk';

const client = new Anthropic({ baseURL: process.env.SLUICE_URL, apiKey: process.env.SLUICE_KEY, maxRetries: 0 });
const asked = { model: 'gpt-4o', max_tokens: 999, messages: [{ role: 'user', content: 'Say hello' }] };

const said = await client.messages.create(asked);
console.log(said.content[0].text);
console.log(await client.messages.stream(asked).finalText());
const tools = [{ name: 'weather', input_schema: { type: 'object', properties: { city: { type: 'string' } } } }];
const called = await client.messages.create({ ...asked, tools, tool_choice: { type: 'tool', name: 'weather' } });
console.log(called.stop_reason, called.content.at(-1).name);
console.log((await client.messages.countTokens({ model: 'gpt-4o', messages: asked.messages })).input_tokens > 0);
