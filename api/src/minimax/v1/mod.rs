//! The first generation of the API: a flat body, ids of digits.

use std::collections::HashMap;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use clipmill_shared::id::AccountId;
use clipmill_shared::jobs::{Job, read};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::problem::Problem;

mod create;
mod files;
mod plan;
mod query;

pub(crate) use create::Task;

/// Where jobs are submitted.
pub(super) const SUBMIT: &str = "/v1/video_generation";
/// Every address of this generation.
pub(super) const PATHS: [&str; 5] = [
    SUBMIT,
    "/v1/query/video_generation",
    "/v1/files/retrieve",
    "/v1/files/retrieve_content",
    "/v1/token_plan/remains",
];

/// The largest id: what a JSON number holds exactly everywhere.
const NUMBER_MAX: i64 = (1 << 53) - 1;

/// The routes of this generation.
pub(super) fn table() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(create::create))
        .routes(routes!(query::query))
        .routes(routes!(files::retrieve))
        .routes(routes!(files::retrieve_content))
        .routes(routes!(plan::remains))
}

type Parameters = Result<Query<HashMap<String, String>>, QueryRejection>;

/// The job whose number is in this parameter, if the account has it.
async fn find(app: &App, account: AccountId, query: Parameters, name: &'static str) -> Result<Job, Problem> {
    let Query(query) = query.map_err(|_| Problem::body("the query string is malformed"))?;
    let unknown = || Problem::invalid(name, "must be the id of one of the account's tasks");
    let number = query.get(name).and_then(|text| number(text)).ok_or_else(unknown)?;
    read::find_by_number(&app.pool, account, number).await?.ok_or_else(unknown)
}

fn number(text: &str) -> Option<i64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten().filter(|number| (1..=NUMBER_MAX).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_digits_that_a_json_number_holds() {
        assert_eq!(number("176843862716480"), Some(176_843_862_716_480));
        assert_eq!(number("9007199254740991"), Some(NUMBER_MAX));
        for text in ["", "0", "-1", "+1", "1.0", "1e3", " 1", "9007199254740992", "99999999999999999999", "１"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
