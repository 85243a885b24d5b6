//! From a task to what a model reads.

use minijinja::{Value, context};
use twig_imaging::region_pixels;
use twig_model::{
    ChatForm, CritiqueTask, DescribeTask, ImageForm, JudgeTask, Message, PaintTask, Part, Picture, PixelBox,
    Region, Rendered, Schedule, ScheduleTask, Speaker, Task, ThinkTask,
};

use super::{TemplateError, Templates, answer_schema};

impl Templates {
    /// The task as a model reads it.
    pub fn render(&self, task: &Task) -> Result<Rendered, TemplateError> {
        match task {
            Task::Think(task) => self.think(task),
            Task::Paint(task) => Ok(paint(task)),
            Task::Critique(task) => self.critique(task),
            Task::Judge(task) => self.judge(task),
            Task::Schedule(task) => self.schedule(task),
            Task::Describe(task) => self.describe(task),
            Task::Questions(task) => self.chat(&[], "questions", context! { prompt => &task.prompt }),
            Task::Inspect(task) => {
                self.chat(&[&task.picture], "inspect", context! { questions => &task.questions })
            }
            Task::Probability(task) => {
                self.chat(&[&task.picture], "probability", context! { prompt => &task.prompt })
            }
            Task::Compare(task) => {
                self.chat(&[&task.first, &task.second], "compare", context! { prompt => &task.prompt })
            }
        }
    }

    fn schedule(&self, task: &ScheduleTask) -> Result<Rendered, TemplateError> {
        let context = context! {
            prompt => &task.prompt,
            picture => task.picture.is_some(),
            rows => task.geometry.grid.rows,
            columns => task.geometry.grid.cols,
            count => task.num_regions,
        };
        self.chat(&task.picture.iter().collect::<Vec<_>>(), "schedule", context)
    }

    fn describe(&self, task: &DescribeTask) -> Result<Rendered, TemplateError> {
        let context = context! {
            prompt => &task.prompt,
            earlier_thoughts => &task.earlier_thoughts,
            region => told(&task.schedule.regions()[task.region_index], &task.schedule),
            number => task.region_index + 1,
            count => task.schedule.num_regions(),
        };
        self.chat(&[&task.picture, &task.spotlight], "describe", context)
    }

    fn think(&self, task: &ThinkTask) -> Result<Rendered, TemplateError> {
        let Some(index) = task.region_index else {
            let regions: Vec<Value> =
                task.schedule.regions().iter().map(|r| told(r, &task.schedule)).collect();
            return self.chat(&[], "think_all", context! { prompt => &task.prompt, regions });
        };
        let context = context! {
            prompt => &task.prompt,
            earlier_thoughts => &task.earlier_thoughts,
            region => told(&task.schedule.regions()[index], &task.schedule),
            number => index + 1,
            count => task.schedule.num_regions(),
        };
        self.chat(&task.canvas.iter().collect::<Vec<_>>(), "think", context)
    }

    fn critique(&self, task: &CritiqueTask) -> Result<Rendered, TemplateError> {
        let context = context! {
            prompt => &task.prompt,
            thoughts => &task.thoughts,
            region => told(&task.schedule.regions()[task.region_index], &task.schedule),
            number => task.region_index + 1,
            count => task.schedule.num_regions(),
        };
        self.chat(&[&task.canvas], "critique", context)
    }

    fn judge(&self, task: &JudgeTask) -> Result<Rendered, TemplateError> {
        let region = task.region_index.map(|index| told(&task.schedule.regions()[index], &task.schedule));
        let context = context! {
            prompt => &task.prompt,
            thoughts => &task.thoughts,
            region,
            number => task.region_index.map_or(0, |index| index + 1),
        };
        self.chat(&[&task.picture], "judge", context)
    }

    /// One message: the pictures, then the text of a template.
    fn chat(&self, pictures: &[&Picture], template: &str, context: Value) -> Result<Rendered, TemplateError> {
        let pictures = pictures.iter().map(|picture| Part::Picture((*picture).clone()));
        let parts = pictures.chain([Part::Text(self.text(template, context)?)]).collect();
        let messages = vec![Message { speaker: Speaker::User, parts }];
        Ok(Rendered::Chat(ChatForm { messages, answer_schema: answer_schema(template) }))
    }
}

/// A region as templates speak of it: its name, and where it lies.
fn told(region: &Region, schedule: &Schedule) -> Value {
    let grid = schedule.geometry().grid;
    let place = region.place(grid);
    context! { name => &region.name, place }
}

/// The painter is told the thoughts and nothing else: T is no input of the generator.
fn paint(task: &PaintTask) -> Rendered {
    let geometry = task.schedule.geometry();
    let editable = task.region_index.map_or_else(Vec::new, |index| {
        let boxes = region_pixels(&task.schedule.regions()[index], geometry).into_iter();
        boxes.map(|(left, top, width, height)| PixelBox { left, top, width, height }).collect()
    });
    Rendered::Image(ImageForm {
        prompt: task.thoughts.join(" "),
        image_size: geometry.image_size,
        base: task.base.clone(),
        editable,
    })
}
