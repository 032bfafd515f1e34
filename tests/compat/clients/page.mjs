// What a web application does: OpenAI's SDK in the page, the gateway on another origin.
import OpenAI from "openai";

window.talk = async (url, key) => {
  const client = new OpenAI({ baseURL: url + "/v1", apiKey: key, dangerouslyAllowBrowser: true, maxRetries: 0 });
  const ask = { model: "gpt-4o", messages: [{ role: "user", content: "Say hello" }] };
  const { data, response } = await client.chat.completions.create(ask).withResponse();
  let streamed = "";
  for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
    streamed += chunk.choices[0]?.delta?.content ?? "";
  }
  const errors = [];
  await client.chat.completions.create({ model: "gpt-4o" }).catch((error) => errors.push([error.status, error.code]));
  const stranger = new OpenAI({ baseURL: url + "/v1", apiKey: "sk-wrong", dangerouslyAllowBrowser: true, maxRetries: 0 });
  await stranger.models.list().catch((error) => errors.push([error.status, error.code]));
  return { plain: data.choices[0].message.content, call: response.headers.get("x-litellm-call-id"), streamed, errors };
};
