//! `/v1/admin/accounts`: making, listing and looking at accounts.

use axum::Json;
use axum::extract::{Request, State};
use clipmill_shared::accounts::audit::Action;
use clipmill_shared::accounts::keys::KeyWish;
use clipmill_shared::accounts::{self, keys, profile};
use clipmill_shared::db;
use clipmill_shared::id::AccountId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::view::AdminAccountView;
use super::{Named, record};
use crate::app::App;
use crate::auth::Staff;
use crate::form::Form;
use crate::page::Page;
use crate::problem::{ErrorBody, Problem};

/// A page of accounts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountPageView {
    /// Always `list`
    #[schema(example = "list")]
    object: &'static str,
    /// The accounts, oldest first
    data: Vec<AdminAccountView>,
    /// The last account's id: give it as `after` for the next page
    #[schema(value_type = Option<String>)]
    last_id: Option<AccountId>,
    /// Whether there are more
    has_more: bool,
}

/// A new account with its first key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedAccountView {
    /// The account
    #[serde(flatten)]
    account: AdminAccountView,
    /// Its first key, which may do everything; shown only now
    #[schema(example = "cm_…")]
    api_key: String,
}

/// What a new account is.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateAccountBody)]
#[expect(dead_code, reason = "describes the body for readers; `Form` reads it")]
pub(crate) struct CreateBody {
    /// What to call it
    #[schema(min_length = 1, max_length = 200, example = "Studio")]
    name: String,
    /// Where its owner is reached
    #[schema(max_length = 320, example = "ada@example.com")]
    email: Option<String>,
    /// Whether it keeps its history; false if left out
    keep_history: Option<bool>,
}

/// Makes an account with a first key.
#[utoipa::path(
    post, path = "/v1/admin/accounts", tag = "admin", operation_id = "admin_create_account", security(("operator_key" = [])),
    request_body = CreateBody,
    responses(
        (status = 200, body = CreatedAccountView, description = "The account with its key"),
        (status = 400, body = ErrorBody, description = "A field cannot be accepted; `param` names it"),
        (status = 413, body = ErrorBody, description = "The body is too large"),
        (status = 415, body = ErrorBody, description = "No JSON"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    staff: Staff,
    request: Request,
) -> Result<Json<CreatedAccountView>, Problem> {
    let form = Form::read(request, &["name", "email", "keep_history"]).await?;
    let name = form.text("name")?.unwrap_or_default();
    let change = profile::Change { email: form.text("email")?.map(Some), ..profile::Change::default() };
    change.check()?;
    let keep_history = form.boolean("keep_history")?.unwrap_or(false);
    let mut tx = db::begin(&app.pool).await?;
    let account = accounts::create_in(&mut tx, &app.vault, &name, keep_history).await?;
    let profile = profile::update(&mut tx, account.id, &change).await?;
    record(&mut tx, account.id, &staff, Action::AccountCreated, &[]).await?;
    tx.commit().await?;
    let (_, key) = keys::create(&app.pool, account.id, &KeyWish::named("first key")).await?;
    Ok(Json(CreatedAccountView { account: AdminAccountView::new(profile), api_key: key.reveal().to_owned() }))
}

/// Lists accounts, oldest first. Each that is shown has that in its audit log.
#[utoipa::path(
    get, path = "/v1/admin/accounts", tag = "admin", operation_id = "admin_list_accounts", security(("operator_key" = [])),
    params(
        ("limit" = Option<u32>, Query, description = "Accounts a page, 0 to 100; 20 if left out", minimum = 0, maximum = 100),
        ("after" = Option<String>, Query, description = "Continue after this account"),
        ("order" = Option<String>, Query, description = "Has no effect: the oldest come first"),
    ),
    responses(
        (status = 200, body = AccountPageView, description = "A page"),
        (status = 400, body = ErrorBody, description = "A parameter cannot be accepted; `param` names it"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    staff: Staff,
    page: Page<AccountId>,
) -> Result<Json<AccountPageView>, Problem> {
    let mut profiles = profile::list(&app.pool, page.after, page.reach()).await?;
    let has_more = page.cut(&mut profiles);
    let mut tx = db::begin(&app.pool).await?;
    for profile in &profiles {
        record(&mut tx, profile.id, &staff, Action::AccountRead, &[]).await?;
    }
    tx.commit().await?;
    let last_id = profiles.last().map(|profile| profile.id);
    let data = profiles.into_iter().map(AdminAccountView::new).collect();
    Ok(Json(AccountPageView { object: "list", data, last_id, has_more }))
}

/// Shows an account. That is in its audit log.
#[utoipa::path(
    get, path = "/v1/admin/accounts/{id}", tag = "admin", operation_id = "admin_get_account", security(("operator_key" = [])),
    params(("id" = String, Path, description = "The account's id")),
    responses(
        (status = 200, body = AdminAccountView, description = "The account"),
        (status = 404, body = ErrorBody, description = "There is no such account"),
    )
)]
pub(crate) async fn get(
    State(app): State<App>,
    staff: Staff,
    Named(account): Named<AccountId>,
) -> Result<Json<AdminAccountView>, Problem> {
    let profile = profile::find(&app.pool, account).await?.ok_or_else(Problem::no_account)?;
    let mut tx = db::begin(&app.pool).await?;
    record(&mut tx, account, &staff, Action::AccountRead, &[]).await?;
    tx.commit().await?;
    Ok(Json(AdminAccountView::new(profile)))
}
