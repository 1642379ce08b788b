//! What is done with a file that is downloaded.

use std::fmt;

/// What a browser does with a file that it is sent, and what it calls it. The name needs no escaping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition<'a> {
    /// Shows it, if it can.
    Inline(&'a str),
    /// Stores it.
    Attachment(&'a str),
}

impl fmt::Display for Disposition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Disposition::Inline(name) => write!(f, "inline; filename=\"{name}\""),
            Disposition::Attachment(name) => write!(f, "attachment; filename=\"{name}\""),
        }
    }
}
