//! Who gets the finished files: the members `upload_url`, `destination` and `keep` of `output`.

use clipmill_shared::destinations::{self, Named};
use clipmill_shared::id::AccountId;
use clipmill_shared::jobs::Job;
use clipmill_shared::jobs::delivery::{Order, Recipient, UploadUrl, no_destination};

use crate::app::App;
use crate::form::Form;
use crate::problem::Problem;

/// Whether `output` says anything of it.
pub(crate) fn is_said(output: &Form) -> bool {
    ["output.upload_url", "output.destination", "output.keep"].into_iter().any(|member| output.has(member))
}

/// What `output` says of it, if anything, once it is found good.
pub(crate) async fn read(app: &App, account: AccountId, output: &Form) -> Result<Option<Order>, Problem> {
    let (url, name) = (output.text("output.upload_url")?, output.text("output.destination")?);
    let keep = output.boolean("output.keep")?.unwrap_or(true);
    let to = match (url, name) {
        (Some(_), Some(_)) => {
            return Err(Problem::invalid("output.destination", "must be left out where output.upload_url is given"));
        }
        (Some(url), None) => Recipient::Upload(UploadUrl::parse(&url, &app.outbound)?),
        (None, Some(name)) => destination(app, account, &name).await?,
        (None, None) if keep => return Ok(None),
        (None, None) => {
            let allowed = "can only be false together with output.upload_url or output.destination";
            return Err(Problem::invalid("output.keep", allowed));
        }
    };
    Ok(Some(Order { to, keep }))
}

/// Who gets the files of a remix: the same destination, if it is still there.
pub(crate) async fn of_remix(app: &App, earlier: &Job) -> Result<Option<Order>, Problem> {
    let Some(delivery) = &earlier.delivery else { return Ok(None) };
    match &delivery.destination {
        Some(name) => {
            let to = destination(app, earlier.account_id, name).await?;
            Ok(Some(Order { to, keep: delivery.keep }))
        }
        // An address is good for one video. Without one, the files stay here, if that is allowed at all.
        None if delivery.keep => Ok(None),
        None => {
            let allowed = "was for the earlier video alone, which was not to be kept here: submit a new video in place of a remix";
            Err(Problem::invalid("output.upload_url", allowed))
        }
    }
}

async fn destination(app: &App, account: AccountId, name: &str) -> Result<Recipient, Problem> {
    let which = name.parse().unwrap_or_else(|_| Named::Name(name.to_owned()));
    let found = if name.contains('\0') { None } else { destinations::find(&app.pool, account, &which).await? };
    let found = found.ok_or_else(no_destination)?;
    Ok(Recipient::Destination { id: found.id, name: found.name })
}
