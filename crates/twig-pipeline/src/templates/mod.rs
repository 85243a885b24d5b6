//! The wording of the questions: prompt templates that ship as files and can be replaced in the pipeline file.

mod render;

use minijinja::{Environment, UndefinedBehavior, Value};
use twig_model::AnswerSchema;

use crate::{schemas, settings::TemplateSettings};

/// A template that ships with the program.
struct Shipped {
    name: &'static str,
    source: &'static str,
    /// What it is given.
    variables: &'static [&'static str],
    /// The schema of its answer in `schemas/`.
    answer: &'static str,
}

const SHIPPED: [Shipped; 10] = [
    Shipped {
        name: "think_all",
        source: include_str!("../../templates/think_all.txt"),
        variables: &["prompt", "regions"],
        answer: "thoughts",
    },
    Shipped {
        name: "think",
        source: include_str!("../../templates/think.txt"),
        variables: &["prompt", "earlier_thoughts", "region", "number", "count"],
        answer: "thought",
    },
    Shipped {
        name: "critique",
        source: include_str!("../../templates/critique.txt"),
        variables: &["prompt", "thoughts", "region", "number", "count"],
        answer: "critique",
    },
    Shipped {
        name: "judge",
        source: include_str!("../../templates/judge.txt"),
        variables: &["prompt", "thoughts", "region", "number"],
        answer: "judgement",
    },
    Shipped {
        name: "schedule",
        source: include_str!("../../templates/schedule.txt"),
        variables: &["prompt", "picture", "rows", "columns", "count"],
        answer: "schedule",
    },
    Shipped {
        name: "describe",
        source: include_str!("../../templates/describe.txt"),
        variables: &["prompt", "earlier_thoughts", "region", "number", "count"],
        answer: "thought",
    },
    Shipped {
        name: "questions",
        source: include_str!("../../templates/questions.txt"),
        variables: &["prompt"],
        answer: "questions",
    },
    Shipped {
        name: "inspect",
        source: include_str!("../../templates/inspect.txt"),
        variables: &["questions"],
        answer: "inspection",
    },
    Shipped {
        name: "probability",
        source: include_str!("../../templates/probability.txt"),
        variables: &["prompt"],
        answer: "probability",
    },
    Shipped {
        name: "compare",
        source: include_str!("../../templates/compare.txt"),
        variables: &["prompt"],
        answer: "comparison",
    },
];

/// What thinker and critic are asked by.
pub(crate) const OF_TRAJECTORIES: [&str; 5] = ["think_all", "think", "critique", "schedule", "describe"];
/// What judges are asked by.
pub(crate) const OF_JUDGEMENTS: [&str; 5] = ["judge", "questions", "inspect", "probability", "compare"];

/// The prompt templates of a job.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
}

/// A template that does not parse or asks for a variable it is not given.
#[derive(Debug, thiserror::Error)]
#[error("prompt template")]
pub struct TemplateError(#[from] minijinja::Error);

impl Templates {
    /// The templates that ship with the program, with those of the pipeline file in their place.
    pub fn new(own: &TemplateSettings) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (Shipped { name, source, .. }, own) in SHIPPED.iter().zip(own.in_order()) {
            environment.add_template_owned(*name, own.unwrap_or_else(|| (*source).to_owned()))?;
        }
        Ok(Self { environment })
    }

    /// What is wrong with a template in place of the one called `name`, if anything is.
    pub(crate) fn problem(name: &str, source: &str) -> Option<String> {
        let shipped = SHIPPED.iter().find(|shipped| shipped.name == name)?;
        let mut environment = Environment::new();
        if let Err(error) = environment.add_template(name, source) {
            return Some(format!("the template does not parse: {error}"));
        }
        let asked = environment.get_template(name).ok()?.undeclared_variables(false);
        let mut unknown: Vec<String> =
            asked.into_iter().filter(|asked| !shipped.variables.contains(&asked.as_str())).collect();
        unknown.sort();
        let given = shipped.variables.join("`, `");
        (!unknown.is_empty())
            .then(|| format!("there is no variable `{}`; there are `{given}`", unknown.join("`, `")))
    }

    /// Name and hash of each template: part of manifest and card.
    pub fn hashes(&self) -> Vec<(String, String)> {
        SHIPPED.iter().map(|shipped| (shipped.name.to_owned(), self.hash(shipped.name))).collect()
    }

    /// Some templates by their hashes, with the schemas of their answers: part of fingerprints.
    pub(crate) fn wording(&self, names: &[&'static str]) -> Vec<(&'static str, String, &'static str)> {
        names
            .iter()
            .map(|name| (*name, self.hash(name), answer_schema(name).map_or("", |it| it.json)))
            .collect()
    }

    /// Hash of one template, 16 hexadecimal digits; empty for a name that there is not.
    pub fn hash(&self, name: &str) -> String {
        let source = self.environment.get_template(name).map(|template| template.source().to_owned());
        source.map_or_else(|_| String::new(), |s| blake3::hash(s.as_bytes()).to_hex()[..16].to_owned())
    }

    fn text(&self, name: &str, context: Value) -> Result<String, TemplateError> {
        Ok(self.environment.get_template(name)?.render(context)?.trim_end().to_owned())
    }
}

/// The schema of the answer to what a template asks; `None` for a template that there is not.
fn answer_schema(template: &str) -> Option<AnswerSchema> {
    let shipped = SHIPPED.iter().find(|shipped| shipped.name == template)?;
    schemas::answer(shipped.answer)
}

impl TemplateSettings {
    /// The own templates in the order of [`SHIPPED`].
    fn in_order(&self) -> [Option<String>; SHIPPED.len()] {
        let Self {
            think_all,
            think,
            critique,
            judge,
            schedule,
            describe,
            questions,
            inspect,
            probability,
            compare,
        } = self.clone();
        [think_all, think, critique, judge, schedule, describe, questions, inspect, probability, compare]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use twig_model::{CritiqueTask, Geometry, JudgeTask, Part, Picture, Rendered, Schedule, Task, ThinkTask};

    fn text_of(rendered: Rendered) -> String {
        match rendered {
            Rendered::Chat(form) => match form.messages[0].parts.last() {
                Some(Part::Text(text)) => text.clone(),
                other => panic!("{other:?}"),
            },
            Rendered::Image(form) => form.prompt,
        }
    }

    #[test]
    fn the_wording_of_a_template_is_its_text_and_the_schema_of_the_answer() {
        let wording = Templates::new(&TemplateSettings::default()).unwrap().wording(&["judge", "compare"]);
        assert!(wording[0].2.contains("\"scores\""), "{wording:?}");
        assert!(SHIPPED.iter().all(|shipped| answer_schema(shipped.name).is_some()));
        let own = TemplateSettings { judge: Some("Own.".to_owned()), ..TemplateSettings::default() };
        let changed = Templates::new(&own).unwrap().wording(&["judge", "compare"]);
        assert!(changed[0] != wording[0] && changed[1] == wording[1]);
    }

    #[test]
    fn an_own_template_is_checked_before_it_is_used() {
        assert_eq!(Templates::problem("judge", "Look: {{ prompt }}, {{ region.name }}"), None);
        let unknown = Templates::problem("judge", "{{ prompt }} {{ picture }}").unwrap();
        assert_eq!(
            unknown,
            "there is no variable `picture`; there are `prompt`, `thoughts`, `region`, `number`"
        );
        assert!(Templates::problem("judge", "{{ prompt").unwrap().contains("does not parse"));
        let own =
            TemplateSettings { judge: Some("Own: {{ prompt }}".to_owned()), ..TemplateSettings::default() };
        let (own, shipped) =
            (Templates::new(&own).unwrap(), Templates::new(&TemplateSettings::default()).unwrap());
        assert_ne!(own.hash("judge"), shipped.hash("judge"));
        assert_eq!(own.hash("think"), shipped.hash("think"));
    }

    #[test]
    fn the_questions_read_as_a_model_will_read_them() {
        let templates = Templates::new(&TemplateSettings::default()).unwrap();
        let schedule = Schedule::bands(Geometry::JANUS, 3).unwrap();
        let picture = Picture::new(b"png".to_vec());
        let think = |region_index, earlier: &[&str]| {
            Task::Think(ThinkTask {
                prompt: "a red car left of a cat".to_owned(),
                schedule: schedule.clone(),
                region_index,
                earlier_thoughts: earlier.iter().map(|t| (*t).to_owned()).collect(),
                canvas: None,
            })
        };
        let critique = Task::Critique(CritiqueTask {
            prompt: "a red car left of a cat".to_owned(),
            schedule: schedule.clone(),
            region_index: 1,
            thoughts: vec!["A clear sky.".to_owned(), "A red car.".to_owned()],
            canvas: picture.clone(),
        });
        let judge = |region_index| {
            Task::Judge(JudgeTask {
                prompt: "a red car left of a cat".to_owned(),
                schedule: schedule.clone(),
                region_index,
                thoughts: vec!["A clear sky.".to_owned(), "A red car.".to_owned(), "Grass.".to_owned()],
                picture: picture.clone(),
            })
        };
        let tasks = [
            think(None, &[]),
            think(Some(0), &[]),
            think(Some(1), &["A clear sky."]),
            critique,
            judge(None),
            judge(Some(2)),
        ];
        let texts: Vec<String> = tasks.iter().map(|task| text_of(templates.render(task).unwrap())).collect();
        insta::assert_snapshot!(texts.join("\n\n=====\n\n"));
    }
}
