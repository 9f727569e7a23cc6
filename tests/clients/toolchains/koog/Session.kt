import ai.koog.agents.core.tools.ToolDescriptor
import ai.koog.agents.core.tools.ToolParameterDescriptor
import ai.koog.agents.core.tools.ToolParameterType
import ai.koog.http.client.ktor.KtorKoogHttpClient
import ai.koog.prompt.dsl.prompt
import ai.koog.prompt.executor.ollama.client.OllamaClient
import ai.koog.prompt.executor.ollama.client.toLLModel
import ai.koog.prompt.message.Message
import ai.koog.prompt.message.MessagePart
import ai.koog.prompt.message.RequestMetaInfo
import ai.koog.prompt.streaming.StreamFrame
import kotlin.system.exitProcess
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

// What a program in Kotlin does with Koog; prints one JSON object with the results.
fun main(arguments: Array<String>) {
    runBlocking {
        val client = OllamaClient(KtorKoogHttpClient.Factory(), arguments[0])
        val cards = client.getModels()
        val card = requireNotNull(client.getModelOrNull("mistral-large"))
        val model = card.toLLModel()

        suspend fun ask(messages: List<Message>, tools: List<ToolDescriptor> = emptyList()) =
            client.execute(prompt("session") { messages(messages) }, model, tools)

        fun user(text: String) = Message.User(text, RequestMetaInfo.Empty)

        val hello = listOf(user("Hello there"))
        val whole = ask(hello).textContent()
        val parts = client.executeStreaming(prompt("session") { messages(hello) }, model, emptyList())
            .filterIsInstance<StreamFrame.TextDelta>().toList().map { it.text }

        val city = ToolParameterDescriptor("city", "the name of the city", ToolParameterType.String)
        val weather = ToolDescriptor("get_weather", "Get the weather of a city", listOf(city))
        val history = mutableListOf<Message>()
        val answers = mutableMapOf<String, String>()
        for (place in listOf("Paris", "Rome")) {
            history += user("What is the weather in $place?")
            val called = ask(history, listOf(weather))
            history += called
            for (call in called.parts.filterIsInstance<MessagePart.Tool.Call>()) {
                val given = Json.parseToJsonElement(call.args).jsonObject
                val output = "21 C in ${given.getValue("city").jsonPrimitive.content}"
                val result = MessagePart.Tool.Result(call.id, call.tool, output)
                history += Message.User(result, RequestMetaInfo.Empty)
            }
            val answer = ask(history, listOf(weather))
            history += answer
            answers[place] = answer.textContent()
        }
        println(
            buildJsonObject {
                put("models", JsonArray(cards.map { JsonPrimitive(it.name) }))
                put("capabilities", JsonArray(card.capabilities.map { JsonPrimitive(it.id) }))
                put("chat", JsonPrimitive(whole))
                put("streamed", JsonPrimitive(parts.joinToString("")))
                put("parts", JsonPrimitive(parts.size))
                put("answers", buildJsonObject { answers.forEach { put(it.key, JsonPrimitive(it.value)) } })
            },
        )
        exitProcess(0)
    }
}
