//! One text for one value.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::Value;

/// A value whose members are written in the order of their names. In a build where any library asks `serde_json` to keep the
/// order that members came in, they would be written in that one.
pub(super) struct Sorted<'a>(pub(super) &'a Value);

impl Serialize for Sorted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(members) => serializer
                .collect_map(members.iter().map(|(name, value)| (name, Sorted(value))).collect::<BTreeMap<_, _>>()),
            Value::Array(items) => serializer.collect_seq(items.iter().map(Sorted)),
            other => other.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_written_in_the_order_of_their_names_at_every_depth() {
        let value = serde_json::from_str(r#"{"b":[{"y":1,"x":"\n"}],"a":{"d":null,"c":1.5}}"#).unwrap();
        let text = serde_json::to_string(&Sorted(&value)).unwrap();
        assert_eq!(text, r#"{"a":{"c":1.5,"d":null},"b":[{"x":"\n","y":1}]}"#);
    }
}
