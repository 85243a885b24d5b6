use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the embedded teacher draws and errs. Every field shapes its replies and is part of its identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProceduralSettings {
    /// How often the painter makes each kind of mistake.
    pub faults: Faults,
    /// How often it errs on a redo, whose thought names what to fix, as a share of the usual rates (0 to 1).
    pub redo_fault_share: f64,
}

impl Default for ProceduralSettings {
    fn default() -> Self {
        Self { faults: Faults::default(), redo_fault_share: 0.05 }
    }
}

/// The rate of each kind of mistake: the probability, 0 to 1, that a painted picture (or a painted region)
/// has it, where the scene offers an occasion for it. A rate of 0 switches the kind off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// A figure is painted in a colour other than the one the prompt names.
    pub wrong_color: f64,
    /// An object of the prompt is not painted.
    pub missing_object: f64,
    /// An object that the prompt does not name is painted.
    pub extra_object: f64,
    /// One too many or one too few of a counted object is painted.
    pub wrong_count: f64,
    /// Two objects change places, or one stands in front that should stand behind.
    pub wrong_side: f64,
    /// An object is painted in another shape than the prompt names.
    pub wrong_shape: f64,
    /// An object is painted of another material than the prompt names.
    pub wrong_texture: f64,
    /// An object breaks off with a part missing.
    pub cut_off: f64,
    /// A region is painted faded, without contrast.
    pub washed_out: f64,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            wrong_color: 0.15,
            missing_object: 0.08,
            extra_object: 0.07,
            wrong_count: 0.10,
            wrong_side: 0.08,
            wrong_shape: 0.12,
            wrong_texture: 0.12,
            cut_off: 0.07,
            washed_out: 0.07,
        }
    }
}

impl Faults {
    /// No mistakes at all.
    pub const NONE: Self = Self {
        wrong_color: 0.0,
        missing_object: 0.0,
        extra_object: 0.0,
        wrong_count: 0.0,
        wrong_side: 0.0,
        wrong_shape: 0.0,
        wrong_texture: 0.0,
        cut_off: 0.0,
        washed_out: 0.0,
    };

    /// The rates with their names in the pipeline file.
    pub fn rates(&self) -> [(&'static str, f64); 9] {
        [
            ("wrong_color", self.wrong_color),
            ("missing_object", self.missing_object),
            ("extra_object", self.extra_object),
            ("wrong_count", self.wrong_count),
            ("wrong_side", self.wrong_side),
            ("wrong_shape", self.wrong_shape),
            ("wrong_texture", self.wrong_texture),
            ("cut_off", self.cut_off),
            ("washed_out", self.washed_out),
        ]
    }
}

impl ProceduralSettings {
    /// Everything that is wrong with the settings, one sentence each; empty if nothing is.
    pub fn problems(&self) -> Vec<String> {
        let redo = ("redo_fault_share".to_owned(), self.redo_fault_share);
        let rates = self.faults.rates().map(|(name, rate)| (format!("faults.{name}"), rate));
        std::iter::once(redo)
            .chain(rates)
            .filter(|(_, rate)| !(0.0..=1.0).contains(rate))
            .map(|(name, rate)| format!("`{name}` is {rate}; a number within 0 to 1 is wanted"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_section_means_the_defaults_and_unknown_fields_are_refused() {
        let empty: ProceduralSettings = serde_json::from_str("{}").unwrap();
        assert_eq!(empty, ProceduralSettings::default());
        assert!(empty.problems().is_empty());
        assert!(serde_json::from_str::<ProceduralSettings>(r#"{"fault": {}}"#).is_err());
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let settings: ProceduralSettings =
            serde_json::from_str(r#"{"faults": {"cut_off": -1, "wrong_side": 2.5}, "redo_fault_share": 7}"#)
                .unwrap();
        insta::assert_snapshot!(settings.problems().join("\n"), @r"
        `redo_fault_share` is 7; a number within 0 to 1 is wanted
        `faults.wrong_side` is 2.5; a number within 0 to 1 is wanted
        `faults.cut_off` is -1; a number within 0 to 1 is wanted
        ");
    }
}
