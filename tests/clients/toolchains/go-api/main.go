// What a program in Go does with Ollama's own client; prints one JSON object with the results.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/ollama/ollama/api"
)

const model = "mistral-large"

func main() {
	base, err := url.Parse(os.Args[1])
	check(err)
	client := api.NewClient(base, http.DefaultClient)
	ctx := context.Background()
	check(client.Heartbeat(ctx))

	list, err := client.List(ctx)
	check(err)
	names := []string{}
	for _, one := range list.Models {
		names = append(names, one.Name)
	}
	shown, err := client.Show(ctx, &api.ShowRequest{Model: model})
	check(err)
	hello := []api.Message{{Role: "user", Content: "Hello there"}}
	whole, _ := chat(ctx, client, hello, nil, false)
	streamed, parts := chat(ctx, client, hello, nil, true)

	messages := []api.Message{}
	answers := map[string]string{}
	for _, city := range []string{"Paris", "Rome"} {
		question := "What is the weather in " + city + "?"
		messages = append(messages, api.Message{Role: "user", Content: question})
		called, _ := chat(ctx, client, messages, weather(), city == "Rome")
		messages = append(messages, called)
		for _, call := range called.ToolCalls {
			place, _ := call.Function.Arguments.Get("city")
			messages = append(messages, api.Message{
				Role: "tool", ToolName: call.Function.Name, ToolCallID: call.ID,
				Content: "21 C in " + place.(string),
			})
		}
		answer, _ := chat(ctx, client, messages, weather(), city == "Rome")
		messages = append(messages, answer)
		answers[city] = answer.Content
	}
	vectors, err := client.Embed(ctx, &api.EmbedRequest{Model: "mistral-embed", Input: "a cat"})
	check(err)
	running, err := client.ListRunning(ctx)
	check(err)

	check(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"models": names, "capabilities": shown.Capabilities, "chat": whole.Content,
		"streamed": streamed.Content, "parts": parts, "answers": answers,
		"vector": len(vectors.Embeddings[0]), "running": len(running.Models),
	}))
}

// chat returns the whole message, and of how many parts it was put together.
func chat(
	ctx context.Context, client *api.Client, messages []api.Message, tools api.Tools, stream bool,
) (api.Message, int) {
	whole, parts := api.Message{Role: "assistant"}, 0
	request := &api.ChatRequest{Model: model, Messages: messages, Tools: tools, Stream: &stream}
	check(client.Chat(ctx, request, func(part api.ChatResponse) error {
		whole.Content += part.Message.Content
		whole.ToolCalls = append(whole.ToolCalls, part.Message.ToolCalls...)
		parts++
		return nil
	}))
	return whole, parts
}

func weather() api.Tools {
	tools := api.Tools{}
	check(json.NewDecoder(strings.NewReader(`[{"type": "function", "function": {
		"name": "get_weather", "description": "Get the weather of a city",
		"parameters": {"type": "object", "required": ["city"],
			"properties": {"city": {"type": "string", "description": "the name of the city"}}}}}]`,
	)).Decode(&tools))
	return tools
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
