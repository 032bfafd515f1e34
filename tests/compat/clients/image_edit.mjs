// An image of 40 MB, which OpenAI's SDK for Node puts before the fields that say what to do with it.
import OpenAI, { toFile } from "openai";

const client = new OpenAI({ baseURL: process.env.SLUICE_URL + "/v1", apiKey: process.env.SLUICE_KEY, maxRetries: 0 });
const image = await toFile(Buffer.alloc(40 << 20, 1), "a.png", { type: "image/png" });
console.log((await client.images.edit({ image, prompt: "p", model: process.env.MODEL })).data.length);
