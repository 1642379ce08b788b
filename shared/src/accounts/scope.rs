//! What a key may be used for.

use std::fmt;
use std::str::FromStr;

/// One thing that a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// To look at videos and files.
    VideosRead,
    /// To submit, cancel and delete them.
    VideosWrite,
    /// To look after the account: its data, keys, webhooks and usage.
    Account,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Scope; 3] = [Self::VideosRead, Self::VideosWrite, Self::Account];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::VideosRead => "videos:read",
            Scope::VideosWrite => "videos:write",
            Scope::Account => "account",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        known.ok_or_else(|| format!("must be one of: {}", Self::ALL.map(Scope::as_str).join(", ")))
    }
}

/// All that a key may be used for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// Everything.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Whether this is among them.
    pub fn allow(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Their names.
    pub fn names(self) -> Vec<&'static str> {
        Scope::ALL.into_iter().filter(|scope| self.allow(*scope)).map(Scope::as_str).collect()
    }

    /// As the database holds them.
    pub(crate) fn texts(self) -> Vec<String> {
        self.names().into_iter().map(str::to_owned).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | 1 << scope as u8))
    }
}

/// As the database holds them. A name that this version does not know gives no right.
impl From<Vec<String>> for Scopes {
    fn from(names: Vec<String>) -> Self {
        names.iter().filter_map(|name| name.parse::<Scope>().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_allow_what_they_name_and_nothing_else() {
        let scopes = Scopes::from(vec!["videos:read".to_owned(), "everything".to_owned()]);
        assert!(scopes.allow(Scope::VideosRead) && !scopes.allow(Scope::VideosWrite) && !scopes.allow(Scope::Account));
        assert_eq!(scopes.names(), ["videos:read"]);
        assert!(Scope::ALL.into_iter().all(|scope| Scopes::all().allow(scope)));
        assert!(Scopes::default().is_empty());
    }
}
