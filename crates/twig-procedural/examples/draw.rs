//! Draws prompts to PNG files: `draw DIR SEED PROMPT…`. For looking at what the embedded teacher makes.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use twig_model::{Answer, ChatForm, Geometry, PaintTask, Rendered, Request, Schedule, Task, ThinkTask};
use twig_procedural::{Faults, ProceduralSettings, ProceduralTeacher};

fn main() {
    let mut args = std::env::args().skip(1);
    let directory = args.next().unwrap();
    let seed: u64 = args.next().unwrap().parse().unwrap();
    let faults = if std::env::var("FAULTS").is_ok() { Faults::default() } else { Faults::NONE };
    let teacher = ProceduralTeacher::new(ProceduralSettings { faults, ..Default::default() });
    let mut sheet = twig_imaging::RgbImage::from_pixel(1320, 990, twig_imaging::Rgb([255; 3]));
    let mut sheets = 0;
    for prompt in args {
        let schedule = Schedule::bands(Geometry::JANUS, 3).unwrap();
        let request = |task| Request {
            task,
            rendered: Rendered::Chat(ChatForm { messages: vec![], answer_schema: None }),
            seed,
            trajectory_seed: seed,
            ask: 0,
        };
        let think = request(Task::Think(ThinkTask {
            prompt: prompt.clone(),
            schedule: schedule.clone(),
            region_index: None,
            earlier_thoughts: vec![],
            canvas: None,
        }));
        println!("{prompt}\n   {:?}", teacher.answer(&think));
        let paint = request(Task::Paint(PaintTask {
            prompt: prompt.clone(),
            schedule,
            region_index: None,
            thoughts: vec![],
            base: None,
            attempt: 0,
        }));
        println!("   {:?}", teacher.mistakes(&paint));
        if let Answer::Picture(picture) = teacher.answer(&paint) {
            let picture =
                twig_imaging::decode(picture.bytes(), &twig_imaging::DecodeLimits::default()).unwrap();
            let picture = twig_imaging::fit_square(&picture, 320);
            let (left, top) = ((sheets % 4) * 330, (sheets / 4 % 3) * 330);
            for (x, y, pixel) in picture.enumerate_pixels() {
                sheet.put_pixel(left + x, top + y, *pixel);
            }
            sheets += 1;
        }
    }
    std::fs::write(format!("{directory}/sheet.png"), twig_imaging::encode_png(&sheet)).unwrap();
}
