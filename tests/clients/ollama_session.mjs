// What a user of the official JavaScript client does; prints one JSON object with the results.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [url, modules] = process.argv.slice(2);
const found = createRequire(pathToFileURL(`${modules}/`)).resolve("ollama");
const { Ollama } = (await import(pathToFileURL(found))).default;
const client = new Ollama({ host: url });

const model = "mistral-large";
const messages = [{ role: "user", content: "Hello there" }];
const weather = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Get the weather of a city",
    parameters: { type: "object", required: ["city"], properties: { city: { type: "string" } } },
  },
};

async function collect(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

async function failure(call) {
  try {
    await call();
  } catch (error) {
    return { name: error.name, status: error.status_code, message: error.message };
  }
  return null;
}

const results = {};
results.models = (await client.list()).models.map((one) => one.name);
results.show = (await client.show({ model })).capabilities;
results.ps = (await client.ps()).models.length;
results.version = (await client.version()).version;
results.chat = (await client.chat({ model, messages })).message.content;
const parts = await collect(await client.chat({ model, messages, stream: true }));
results.streamed = parts.map((part) => part.message.content).join("");
results.done = parts.map((part) => part.done);
results.generate = (await client.generate({ model, prompt: "Hello there" })).response;
const asked = [{ role: "user", content: "What is the weather in Paris?" }];
const called = await client.chat({ model, messages: asked, tools: [weather] });
results.calls = called.message.tool_calls.map((call) => call.function);
const answered = [
  ...asked,
  called.message,
  { role: "tool", tool_name: "get_weather", content: "21 C in Paris" },
];
results.after = (await client.chat({ model, messages: answered, tools: [weather] })).message.content;
results.vectors = (await client.embed({ model: "mistral-embed", input: ["a", "b"] })).embeddings.map(
  (vector) => vector.length,
);
results.pulled = await client.pull({ model });
results.pulling = await collect(await client.pull({ model, stream: true }));
results.created = await client.create({ model: "made", from: model, system: "Be brief" });
results.copied = await client.copy({ source: "made", destination: "other" });
results.deleted = [await client.delete({ model: "made" }), await client.delete({ model: "other" })];
results.unknown = await failure(() => client.chat({ model: "llama3", messages }));
results.unpullable = await failure(async () => collect(await client.pull({ model: "llama3", stream: true })));
// The sandbox takes its time for this one.
const slow = [{ role: "user", content: "[[pace: 0.1]] Hello there" }];
const aborting = await client.chat({ model, messages: slow, stream: true });
results.aborted = await failure(async () => {
  for await (const part of aborting) aborting.abort();
});
console.log(JSON.stringify(results));
