//! `scheduler/scheduler_config.json`: which sampler a model was published with.

use serde::Deserialize;
use serde_json::Value;

use super::SHIFTS;
use crate::error::Unsupported;

/// The configuration of a scheduler; keys that a file lacks have the defaults of diffusers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "_class_name")]
pub enum Config {
    /// Unified predictor-corrector, of second order.
    #[serde(rename = "UniPCMultistepScheduler")]
    UniPc(UniPc),
    /// Euler's method.
    #[serde(rename = "FlowMatchEulerDiscreteScheduler")]
    Euler(Euler),
    /// A scheduler that is not supported.
    #[serde(other)]
    Other,
}

/// The keys of `UniPCMultistepScheduler` that a supported folder may set, or has to.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct UniPc {
    /// Steps that the model was trained on.
    pub num_train_timesteps: usize,
    /// The shift towards high noise.
    pub flow_shift: f64,
    /// Steps that the solver looks at.
    pub solver_order: usize,
    /// Which form of the solver.
    pub solver_type: String,
    /// What the network predicts.
    pub prediction_type: String,
    /// Whether the solver works on predicted videos, not noises.
    pub predict_x0: bool,
    /// Whether the order falls towards the end.
    pub lower_order_final: bool,
    /// The noise after the last step.
    pub final_sigmas_type: String,
    /// Steps without the corrector.
    pub disable_corrector: Vec<i64>,
    /// Whether the noise levels are a flow's.
    pub use_flow_sigmas: bool,
    /// Levels by Karras.
    pub use_karras_sigmas: bool,
    /// Levels in geometric series.
    pub use_exponential_sigmas: bool,
    /// Levels by the beta distribution.
    pub use_beta_sigmas: bool,
    /// Whether predicted videos are clipped by their quantiles.
    pub thresholding: bool,
    /// Whether the shift depends on the size.
    pub use_dynamic_shifting: bool,
    /// A last level that is not zero.
    pub shift_terminal: Option<f64>,
    /// Another solver to predict with.
    pub solver_p: Value,
}

/// The keys of `FlowMatchEulerDiscreteScheduler` that a supported folder may set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub struct Euler {
    /// Steps that the model was trained on.
    pub num_train_timesteps: usize,
    /// The shift towards high noise.
    pub shift: f64,
    /// Levels by Karras.
    pub use_karras_sigmas: bool,
    /// Levels in geometric series.
    pub use_exponential_sigmas: bool,
    /// Levels by the beta distribution.
    pub use_beta_sigmas: bool,
    /// Whether the shift depends on the size.
    pub use_dynamic_shifting: bool,
    /// A last level that is not zero.
    pub shift_terminal: Option<f64>,
    /// Whether levels rise in place of falling.
    pub invert_sigmas: bool,
    /// Whether fresh noise is added at every step.
    pub stochastic_sampling: bool,
}

impl Default for UniPc {
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000,
            flow_shift: 1.0,
            solver_order: 2,
            solver_type: "bh2".into(),
            prediction_type: "epsilon".into(),
            predict_x0: true,
            lower_order_final: true,
            final_sigmas_type: "zero".into(),
            disable_corrector: Vec::new(),
            use_flow_sigmas: false,
            use_karras_sigmas: false,
            use_exponential_sigmas: false,
            use_beta_sigmas: false,
            thresholding: false,
            use_dynamic_shifting: false,
            shift_terminal: None,
            solver_p: Value::Null,
        }
    }
}

impl Default for Euler {
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000,
            shift: 1.0,
            use_karras_sigmas: false,
            use_exponential_sigmas: false,
            use_beta_sigmas: false,
            use_dynamic_shifting: false,
            shift_terminal: None,
            invert_sigmas: false,
            stochastic_sampling: false,
        }
    }
}

impl Config {
    /// Whether this implementation has such a scheduler.
    ///
    /// # Errors
    /// The first key with a value that it does not have.
    pub fn check(&self) -> Result<(), Unsupported> {
        match self {
            Self::UniPc(config) => config.check(),
            Self::Euler(config) => config.check(),
            Self::Other => Err(Unsupported::new(
                "_class_name",
                "is another than `UniPCMultistepScheduler` and `FlowMatchEulerDiscreteScheduler`, which are supported",
            )),
        }
    }

    /// The shift towards high noise that the model was published with.
    pub fn shift(&self) -> f64 {
        match self {
            Self::UniPc(config) => config.flow_shift,
            Self::Euler(config) => config.shift,
            Self::Other => 1.0,
        }
    }
}

impl UniPc {
    fn check(&self) -> Result<(), Unsupported> {
        only("num_train_timesteps", &self.num_train_timesteps, &1000)?;
        shift("flow_shift", self.flow_shift)?;
        only("solver_order", &self.solver_order, &2)?;
        only("solver_type", &self.solver_type.as_str(), &"bh2")?;
        only("prediction_type", &self.prediction_type.as_str(), &"flow_prediction")?;
        only("predict_x0", &self.predict_x0, &true)?;
        only("lower_order_final", &self.lower_order_final, &true)?;
        only("final_sigmas_type", &self.final_sigmas_type.as_str(), &"zero")?;
        only("disable_corrector", &self.disable_corrector, &Vec::new())?;
        only("use_flow_sigmas", &self.use_flow_sigmas, &true)?;
        only("use_karras_sigmas", &self.use_karras_sigmas, &false)?;
        only("use_exponential_sigmas", &self.use_exponential_sigmas, &false)?;
        only("use_beta_sigmas", &self.use_beta_sigmas, &false)?;
        only("thresholding", &self.thresholding, &false)?;
        only("use_dynamic_shifting", &self.use_dynamic_shifting, &false)?;
        only("shift_terminal", &self.shift_terminal, &None)?;
        only("solver_p", &self.solver_p, &Value::Null)
    }
}

impl Euler {
    fn check(&self) -> Result<(), Unsupported> {
        only("num_train_timesteps", &self.num_train_timesteps, &1000)?;
        shift("shift", self.shift)?;
        only("use_karras_sigmas", &self.use_karras_sigmas, &false)?;
        only("use_exponential_sigmas", &self.use_exponential_sigmas, &false)?;
        only("use_beta_sigmas", &self.use_beta_sigmas, &false)?;
        only("use_dynamic_shifting", &self.use_dynamic_shifting, &false)?;
        only("shift_terminal", &self.shift_terminal, &None)?;
        only("invert_sigmas", &self.invert_sigmas, &false)?;
        only("stochastic_sampling", &self.stochastic_sampling, &false)
    }
}

fn only<T: PartialEq + std::fmt::Debug>(key: &'static str, value: &T, supported: &T) -> Result<(), Unsupported> {
    if value == supported {
        return Ok(());
    }
    Err(Unsupported::new(key, format!("is {value:?}; only {supported:?} is supported")))
}

fn shift(key: &'static str, value: f64) -> Result<(), Unsupported> {
    if SHIFTS.contains(&value) {
        return Ok(());
    }
    Err(Unsupported::new(key, format!("is {value}; it has to be from {} to {}", SHIFTS.start(), SHIFTS.end())))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> Config {
        serde_json::from_value(value).expect("parses")
    }

    fn unipc(key: &str, value: Value) -> Config {
        let mut config = json!({"_class_name": "UniPCMultistepScheduler", "prediction_type": "flow_prediction", "use_flow_sigmas": true, "flow_shift": 5.0});
        config[key] = value;
        parse(config)
    }

    #[test]
    fn the_published_schedulers_are_supported() {
        let config = unipc("timestep_spacing", json!("linspace"));
        config.check().expect("supported");
        assert_eq!(config.shift(), 5.0);
        let config = parse(json!({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 8.0}));
        config.check().expect("supported");
        assert_eq!(config.shift(), 8.0);
    }

    #[test]
    fn another_setting_is_refused_by_its_key() {
        for (key, value) in [
            ("solver_order", json!(3)),
            ("solver_type", json!("bh1")),
            ("prediction_type", json!("epsilon")),
            ("use_flow_sigmas", json!(false)),
            ("use_karras_sigmas", json!(true)),
            ("disable_corrector", json!([0])),
            ("shift_terminal", json!(0.1)),
            ("flow_shift", json!(-1.0)),
            ("solver_p", json!({})),
        ] {
            assert_eq!(unipc(key, value).check().expect_err("refused").key, key);
        }
        let config = parse(json!({"_class_name": "FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting": true}));
        assert_eq!(config.check().expect_err("refused").key, "use_dynamic_shifting");
    }

    #[test]
    fn another_class_is_refused() {
        let config = parse(json!({"_class_name": "DDIMScheduler", "eta": 0.5}));
        assert_eq!(config.check().expect_err("refused").key, "_class_name");
    }
}
