//! What the fields of an endpoint may be.

use clipmill_shared::webhooks::event::EventKind;

use crate::app::App;
use crate::problem::Problem;

const NAME_MAX_CHARS: usize = 200;
const URL_MAX_CHARS: usize = 2048;
/// Stands for every kind of event.
pub(super) const ALL: &str = "*";

/// A name.
pub(super) fn name(name: String) -> Result<String, Problem> {
    let acceptable = (1..=NAME_MAX_CHARS).contains(&name.chars().count()) && !name.contains('\0');
    let refused = || Problem::invalid("name", "must have 1 to 200 characters, without the character U+0000");
    acceptable.then_some(name).ok_or_else(refused)
}

/// An address that may be called.
pub(super) fn url(app: &App, url: String) -> Result<String, Problem> {
    if url.chars().count() > URL_MAX_CHARS || url.contains('\0') {
        return Err(Problem::invalid("url", "must have at most 2048 characters, without the character U+0000"));
    }
    app.outbound.check(&url).map_err(|refused| Problem::invalid("url", &refused.to_string()))?;
    Ok(url)
}

/// Kinds of events, each once; none for all of them.
pub(super) fn event_types(names: Vec<String>) -> Result<Option<Vec<String>>, Problem> {
    if names == [ALL] {
        return Ok(None);
    }
    let is_known = |name: &String| kind(name).is_some();
    if names.is_empty() || !names.iter().all(is_known) {
        return Err(Problem::invalid(
            "event_types",
            &format!("must be [\"{ALL}\"], or a list of some of: {}", kinds()),
        ));
    }
    let named =
        EventKind::OF_ENDPOINTS.into_iter().map(EventKind::as_str).filter(|kind| names.iter().any(|name| name == kind));
    Ok(Some(named.map(str::to_owned).collect()))
}

/// One kind of event.
pub(super) fn event_type(name: Option<String>) -> Result<EventKind, Problem> {
    name.and_then(|name| kind(&name))
        .ok_or_else(|| Problem::invalid("event_type", &format!("must be one of: {}", kinds())))
}

/// A kind that endpoints can take.
fn kind(name: &str) -> Option<EventKind> {
    name.parse().ok().filter(|kind| EventKind::OF_ENDPOINTS.contains(kind))
}

fn kinds() -> String {
    EventKind::OF_ENDPOINTS.map(EventKind::as_str).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(names: &[&str]) -> Option<Option<Vec<String>>> {
        event_types(names.iter().map(|name| (*name).to_owned()).collect()).ok()
    }

    #[test]
    fn kinds_of_events_are_known_and_come_once() {
        assert_eq!(read(&["*"]), Some(None));
        let both = vec!["video.completed".to_owned(), "video.failed".to_owned()];
        assert_eq!(read(&["video.failed", "video.completed", "video.failed"]), Some(Some(both)));
        for refused in [&[][..], &["*", "video.failed"], &["response.completed"]] {
            assert_eq!(read(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn a_name_is_a_short_text() {
        assert!(name("ä".repeat(200)).is_ok());
        for refused in [String::new(), "a\0b".to_owned(), "ä".repeat(201)] {
            assert!(name(refused).is_err());
        }
    }
}
