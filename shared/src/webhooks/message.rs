//! One message to one endpoint: what is sent, how it is signed, and how much of it and of the answer is kept.

use chrono::{DateTime, Utc};
use reqwest::{Method, RequestBuilder, Response};

use super::asymmetric::SigningKey;
use super::sign;
use crate::id::DeliveryId;
use crate::outbound::{Outbound, Refused};
use crate::secret::WebhookSecret;

/// Bytes of a body that are kept in the log.
pub const EXCERPT_MAX_BYTES: usize = 2048;

/// A message as it is sent in one try.
#[derive(Debug)]
pub struct Message {
    /// The `webhook-id`.
    pub id: DeliveryId,
    /// When, by the database's clock.
    pub sent_at: DateTime<Utc>,
    /// The event in JSON.
    pub body: String,
}

impl Message {
    /// The headers that say nothing secret.
    pub fn headers(&self) -> [(&'static str, String); 3] {
        [
            ("content-type", "application/json".to_owned()),
            ("webhook-id", self.id.to_string()),
            ("webhook-timestamp", self.sent_at.timestamp().to_string()),
        ]
    }

    /// The `webhook-signature`: one of each secret, and that of the key last.
    pub fn signatures(&self, secrets: &[WebhookSecret], key: Option<&SigningKey>) -> String {
        let (id, timestamp, body) = (self.id.to_string(), self.sent_at.timestamp(), self.body.as_bytes());
        let symmetric = secrets.iter().map(|secret| sign::signature(secret, &id, timestamp, body));
        let asymmetric = key.map(|key| key.sign(&sign::signed(&id, timestamp, body)));
        symmetric.chain(asymmetric).collect::<Vec<_>>().join(" ")
    }

    /// The request that carries it.
    ///
    /// # Errors
    /// An address that is not called.
    pub fn request(&self, outbound: &Outbound, url: &str, signatures: String) -> Result<RequestBuilder, Refused> {
        let request = outbound.request(Method::POST, url)?.header("webhook-signature", signatures);
        let request = self.headers().into_iter().fold(request, |request, (name, value)| request.header(name, value));
        Ok(request.body(self.body.clone()))
    }
}

/// The beginning of an answer's body. What does not arrive in the request's time is left out.
pub async fn read_excerpt(mut response: Response) -> String {
    let mut read = Vec::new();
    while read.len() < EXCERPT_MAX_BYTES
        && let Ok(Some(chunk)) = response.chunk().await
    {
        let room = EXCERPT_MAX_BYTES - read.len();
        read.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    excerpt(&String::from_utf8_lossy(&read))
}

/// The beginning of a text, as the database can hold it.
pub fn excerpt(text: &str) -> String {
    let text = text.replace('\0', "\u{fffd}");
    text[..text.floor_char_boundary(EXCERPT_MAX_BYTES)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_text_whatever_it_was() {
        assert_eq!(excerpt("a\0b"), "a\u{fffd}b");
        let long = excerpt(&"ä".repeat(EXCERPT_MAX_BYTES));
        assert_eq!(long.len(), EXCERPT_MAX_BYTES);
        let odd = excerpt(&"x\u{fffd}".repeat(EXCERPT_MAX_BYTES));
        assert!(odd.len() <= EXCERPT_MAX_BYTES && odd.ends_with(['x', '\u{fffd}']));
    }

    #[test]
    fn every_secret_signs_and_the_key_comes_last() {
        let key: SigningKey = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=".parse().expect("a key");
        let secrets = [WebhookSecret::generate(), WebhookSecret::generate()];
        let message = Message { id: DeliveryId::new(), sent_at: DateTime::default(), body: "{}".to_owned() };
        let header = message.signatures(&secrets, Some(&key));
        let kinds: Vec<_> = header.split(' ').filter_map(|signature| Some(signature.split_once(',')?.0)).collect();
        assert_eq!(kinds, ["v1", "v1", "v1a"]);
        for secret in &secrets {
            assert!(sign::verifies(secret, &message.id.to_string(), 0, b"{}", &header));
        }
    }
}
