//! One thing that was measured.

use std::fmt;

use serde::Serialize;

/// What was measured, before it is judged.
#[derive(Debug)]
pub(crate) struct Reading {
    /// What it is.
    pub(crate) name: String,
    /// How much it was.
    pub(crate) value: f64,
    /// In what.
    pub(crate) unit: &'static str,
    /// What it is compared with, in the same unit.
    pub(crate) reference: f64,
    /// How it was taken.
    pub(crate) how: String,
}

impl Reading {
    /// A figure whose ratio to the reference has to be at least this.
    pub(crate) fn at_least(self, goal: f64) -> Figure {
        let met = self.ratio() >= goal;
        self.judged(format!(">= {goal}"), met)
    }

    /// A figure whose ratio to the reference has to be at most this.
    pub(crate) fn at_most(self, goal: f64) -> Figure {
        let met = self.ratio() <= goal;
        self.judged(format!("<= {goal}"), met)
    }

    fn ratio(&self) -> f64 {
        self.value / self.reference
    }

    fn judged(self, goal: String, met: bool) -> Figure {
        let ratio = self.ratio();
        let Self { name, value, unit, reference, how } = self;
        Figure { name, value, unit, reference, ratio, goal, met, how }
    }
}

/// One thing that was measured, beside what it is to be compared with.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    name: String,
    value: f64,
    unit: &'static str,
    reference: f64,
    /// The value over the reference.
    ratio: f64,
    /// What the ratio has to be.
    goal: String,
    met: bool,
    how: String,
}

impl Figure {
    /// The head of the table that [`Self::markdown`] gives the rows of.
    pub(crate) const MARKDOWN_HEAD: &str =
        "| figure | value | unit | reference | ratio | goal | met |\n|---|---:|---|---:|---:|---|---|";

    /// This figure as a row of a table in Markdown.
    pub(crate) fn markdown(&self) -> String {
        let Self { name, value, unit, reference, ratio, goal, met, .. } = self;
        let met = if *met { "yes" } else { "no" };
        let (value, reference, ratio) = (Rounded(*value), Rounded(*reference), Rounded(*ratio));
        format!("| {name} | {value} | {unit} | {reference} | {ratio} | {goal} | {met} |")
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = if self.met { "met" } else { "missed" };
        let Self { name, unit, goal, .. } = self;
        let [value, reference, ratio] =
            [self.value, self.reference, self.ratio].map(|number| Rounded(number).to_string());
        write!(f, "{name:<58} {value:>8} {unit:<14} of {reference:>8}  ratio {ratio:>6}  {goal:<7} {met}")
    }
}

/// A number with about three digits that say something.
struct Rounded(f64);

impl fmt::Display for Rounded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = match self.0.abs() {
            100.0.. => 0,
            10.0.. => 1,
            1.0.. => 2,
            _ => 4,
        };
        write!(f, "{:.decimals$}", self.0)
    }
}
