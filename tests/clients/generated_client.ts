// What a user of a client does that openapi-typescript has generated from the document; prints one
// JSON object with the results. It must pass the strictest checks of the compiler.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };

type Schemas = components["schemas"];

const client = createClient<paths>({ baseUrl: process.argv[2] ?? "" });
const model = "mistral-large";
const tool: Schemas["Tool"] = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Get the weather of a city",
    parameters: { type: "object", required: ["city"], properties: { city: { type: "string" } } },
  },
};

async function lines(stream: ReadableStream<Uint8Array> | null | undefined): Promise<string[]> {
  return (await new Response(stream).text()).split("\n").filter((line) => line !== "");
}

// An answer may be a document or a stream, so whoever asks for the one has to look.
function document<T>(data: T | string | undefined): T {
  if (data === undefined || typeof data === "string") throw new Error("no document");
  return data;
}

const tags = await client.GET("/api/tags");
const names: string[] = tags.data?.models.map((one) => one.name) ?? [];

const hello = { model, messages: [{ role: "user", content: "Hello there" }] };
const whole = await client.POST("/api/chat", { body: { ...hello, stream: false, keep_alive: "5m" } });
const answer: string | undefined = document(whole.data).message.content;

const streamed = await client.POST("/api/chat", { body: hello, parseAs: "stream" });
const pieces = (await lines(streamed.data)).map(
  (line) => JSON.parse(line) as Schemas["OllamaChatPiece"] | Schemas["OllamaChatAnswer"],
);

const asked: Schemas["OllamaMessage"] = { role: "user", content: "What is the weather in Paris?" };
const called = await client.POST("/api/chat", {
  body: { model, messages: [asked], tools: [tool], stream: false },
});
const calls = document(called.data).message.tool_calls?.map((one) => one.function) ?? [];

const completed = await client.POST("/v1/chat/completions", { body: { ...hello, temperature: 0 } });
const responded = await client.POST("/v1/responses", { body: { model, input: "Hello there" } });
const message = await client.POST("/v1/messages", {
  body: { model, max_tokens: 100, messages: [{ role: "user", content: "Hello there" }] },
});
const unknown = await client.POST("/v1/chat/completions", { body: { ...hello, model: "llama3" } });
const embedded = await client.POST("/api/embed", {
  body: { model: "mistral-embed", input: ["a", "b"] },
});

console.log(
  JSON.stringify({
    names,
    answer,
    streamed: pieces.map((one) => one.message.content).join(""),
    done: pieces.map((one) => one.done),
    calls,
    completed: document(completed.data).choices[0]?.message.content,
    responded: document(responded.data).output.map((one) => one.type),
    message: document(message.data).content.map((one) => one.text),
    unknown: unknown.error?.error.message,
    vectors: embedded.data?.embeddings.map((one) => one.length),
  }),
);
