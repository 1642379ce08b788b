//! Pages of lists: how many, in which order, after what.

use std::collections::HashMap;
use std::str::FromStr;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;

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
