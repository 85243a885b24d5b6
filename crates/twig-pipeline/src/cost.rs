//! What the questions of a plan may cost.

use std::collections::BTreeMap;

use serde::Serialize;
use twig_model::Usage;
use twig_teacher::{CallBound, OpenAiSettings, Prices};

use crate::{
    bill::Bills,
    settings::{PipelineFile, Settings, TeacherSettings},
};

/// Text of a question and of an answer in tokens, where no pilot has measured it.
const ASSUMED_TEXT: (u64, u64) = (450, 120);

/// What a run may cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CostPlan {
    /// Least and most dollars by role; `None` for a teacher behind a network without prices. Roles whose teachers
    /// run on this machine are left out.
    pub roles: BTreeMap<String, Option<(f64, f64)>>,
    /// What the estimate rests on.
    pub assumed: String,
}

/// The cost of so many questions by role (fewest and most). `bills` are those of what stands already.
pub(crate) fn cost(settings: &Settings, questions: &BTreeMap<String, (u64, u64)>, bills: &Bills) -> CostPlan {
    let file = &settings.file;
    let (mut roles, mut measured) = (BTreeMap::new(), false);
    for (role, (least, most)) in questions {
        let Some(teachers) = remote_teachers(file, role) else { continue };
        let bill = bills.role(role);
        let each: Option<(f64, f64)> = if bill.priced > 0 {
            measured = true;
            let mean = bill.cost_micro_usd as f64 / bill.priced as f64;
            Some((mean, mean))
        } else {
            // Judges may be several: the questions are shared out evenly.
            let each: Option<Vec<_>> = teachers.iter().map(|teacher| assumed(teacher, role)).collect();
            each.map(|each| {
                let count = each.len().max(1) as f64;
                (each.iter().map(|e| e.0).sum::<f64>() / count, each.iter().map(|e| e.1).sum::<f64>() / count)
            })
        };
        let range = each.map(|(low, high)| (low * *least as f64 / 1e6, high * *most as f64 / 1e6));
        roles.insert(role.clone(), range);
    }
    let assumed = if measured {
        "by the mean price of the answers in committed parts".to_owned()
    } else {
        let (read, written) = ASSUMED_TEXT;
        format!(
            "from {read} tokens of text a question and {written} an answer up to `max_output_tokens`, \
             `tokens_per_picture` for every picture shown; run a pilot with --limit for a measured one"
        )
    };
    CostPlan { roles, assumed }
}

/// The teachers of a role, where any of them is behind a network.
fn remote_teachers<'a>(file: &'a PipelineFile, role: &str) -> Option<Vec<&'a OpenAiSettings>> {
    let names: Vec<&String> = match role {
        "thinker" => vec![&file.roles.thinker],
        "painter" => vec![&file.roles.painter],
        "critic" => vec![&file.roles.critic],
        _ => file.judgements.judges.values().map(|judge| &judge.teacher).collect(),
    };
    let remote: Vec<&OpenAiSettings> = names
        .into_iter()
        .filter_map(|name| match file.teachers.get(name)? {
            TeacherSettings::OpenAi(settings) => Some(&**settings),
            TeacherSettings::Procedural { .. } => None,
        })
        .collect();
    (!remote.is_empty()).then_some(remote)
}

/// Least and most millionths of a dollar for one question of a role.
fn assumed(teacher: &OpenAiSettings, role: &str) -> Option<(f64, f64)> {
    let picture = &teacher.picture;
    let prices = teacher.prices.as_ref()?;
    let prices = Prices::new(prices, &picture.size, picture.quality.as_deref(), teacher.batch.is_some());
    let (text, written) = ASSUMED_TEXT;
    if role == "painter" {
        let bound = CallBound { input_tokens: text, output_tokens: 0, pictures: 1 };
        let most = prices.bound_micro_usd(bound)? as f64;
        return Some((most, most));
    }
    let shown = if role == "thinker" { 0 } else { teacher.tokens_per_picture };
    let usage = Usage { input_tokens: Some(text + shown), output_tokens: Some(written), ..Usage::default() };
    let most = CallBound {
        input_tokens: text + teacher.tokens_per_picture,
        output_tokens: teacher.max_output_tokens,
        pictures: 0,
    };
    Some((prices.cost_micro_usd(&usage, 0)? as f64, prices.bound_micro_usd(most)? as f64))
}
