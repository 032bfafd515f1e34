// A plain answer and a stream, by Vercel's `ai` and its provider for Anthropic.
import { createAnthropic } from '@ai-sdk/anthropic';
import { generateText, streamText } from 'ai';

const provider = createAnthropic({ baseURL: `${process.env.SLUICE_URL}/v1`, apiKey: process.env.SLUICE_KEY });
const asked = { model: provider('gpt-4o'), prompt: 'Say hello', maxRetries: 0 };

console.log((await generateText(asked)).text);
let said = '';
for await (const piece of streamText(asked).textStream) said += piece;
console.log(said);
