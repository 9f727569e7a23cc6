// What an agent of the AI SDK does with `gateway`; prints one JSON document a line.
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

globalThis.AI_SDK_LOG_WARNINGS = false;
const say = (name, value) => console.log(JSON.stringify({ name, value }));
const tools = {
  get_weather: tool({
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `21 C in ${city}`,
  }),
};
const asked = { maxRetries: 0, tools, stopWhen: stepCountIs(5) };
const paris = { role: "user", content: "What is the weather in Paris?" };
const rome = { role: "user", content: "What is the weather in Rome?" };

for (const store of [true, false]) {
  for (const name of ["mistral-large", "mistral-medium"]) {
    const model = gateway(name);
    const providerOptions = { openai: { store, reasoningSummary: "auto" } };
    const first = await generateText({ ...asked, model, providerOptions, messages: [paris] });
    const messages = [paris, ...first.response.messages, rome];
    const second = streamText({ ...asked, model, providerOptions, messages });
    for await (const part of second.fullStream) if (part.type === "error") throw part.error;
    say(`${name} ${store}`, [first.text, await second.text]);
  }
}
