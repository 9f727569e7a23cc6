import com.fasterxml.jackson.databind.ObjectMapper;
import io.github.ollama4j.Ollama;
import io.github.ollama4j.models.chat.OllamaChatMessage;
import io.github.ollama4j.models.chat.OllamaChatMessageRole;
import io.github.ollama4j.models.chat.OllamaChatRequest;
import io.github.ollama4j.models.chat.OllamaChatResult;
import io.github.ollama4j.models.chat.OllamaChatStreamObserver;
import io.github.ollama4j.models.embed.OllamaEmbedRequest;
import io.github.ollama4j.tools.Tools;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a program in Java does with ollama4j; prints one JSON object with the results. */
public class Session {
  private static final String MODEL = "mistral-large";

  public static void main(String[] arguments) throws Exception {
    Ollama ollama = new Ollama(arguments[0]);
    ollama.setRequestTimeoutSeconds(30);
    Map<String, Object> results = new LinkedHashMap<>();
    results.put("ping", ollama.ping());
    results.put("models", ollama.listModels().stream().map(model -> model.getName()).toList());
    results.put("capabilities", ollama.getModelDetails(MODEL).getCapabilities());

    List<String> parts = new ArrayList<>();
    OllamaChatStreamObserver observer = new OllamaChatStreamObserver(text -> {}, parts::add);
    results.put("chat", text(ollama.chat(ask(List.of(), "Hello there"), null)));
    ollama.chat(ask(List.of(), "Hello there"), observer);
    results.put("streamed", String.join("", parts));
    results.put("parts", parts.size());

    ollama.registerTool(weather());
    Map<String, String> answers = new LinkedHashMap<>();
    List<OllamaChatMessage> history = List.of();
    for (String city : List.of("Paris", "Rome")) {
      String question = "What is the weather in " + city + "?";
      OllamaChatResult answer = ollama.chat(ask(history, question).withUseTools(true), null);
      answers.put(city, text(answer));
      history = answer.getChatHistory();
    }
    results.put("answers", answers);
    results.put("running", ollama.ps().getModels().size());
    OllamaEmbedRequest vectors = new OllamaEmbedRequest("mistral-embed", List.of("a cat"));
    results.put("vector", ollama.embed(vectors).getEmbeddings().get(0).size());
    ollama.pullModel(MODEL);
    ollama.unloadModel(MODEL);
    System.out.println(new ObjectMapper().writeValueAsString(results));
  }

  private static OllamaChatRequest ask(List<OllamaChatMessage> history, String question) {
    OllamaChatRequest request =
        OllamaChatRequest.builder().withModel(MODEL).withMessages(new ArrayList<>(history));
    return request.withMessage(OllamaChatMessageRole.USER, question).build();
  }

  private static String text(OllamaChatResult result) {
    return result.getResponseModel().getMessage().getResponse();
  }

  private static Tools.Tool weather() {
    Tools.Property city =
        Tools.Property.builder().type("string").description("the name of the city").build();
    city.setRequired(true);
    Tools.ToolSpec spec =
        Tools.ToolSpec.builder()
            .name("get_weather")
            .description("Get the weather of a city")
            .parameters(Tools.Parameters.of(Map.of("city", city)))
            .build();
    return Tools.Tool.builder()
        .toolSpec(spec)
        .toolFunction(given -> "21 C in " + given.get("city"))
        .build();
  }
}
