//! What a program in Rust does with ollama-rs; prints one JSON object with the results.
use std::collections::HashMap;
use std::error::Error;

use ollama_rs::Ollama;
use ollama_rs::coordinator::Coordinator;
use ollama_rs::generation::chat::{ChatMessage, request::ChatMessageRequest};
use ollama_rs::generation::embeddings::request::GenerateEmbeddingsRequest;
use ollama_rs::generation::tools::Tool;
use ollama_rs::models::ModelOptions;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio_stream::StreamExt;

const MODEL: &str = "mistral-large";

#[derive(Deserialize, JsonSchema)]
struct Place {
    #[schemars(description = "the name of the city")]
    city: String,
}

struct Weather;

impl Tool for Weather {
    type Params = Place;

    fn name() -> &'static str {
        "get_weather"
    }

    fn description() -> &'static str {
        "Get the weather of a city"
    }

    async fn call(&mut self, place: Place) -> Result<String, Box<dyn Error + Send + Sync>> {
        Ok(format!("21 C in {}", place.city))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("no URL")?;
    let ollama = Ollama::try_new(url)?;
    let models: Vec<String> =
        ollama.list_local_models().await?.into_iter().map(|one| one.name).collect();
    let shown = ollama.show_model_info(MODEL.to_string()).await?;

    let hello = || {
        let message = ChatMessage::user("Hello there".to_string());
        ChatMessageRequest::new(MODEL.to_string(), vec![message])
    };
    let whole = ollama.send_chat_messages(hello()).await?.message.content;
    let mut stream = ollama.send_chat_messages_stream(hello()).await?;
    let (mut streamed, mut parts) = (String::new(), 0);
    while let Some(Ok(part)) = stream.next().await {
        streamed += &part.message.content;
        parts += 1;
    }
    // Counts are missing where a stop string was cut by the server itself and it has none to tell.
    let stop = (1..5).map(|n| format!("zz{n}")).chain(["there".to_string()]).collect();
    let cut = hello().options(ModelOptions::default().stop(stop));
    let counts = ollama.send_chat_messages(cut).await?.final_data.ok_or("no counts")?;

    let mut agent = Coordinator::new(ollama.clone(), MODEL.to_string(), vec![]).add_tool(Weather);
    let mut answers = HashMap::new();
    for city in ["Paris", "Rome"] {
        let question = ChatMessage::user(format!("What is the weather in {city}?"));
        answers.insert(city, agent.chat(vec![question]).await?.message.content);
    }
    let request =
        GenerateEmbeddingsRequest::new("mistral-embed".to_string(), vec!["a cat"].into());
    let vectors = ollama.generate_embeddings(request).await?.embeddings;

    let results = json!({
        "models": models, "capabilities": shown.capabilities, "chat": whole,
        "streamed": streamed, "parts": parts, "answers": answers, "vector": vectors[0].len(),
        "counts": [counts.prompt_eval_count, counts.eval_count],
    });
    println!("{results}");
    Ok(())
}
