//! Rules by which the bucket itself lets go what everything else has missed.

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, ExpirationStatus, LifecycleExpiration, LifecycleRule,
    LifecycleRuleFilter,
};

use super::{Prefix, Storage, StorageError, unavailable};

/// What all of our objects start with.
pub const OURS: &str = "acct_";
/// What the names of our rules start with. Rules of other names are the operator's.
const NAMED: &str = "clipmill-";
/// Days after which an upload in parts that was begun is given up.
pub const UPLOAD_DAYS: i32 = 1;

/// A rule of the bucket.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Rule {
    /// Its name.
    pub id: String,
    /// Which keys it is for: those that start with this.
    pub prefix: Option<String>,
    /// Whether it is in force.
    pub enabled: bool,
    /// Days after which uploads that were begun are given up.
    pub abort_uploads_days: Option<i32>,
    /// Days after which objects go.
    pub expire_days: Option<i32>,
}

impl Rule {
    /// The rules of ours: uploads are given up, and objects go after so many days, if any.
    pub fn ours(expire_days: Option<i32>) -> Vec<Self> {
        let rule = |id: &str, abort_uploads_days, expire_days| Self {
            id: format!("{NAMED}{id}"),
            prefix: Some(OURS.to_owned()),
            enabled: true,
            abort_uploads_days,
            expire_days,
        };
        let uploads = rule("abort-uploads", Some(UPLOAD_DAYS), None);
        std::iter::once(uploads).chain(expire_days.map(|days| rule("expire-objects", None, Some(days)))).collect()
    }

    fn of(rule: &LifecycleRule) -> Self {
        Self {
            id: rule.id().unwrap_or_default().to_owned(),
            prefix: rule.filter().and_then(LifecycleRuleFilter::prefix).map(str::to_owned),
            enabled: *rule.status() == ExpirationStatus::Enabled,
            abort_uploads_days: rule
                .abort_incomplete_multipart_upload()
                .and_then(|abort| abort.days_after_initiation()),
            expire_days: rule.expiration().and_then(LifecycleExpiration::days),
        }
    }

    /// The rule as the bucket knows it: ours name the prefix of all of our keys, so that two who share a bucket have rules of their own.
    fn in_sdk(&self, prefix: &Prefix) -> Result<LifecycleRule, StorageError> {
        let id = format!("{NAMED}{}{}", prefix.add(""), self.id.trim_start_matches(NAMED));
        let abort = |days| AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build();
        let expire = |days| LifecycleExpiration::builder().days(days).build();
        LifecycleRule::builder()
            .id(id)
            .filter(
                LifecycleRuleFilter::builder().set_prefix(self.prefix.as_deref().map(|own| prefix.add(own))).build(),
            )
            .status(if self.enabled { ExpirationStatus::Enabled } else { ExpirationStatus::Disabled })
            .set_abort_incomplete_multipart_upload(self.abort_uploads_days.map(abort))
            .set_expiration(self.expire_days.map(expire))
            .build()
            .map_err(failed)
    }
}

impl Storage {
    /// The rules that the bucket has. None where the server knows no such rules.
    pub async fn lifecycle(&self) -> Result<Option<Vec<Rule>>, StorageError> {
        Ok(self.rules().await?.map(|rules| rules.iter().map(Rule::of).collect()))
    }

    /// Gives the bucket these rules in place of all others of ours; the operator's stay. False where the server knows no such rules.
    pub async fn set_lifecycle(&self, rules: &[Rule]) -> Result<bool, StorageError> {
        let Some(mut all) = self.rules().await? else { return Ok(false) };
        all.retain(|rule| !self.is_ours(rule));
        self.put_rules(all, rules).await
    }

    /// Gives the bucket the rule by which uploads that were begun are given up, if it has no such rule of ours. All others stay. False
    /// where the server knows no such rules.
    pub async fn give_up_uploads(&self) -> Result<bool, StorageError> {
        let Some(all) = self.rules().await? else { return Ok(false) };
        let has_it = |rule: &LifecycleRule| self.is_ours(rule) && rule.abort_incomplete_multipart_upload().is_some();
        if all.iter().any(has_it) {
            return Ok(true);
        }
        self.put_rules(all, &Rule::ours(None)).await
    }

    /// Whether a rule is one that we gave the bucket, for the keys that are ours.
    fn is_ours(&self, rule: &LifecycleRule) -> bool {
        let prefix = rule.filter().and_then(LifecycleRuleFilter::prefix);
        rule.id().is_some_and(|id| id.starts_with(NAMED)) && prefix == Some(self.prefix.add(OURS).as_str())
    }

    async fn put_rules(&self, mut all: Vec<LifecycleRule>, more: &[Rule]) -> Result<bool, StorageError> {
        for rule in more {
            all.push(rule.in_sdk(&self.prefix)?);
        }
        let rules = BucketLifecycleConfiguration::builder().set_rules(Some(all)).build().map_err(failed)?;
        let put = self.client.put_bucket_lifecycle_configuration().bucket(&self.bucket).lifecycle_configuration(rules);
        match put.send().await {
            Err(error) if error.raw_response().is_some_and(|raw| is_unknown(raw.status().as_u16())) => Ok(false),
            put => put.map(|_| true).map_err(unavailable("set the rules of the bucket")),
        }
    }

    async fn rules(&self) -> Result<Option<Vec<LifecycleRule>>, StorageError> {
        let rules = self.client.get_bucket_lifecycle_configuration().bucket(&self.bucket).send().await;
        match rules {
            Ok(rules) => Ok(Some(rules.rules.unwrap_or_default())),
            Err(error) => match error.raw_response().map(|raw| raw.status().as_u16()) {
                Some(404) if error.as_service_error().and_then(|error| error.meta().code()) != Some("NoSuchBucket") => {
                    Ok(Some(Vec::new()))
                }
                Some(status) if is_unknown(status) => Ok(None),
                _ => Err(unavailable("read the rules of the bucket")(error)),
            },
        }
    }
}

/// Whether a server that answers so does not know what it was asked.
fn is_unknown(status: u16) -> bool {
    const METHOD_NOT_ALLOWED: u16 = 405;
    const NOT_IMPLEMENTED: u16 = 501;
    [METHOD_NOT_ALLOWED, NOT_IMPLEMENTED].contains(&status)
}

fn failed(error: impl ToString) -> StorageError {
    StorageError::Unavailable { verb: "set the rules of the bucket", reason: error.to_string() }
}
