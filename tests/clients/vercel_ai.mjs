// Talk to a gateway through Vercel's AI SDK and print what came, one JSON document a line.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const provider = createOpenAICompatible({
  name: "ollama",
  baseURL: `${process.env.GATEWAY_URL}/v1`,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const asked = { model: provider("mistral-large"), prompt: "Hello there", maxRetries: 0 };
const say = (name, value) => console.log(JSON.stringify({ name, value }));

const text = await generateText(asked);
say("text", [text.text, text.finishReason, text.usage.totalTokens]);

const stream = streamText(asked);
const parts = [];
for await (const part of stream.textStream) parts.push(part);
say("stream", [parts.join(""), await stream.finishReason, (await stream.usage).totalTokens]);

const weather = tool({
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `21 C in ${city}`,
});
const agent = await generateText({
  ...asked,
  prompt: "What is the weather in Paris?",
  tools: { get_weather: weather },
  stopWhen: stepCountIs(3),
});
say("tools", agent.text);

const schema = z.object({ city: z.string(), people: z.number() });
const prompt = "Tell me about Lyon, 520774 people, as JSON";
say("object", (await generateObject({ ...asked, prompt, schema })).object);

const model = provider.textEmbeddingModel("mistral-embed");
const { embeddings } = await embedMany({ model, values: ["a small cat", "a little cat"] });
say("embeddings", embeddings.map((vector) => vector.length));

try {
  await generateText({ ...asked, model: provider("llama3") });
} catch (error) {
  say("error", [error.statusCode, error.message]);
}
