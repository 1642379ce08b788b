//! One thing that was measured.

use std::fmt;

use serde::Serialize;

/// One thing that was measured, beside what it is to be compared with.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    /// What was measured.
    pub(crate) name: String,
    /// How much it was.
    pub(crate) value: f64,
    /// In what.
    pub(crate) unit: &'static str,
    /// What it is compared with, in the same unit.
    pub(crate) reference: f64,
    /// The value over the reference.
    pub(crate) ratio: f64,
    /// What the ratio has to be.
    pub(crate) goal: &'static str,
    /// Whether it is.
    pub(crate) met: bool,
    /// How it was taken.
    pub(crate) how: String,
}

impl Figure {
    /// A figure whose ratio to `reference` has to be at least one.
    pub(crate) fn at_least(name: String, value: f64, unit: &'static str, reference: f64, how: String) -> Self {
        let ratio = value / reference;
        Self { name, value, unit, reference, ratio, goal: ">= 1", met: ratio >= 1.0, how }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = if self.met { "met" } else { "missed" };
        let Self { name, value, unit, reference, ratio, goal, .. } = self;
        write!(f, "{name:<44} {value:>10.1} {unit:<10} of {reference:>8.1}  ratio {ratio:>6.2}  {goal}  {met}")
    }
}
