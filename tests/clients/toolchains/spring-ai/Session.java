import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.springframework.ai.chat.client.ChatClient;
import org.springframework.ai.chat.messages.AssistantMessage;
import org.springframework.ai.chat.messages.Message;
import org.springframework.ai.chat.messages.UserMessage;
import org.springframework.ai.embedding.EmbeddingModel;
import org.springframework.ai.ollama.OllamaChatModel;
import org.springframework.ai.ollama.OllamaEmbeddingModel;
import org.springframework.ai.ollama.api.OllamaApi;
import org.springframework.ai.ollama.api.OllamaChatOptions;
import org.springframework.ai.ollama.api.OllamaEmbeddingOptions;
import org.springframework.ai.ollama.management.ModelManagementOptions;
import org.springframework.ai.ollama.management.PullModelStrategy;
import org.springframework.ai.tool.annotation.Tool;
import org.springframework.ai.tool.annotation.ToolParam;
import tools.jackson.databind.json.JsonMapper;

/** What a program in Java does with Spring AI; prints one JSON object with the results. */
public class Session {
  // A name that no list has until it is pulled.
  private static final String MODEL = "mistral-large-latest";

  static class Weather {
    @Tool(name = "get_weather", description = "Get the weather of a city")
    public String weather(@ToolParam(description = "the name of the city") String city) {
      return "21 C in " + city;
    }
  }

  public static void main(String[] arguments) {
    OllamaApi api = OllamaApi.builder().baseUrl(arguments[0]).build();
    Map<String, Object> results = new LinkedHashMap<>();
    ModelManagementOptions pulling =
        ModelManagementOptions.builder().pullModelStrategy(PullModelStrategy.WHEN_MISSING).build();
    OllamaChatModel model =
        OllamaChatModel.builder()
            .ollamaApi(api)
            .options(OllamaChatOptions.builder().model(MODEL).temperature(0.3).build())
            .modelManagementOptions(pulling)
            .build();
    results.put("models", api.listModels().models().stream().map(one -> one.name()).toList());
    results.put(
        "capabilities", api.showModel(new OllamaApi.ShowModelRequest(MODEL)).capabilities());

    ChatClient client = ChatClient.create(model);
    results.put("chat", client.prompt("Hello there").call().content());
    List<String> parts = client.prompt("Hello there").stream().content().collectList().block();
    results.put("streamed", String.join("", parts));
    results.put("parts", parts.size());

    Map<String, String> answers = new LinkedHashMap<>();
    List<Message> history = new ArrayList<>();
    for (String city : List.of("Paris", "Rome")) {
      history.add(new UserMessage("What is the weather in " + city + "?"));
      var asked = client.prompt().messages(history).tools(new Weather());
      String answer =
          city.equals("Paris")
              ? asked.call().content()
              : String.join("", asked.stream().content().collectList().block());
      history.add(new AssistantMessage(answer));
      answers.put(city, answer);
    }
    results.put("answers", answers);

    EmbeddingModel vectors =
        OllamaEmbeddingModel.builder()
            .ollamaApi(api)
            .options(OllamaEmbeddingOptions.builder().model("mistral-embed").build())
            .build();
    results.put("vector", vectors.embed("a cat").length);
    System.out.println(JsonMapper.shared().writeValueAsString(results));
    System.exit(0);
  }
}
