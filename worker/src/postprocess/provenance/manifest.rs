//! What the manifest says.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::super::label::SOURCE_TYPE;
use crate::postprocess::Variant;

/// The program that claims it.
const NAME: &str = "Clipmill";
/// Its version.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The engine is ours to name: the standard knows only the program.
const ENGINE: &str = "clipmill.engine";

/// The manifest of a file that was finished at `when`: that a trained model made it, and by which program and engine.
pub(super) fn definition(variant: Variant, engine: &str, when: DateTime<Utc>) -> Value {
    json!({
        "claim_generator_info": [{ "name": NAME, "version": VERSION }],
        "title": variant.file_name(),
        "assertions": [{
            "label": "c2pa.actions.v2",
            "created": true,
            "data": {
                "allActionsIncluded": true,
                "actions": [{
                    "action": "c2pa.created",
                    "when": when.to_rfc3339_opts(SecondsFormat::Secs, true),
                    "digitalSourceType": SOURCE_TYPE,
                    "softwareAgent": { "name": NAME, "version": VERSION },
                    "parameters": { ENGINE: engine },
                }],
            },
        }],
    })
}
