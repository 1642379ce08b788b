//! What differs between the generations of MiniMax's API.

use clipmill_shared::tier::Size;
use serde_json::Value;

use super::order::Order;
use super::refusal::Refusal;

/// A generation of the API. `{}` in a path stands for an id.
pub(super) struct Generation {
    /// Where a render is asked for.
    pub(super) create: &'static str,
    /// Where it is asked after.
    pub(super) query: &'static str,
    /// Where a finished file is asked after, if the answer about the render has no link to it.
    pub(super) file: Option<&'static str>,
    /// Where a render that still waits can be called off, if it can.
    pub(super) cancel: Option<&'static str>,
    /// The longest prompt, in characters.
    pub(super) prompt_max_chars: usize,
    /// The shapes of videos of text: width and height.
    pub(super) ratios: &'static [(u32, u32)],
    /// All that is sent to ask for a render.
    pub(super) body: fn(&Order<'_>) -> Value,
    /// How a render stands, by the answer about it.
    pub(super) state: fn(&Value) -> Option<State>,
}

/// How a render stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// It has not begun.
    Waiting,
    /// It has begun.
    Running,
    /// There is a video.
    Done(Place),
    /// There will be none.
    Failed(Refusal),
}

/// Where a finished video is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In a file with this id, which has a link.
    File(String),
    /// Behind this link.
    Link(String),
}

impl Generation {
    /// The shape of this size, if videos of text have it.
    pub(super) fn ratio(&self, size: Size) -> Option<(u32, u32)> {
        let has_shape = |(width, height): &(u32, u32)| size.has_shape_of(Size { width: *width, height: *height });
        self.ratios.iter().copied().find(has_shape)
    }
}

/// An id, which may come as a text or as a number, if it is one that can stand in an address.
pub(super) fn id(value: &Value) -> Option<String> {
    const LONGEST: usize = 128;
    let id = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_u64()?.to_string(),
        _ => return None,
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    ((1..=LONGEST).contains(&id.len()) && id.bytes().all(is_plain)).then_some(id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_is_a_text_or_a_number_and_nothing_that_leads_elsewhere() {
        assert_eq!(id(&json!("176843862716480")).as_deref(), Some("176843862716480"));
        assert_eq!(id(&json!(176_843_862_716_480_u64)).as_deref(), Some("176843862716480"));
        assert_eq!(id(&json!("vid_a-7")).as_deref(), Some("vid_a-7"));
        for value in
            [json!(""), json!("../x"), json!("a?b"), json!("a b"), json!(-1), json!(1.5), json!(null), json!([1])]
        {
            assert_eq!(id(&value), None, "{value}");
        }
        assert_eq!(id(&json!("7".repeat(129))), None);
    }
}
