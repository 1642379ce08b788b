//! Camera moves as data: a list of moves, or of groups of moves that act together, written into the drawn prompt as the
//! brackets that engines know.

use serde_json::Value;

use crate::problem::Problem;

const FIELD: &str = "camera";
/// Moves one after the other, and moves that act together.
const GROUPS_MAX: usize = 10;
const TOGETHER_MAX: usize = 3;

/// Every move: its name on the wire, and its command in brackets.
pub(crate) const MOVES: [(&str, &str); 15] = [
    ("truck_left", "Truck left"),
    ("truck_right", "Truck right"),
    ("pan_left", "Pan left"),
    ("pan_right", "Pan right"),
    ("push_in", "Push in"),
    ("pull_out", "Pull out"),
    ("pedestal_up", "Pedestal up"),
    ("pedestal_down", "Pedestal down"),
    ("tilt_up", "Tilt up"),
    ("tilt_down", "Tilt down"),
    ("zoom_in", "Zoom in"),
    ("zoom_out", "Zoom out"),
    ("shake", "Shake"),
    ("tracking_shot", "Tracking shot"),
    ("static_shot", "Static shot"),
];

/// The brackets of a `camera` field: `[Pan left][Push in, Tilt up]`.
pub(crate) fn brackets(field: &Value) -> Result<String, Problem> {
    let groups = match field {
        Value::String(text) => match serde_json::from_str(text) {
            Ok(Value::Array(groups)) => groups,
            _ => text.split(',').map(|name| Value::String(name.to_owned())).collect(),
        },
        Value::Array(groups) => groups.clone(),
        _ => return Err(refused()),
    };
    if groups.len() > GROUPS_MAX {
        return Err(refused());
    }
    groups.iter().map(bracket).collect()
}

fn bracket(group: &Value) -> Result<String, Problem> {
    let together = match group {
        Value::Array(together) => together.as_slice(),
        one => std::slice::from_ref(one),
    };
    if !(1..=TOGETHER_MAX).contains(&together.len()) {
        return Err(refused());
    }
    let commands: Result<Vec<&str>, Problem> = together.iter().map(command).collect();
    Ok(format!("[{}]", commands?.join(", ")))
}

fn command(name: &Value) -> Result<&'static str, Problem> {
    let name = name.as_str().map(str::trim).ok_or_else(refused)?;
    MOVES.iter().find(|(known, _)| *known == name).map(|(_, command)| *command).ok_or_else(refused)
}

fn refused() -> Problem {
    let names: Vec<&str> = MOVES.iter().map(|(name, _)| *name).collect();
    let allowed = format!(
        "must be a list of at most {GROUPS_MAX} moves, or of groups of at most {TOGETHER_MAX} moves that act together, out of: {}",
        names.join(", ")
    );
    Problem::invalid(FIELD, &allowed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn moves_become_brackets() {
        for (field, expected) in [
            (json!([]), ""),
            (json!(["pan_left"]), "[Pan left]"),
            (json!(["pan_left", ["push_in", "tilt_up"]]), "[Pan left][Push in, Tilt up]"),
            (json!("pan_left, zoom_in"), "[Pan left][Zoom in]"),
            (json!(r#"["shake", ["static_shot"]]"#), "[Shake][Static shot]"),
        ] {
            assert_eq!(brackets(&field).expect("moves"), expected, "{field}");
        }
    }

    #[test]
    fn what_is_no_move_is_refused() {
        let many = json!(vec!["shake"; 11]);
        let nested = json!([[["shake"]]]);
        let together = json!([["shake", "zoom_in", "pan_left", "tilt_up"]]);
        for field in [many, nested, together, json!([[]]), json!("fly"), json!(""), json!(7), json!([1]), json!({})] {
            assert!(brackets(&field).is_err(), "{field}");
        }
    }
}
