//! Why MiniMax did not do what it was asked, by its codes, and what follows from it. What it says in words goes nowhere: it may repeat
//! the prompt.

use serde_json::Value;
use tracing::error;

use crate::engine::EngineError;

/// Why MiniMax did not do what it was asked, by what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It was asked too often.
    Throttled,
    /// The operator has to do something first; says what about.
    Barred(&'static str, i64),
    /// Its moderation refused what was asked for.
    Input,
    /// Its moderation refused what was rendered.
    Output,
    /// It does not take such a request; in words for the customer.
    Invalid(&'static str),
    /// It may work another time.
    Failed(i64),
}

const INVALID: &str = "The model does not take this request. Change the prompt, the images or the size.";
const INVISIBLE: &str = "The prompt has characters that the model does not take: invisible or control characters.";

/// The kinds of error of the second generation, and the code that each is in the first.
const KINDS: [(&str, i64); 7] = [
    ("bad_request_error", 2013),
    ("authorized_error", 1004),
    ("insufficient_balance_error", 1008),
    ("unprocessable_entity_error", 1026),
    ("rate_limit_error", 1002),
    ("server_error", 1000),
    ("overloaded_error", OVERLOADED),
];

/// HTTP statuses that speak for themselves, and the code that each is.
const STATUSES: [(u16, i64); 5] = [(401, 1004), (403, 1004), (402, 1008), (429, 1002), (529, OVERLOADED)];

/// Too many connections, or too much to do.
const OVERLOADED: i64 = 1041;

impl Refusal {
    /// What this code means; none for success.
    pub(super) fn of(code: i64) -> Option<Self> {
        Some(match code {
            0 => return None,
            1002 | 1039 | 1041 | 2045 => Self::Throttled,
            1004 | 2049 => Self::Barred("the key", code),
            2038 => Self::Barred("the proof of who has the account", code),
            1008 => Self::Barred("the balance", code),
            1028 | 1030 | 2061 => Self::Barred("the quota or the plan", code),
            1026 => Self::Input,
            1027 => Self::Output,
            1042 => Self::Invalid(INVISIBLE),
            2013 => Self::Invalid(INVALID),
            other => Self::Failed(other),
        })
    }

    /// What an answer refuses, if it does: by the code in its body, in the manner of either generation, else by its HTTP status.
    pub(super) fn in_answer(status: u16, body: &Value) -> Option<Self> {
        let code =
            number(&body["base_resp"]["status_code"]).filter(|code| *code != 0).or_else(|| in_error(&body["error"]));
        match code {
            Some(code) => Self::of(code),
            None if (200..300).contains(&status) => None,
            None => {
                let known = STATUSES.iter().find(|(known, _)| *known == status);
                Self::of(known.map_or(i64::from(status), |(_, code)| *code))
            }
        }
    }

    /// What a render failed of, if it says so.
    pub(super) fn of_failed(code: &Value) -> Self {
        number(code).and_then(Self::of).unwrap_or(Self::Failed(0))
    }
}

/// A code that stands there as a number, or as a text of digits.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// The code of an error of the second generation: in brackets at the end of its message, else that of its kind.
fn in_error(error: &Value) -> Option<i64> {
    let kind = error["type"].as_str()?;
    let in_brackets = || {
        let (_, code) = error["message"].as_str()?.trim_end().strip_suffix(')')?.rsplit_once('(')?;
        code.parse().ok().filter(|code| *code != 0)
    };
    let of_kind = KINDS.iter().find(|(known, _)| *known == kind).map_or(1000, |(_, code)| *code);
    Some(in_brackets().unwrap_or(of_kind))
}

/// What a refusal means for the job. What the operator has to see to is logged.
impl From<Refusal> for EngineError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Throttled => Self::Unavailable("MiniMax was asked too often".to_owned()),
            Refusal::Barred(what, code) => {
                error!(code, "MiniMax renders nothing for this worker: look at {what} of the account there");
                Self::Unavailable(format!(
                    "MiniMax answered with code {code}, which is about {what} of the account there"
                ))
            }
            Refusal::Input => Self::InputModerated,
            Refusal::Output => Self::OutputModerated,
            Refusal::Invalid(words) => Self::Rejected(words.to_owned()),
            Refusal::Failed(code) => Self::Transient(format!("MiniMax answered with code {code}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_of_the_first_generation_has_its_code_in_the_body() {
        for (code, refusal) in [
            (json!(0), None),
            (json!("0"), None),
            (json!(1002), Some(Refusal::Throttled)),
            (json!("1002"), Some(Refusal::Throttled)),
            (json!(2049), Some(Refusal::Barred("the key", 2049))),
            (json!(1008), Some(Refusal::Barred("the balance", 1008))),
            (json!(1026), Some(Refusal::Input)),
            (json!(1027), Some(Refusal::Output)),
            (json!(2013), Some(Refusal::Invalid(INVALID))),
            (json!(1033), Some(Refusal::Failed(1033))),
        ] {
            let body = json!({ "base_resp": { "status_code": code, "status_msg": "whatever" } });
            assert_eq!(Refusal::in_answer(200, &body), refusal, "{body}");
        }
    }

    #[test]
    fn an_answer_of_the_second_generation_has_a_kind_and_perhaps_a_code() {
        for (kind, message, refusal) in [
            ("bad_request_error", "invalid params (2013)", Refusal::Invalid(INVALID)),
            ("bad_request_error", "no code", Refusal::Invalid(INVALID)),
            ("unprocessable_entity_error", "output sensitive (1027)", Refusal::Output),
            ("unprocessable_entity_error", "sensitive", Refusal::Input),
            ("rate_limit_error", "slowly (please)", Refusal::Throttled),
            ("overloaded_error", "", Refusal::Throttled),
            ("server_error", "", Refusal::Failed(1000)),
            ("another_error", "", Refusal::Failed(1000)),
        ] {
            let body = json!({ "type": "error", "error": { "type": kind, "message": message, "http_code": "400" } });
            assert_eq!(Refusal::in_answer(400, &body), Some(refusal), "{body}");
        }
    }

    #[test]
    fn where_the_body_says_nothing_the_status_does() {
        for (status, refusal) in [
            (200, None),
            (401, Some(Refusal::Barred("the key", 1004))),
            (429, Some(Refusal::Throttled)),
            (502, Some(Refusal::Failed(502))),
        ] {
            assert_eq!(Refusal::in_answer(status, &Value::Null), refusal, "{status}");
        }
    }
}
