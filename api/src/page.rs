//! Pages of lists: how many, in which order, after what.

use std::collections::HashMap;
use std::str::FromStr;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use crate::limit::PAGE_MAX;
use crate::problem::Problem;

/// How many there are on a page unless asked for otherwise.
pub(crate) const PAGE_DEFAULT: u32 = 20;

/// The parameters of a request's query string.
pub(crate) type Parameters = Result<Query<HashMap<String, String>>, QueryRejection>;

/// The parameters, if they can be read.
pub(crate) fn read(parameters: Parameters) -> Result<HashMap<String, String>, Problem> {
    parameters.map(|Query(parameters)| parameters).map_err(|_| Problem::body("the query string is malformed"))
}

/// Which page to show of a list whose things are named by `I`.
#[derive(Debug)]
pub(crate) struct Page<I> {
    /// So many things.
    pub(crate) limit: u32,
    /// Newest first.
    pub(crate) descending: bool,
    /// Only what comes after this one.
    pub(crate) after: Option<I>,
}

impl<I> Page<I> {
    /// How many to read so as to know whether there are more.
    pub(crate) fn reach(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Keeps the page of what was read, and says whether there is more.
    pub(crate) fn cut<T>(&self, read: &mut Vec<T>) -> bool {
        let more = read.len() > self.limit as usize;
        read.truncate(self.limit as usize);
        more
    }
}

impl<S: Send + Sync, I: FromStr> FromRequestParts<S> for Page<I> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = read(Query::from_request_parts(parts, state).await)?;
        let mut page = Self { limit: PAGE_DEFAULT, descending: true, after: None };
        for (name, value) in query {
            match name.as_str() {
                "limit" => page.limit = limit(&value)?,
                "order" => page.descending = descending(&value)?,
                "after" => page.after = Some(after(&value, "thing of this list")?),
                _ => return Err(unknown(&name)),
            }
        }
        Ok(page)
    }
}

/// How many there are to be on the page.
pub(crate) fn limit(value: &str) -> Result<u32, Problem> {
    let size = value.parse().ok().filter(|size| *size <= PAGE_MAX);
    size.ok_or_else(|| Problem::invalid("limit", &format!("must be a whole number from 0 to {PAGE_MAX}")))
}

/// Whether the newest come first.
pub(crate) fn descending(value: &str) -> Result<bool, Problem> {
    match value {
        "desc" => Ok(true),
        "asc" => Ok(false),
        _ => Err(Problem::invalid("order", "must be asc or desc")),
    }
}

/// The id after which the page begins; `what` it names is said when it is none.
pub(crate) fn after<Id: FromStr>(value: &str, what: &str) -> Result<Id, Problem> {
    value.parse().map_err(|_| Problem::invalid("after", &format!("must be the id of a {what}")))
}

/// A parameter that there is not.
pub(crate) fn unknown(name: &str) -> Problem {
    Problem::unknown_field(&name.chars().take(64).collect::<String>())
}
