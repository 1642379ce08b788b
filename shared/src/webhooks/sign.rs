//! Signatures and retry times of Standard Webhooks 1.0.0.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::secret::WebhookSecret;

/// Pauses before the second and every further try (the specification's example schedule: 75.5 hours in all).
const RETRY_PAUSES_SECONDS: [u64; 9] = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// The `webhook-signature` of a message: `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`.
pub fn signature(secret: &WebhookSecret, id: &str, timestamp: i64, body: &[u8]) -> String {
    let mac = keyed(secret).chain_update(signed(id, timestamp, body));
    format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
}

/// What every signature is made of.
pub(super) fn signed(id: &str, timestamp: i64, body: &[u8]) -> Vec<u8> {
    [format!("{id}.{timestamp}.").as_bytes(), body].concat()
}

/// Whether one of the signatures in a `webhook-signature` header is ours, in constant time.
pub fn verifies(secret: &WebhookSecret, id: &str, timestamp: i64, body: &[u8], header: &str) -> bool {
    let mac = keyed(secret).chain_update(signed(id, timestamp, body));
    let mut signatures = header.split(' ').filter_map(|signature| BASE64.decode(signature.strip_prefix("v1,")?).ok());
    signatures.any(|signature| mac.clone().verify_slice(&signature).is_ok())
}

fn keyed(secret: &WebhookSecret) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret.bytes()).expect("HMAC takes a key of any length")
}

/// How long to wait after try number `attempt` (from 1, and again from 1 with a replay) failed; none when it was the last one.
/// `jitter`, 0 to 1, adds up to a tenth, so that a recovering endpoint is not met by all at once.
pub fn retry_pause(attempt: i32, jitter: f64) -> Option<Duration> {
    let index = usize::try_from(attempt).ok()?.checked_sub(1)?;
    let seconds = *RETRY_PAUSES_SECONDS.get(index)?;
    Some(Duration::from_secs(seconds).mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 10.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The test vector of the Standard Webhooks specification.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIMESTAMP: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        let secret = WebhookSecret::parse(SECRET).expect("a whsec_ secret");
        assert_eq!(signature(&secret, ID, TIMESTAMP, BODY), SIGNATURE);
        assert!(verifies(&secret, ID, TIMESTAMP, BODY, &format!("v1a,xyz v1,bad {SIGNATURE}")));
    }

    #[test]
    fn a_changed_message_does_not_verify() {
        let secret = WebhookSecret::parse(SECRET).expect("a whsec_ secret");
        assert!(!verifies(&secret, ID, TIMESTAMP + 1, BODY, SIGNATURE));
        assert!(!verifies(&secret, "msg_other", TIMESTAMP, BODY, SIGNATURE));
        assert!(!verifies(&secret, ID, TIMESTAMP, b"{}", SIGNATURE));
        assert!(!verifies(&WebhookSecret::generate(), ID, TIMESTAMP, BODY, SIGNATURE));
    }

    #[test]
    fn there_are_ten_tries_within_76_hours_and_then_no_more() {
        let pauses: Vec<_> = (1..).map_while(|attempt| retry_pause(attempt, 0.0)).collect();
        assert_eq!(pauses.len(), 9);
        assert_eq!(pauses.iter().sum::<Duration>(), Duration::from_secs(75 * 3600 + 35 * 60 + 5));
        assert_eq!(retry_pause(1, 1.0), Some(Duration::from_millis(5500)));
        assert_eq!(retry_pause(10, 0.0), None);
    }
}
