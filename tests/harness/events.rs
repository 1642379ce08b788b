//! A client of server-sent events.

use reqwest::Response;
use serde_json::Value;

/// A stream of events that is being read.
pub struct Events {
    response: Response,
    text: String,
}

/// One event.
#[derive(Debug)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its id, by which the client would come back.
    pub id: String,
    /// What it says.
    pub data: Value,
}

impl Events {
    /// The events of an answer.
    pub fn of(response: Response) -> Self {
        Self { response, text: String::new() }
    }

    /// The next event; none when the stream has ended. Comments are passed over.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                if let Some(event) = parse(&block) {
                    return Some(event);
                }
            }
            let chunk = self.response.chunk().await.expect("an unbroken stream")?;
            self.text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }

    /// The next event that is not of this name.
    pub async fn next_but(&mut self, name: &str) -> Option<Event> {
        loop {
            match self.next().await {
                Some(event) if event.name == name => {}
                event => return event,
            }
        }
    }
}

fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let data = serde_json::from_str(field("data")?).expect("JSON");
    Some(Event { name: field("event")?.to_owned(), id: field("id").unwrap_or_default().to_owned(), data })
}
