// What a user of Genkit does with `ai`; prints one JSON document with the results.
import { z } from "genkit";

const model = "ollama/mistral-large";
// This client takes each read for one line, so that it must not be slower than the stream.
const prompt = "[[pace: 0.05]] Hello there";
const weather = ai.defineTool(
  {
    name: "get_weather",
    description: "Get the weather of a city",
    inputSchema: z.object({ city: z.string() }),
    outputSchema: z.string(),
  },
  async ({ city }) => `21 C in ${city}`,
);

const whole = await ai.generate({ model, prompt });
const { stream, response } = ai.generateStream({ model, prompt });
const parts = [];
for await (const chunk of stream) parts.push(chunk.text);
await response;
const tools = [weather];
const first = await ai.generate({ model, prompt: "What is the weather in Paris?", tools });
const second = await ai.generate({
  model,
  messages: first.messages,
  prompt: "What is the weather in Rome?",
  tools,
});
console.log(JSON.stringify({ whole: whole.text, parts, first: first.text, second: second.text }));
