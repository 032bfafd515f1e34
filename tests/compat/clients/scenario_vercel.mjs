// The scenario by Vercel's `ai`, with its provider for Anthropic.
import { createAnthropic } from '@ai-sdk/anthropic';
import { generateObject, generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';

const provider = createAnthropic({ baseURL: `${process.env.SLUICE_URL}/v1`, apiKey: process.env.SLUICE_KEY });
const model = provider(process.argv[2]);
const schema = jsonSchema({
  type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false,
});
const tools = { weather: tool({ description: 'W', inputSchema: schema, execute: async ({ city }) => `icy in ${city}` }) };
const beside = { model, maxRetries: 0, maxOutputTokens: 999 };

const said = { chat: (await generateText({ ...beside, prompt: 'Hi' })).text, stream: '', tools: [] };
for await (const piece of streamText({ ...beside, prompt: 'Hi' }).textStream) said.stream += piece;
const messages = [];
for (const content of ['How is it?', 'And now?', 'And then?']) {
  messages.push({ role: 'user', content });
  const told = streamText({ ...beside, messages, tools, stopWhen: stepCountIs(2) });
  said.tools.push(await told.text);
  messages.push(...(await told.response).messages);
}
said.json = (await generateObject({ ...beside, schema, prompt: 'Where?' })).object;
console.log(JSON.stringify(said));
