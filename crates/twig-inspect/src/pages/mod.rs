//! What the viewer and the report share: the templates, and a trajectory as templates show it.
//!
//! Every text of a dataset goes through the templates, which escape it; no HTML is put together by hand but for
//! charts and outlines, which hold numbers alone.

mod story;

use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, Value};

pub(crate) use story::{Links, Story, cost};

/// The style sheet of viewer and report.
pub(crate) const STYLE: &str = include_str!("../../assets/style.css");
/// The viewer's script.
pub(crate) const SCRIPT: &str = include_str!("../../assets/app.js");

const TEMPLATES: [(&str, &str); 7] = [
    ("page.html", include_str!("../../assets/page.html")),
    ("gallery.html", include_str!("../../assets/gallery.html")),
    ("cards.html", include_str!("../../assets/cards.html")),
    ("trajectory.html", include_str!("../../assets/trajectory.html")),
    ("compare.html", include_str!("../../assets/compare.html")),
    ("live.html", include_str!("../../assets/live.html")),
    ("report.html", include_str!("../../assets/report.html")),
];

static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    for (name, text) in TEMPLATES {
        environment.add_template(name, text).expect("the templates are part of the program and tested");
    }
    environment
});

/// A template filled in.
pub(crate) fn render(template: &str, context: impl Into<Value>) -> Result<String, minijinja::Error> {
    ENVIRONMENT.get_template(template)?.render(context)
}

/// A template filled in and set into the frame of the viewer's pages, which take the same context.
pub(crate) fn render_page(template: &str, context: impl Into<Value>) -> Result<String, minijinja::Error> {
    let context = context.into();
    // The template has escaped whatever came from outside.
    let main = Value::from_safe_string(render(template, context.clone())?);
    render("page.html", minijinja::context! { main, ..context })
}

/// How a score is coloured.
pub(crate) fn class_of(score: i32) -> &'static str {
    match score {
        80.. => "good",
        60..80 => "",
        _ => "bad",
    }
}

/// A number with its thousands set apart.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_well_formed_and_escapes() {
        for (name, _) in TEMPLATES {
            assert!(ENVIRONMENT.get_template(name).is_ok(), "{name}");
        }
        let html = render(
            "live.html",
            minijinja::context! {
                base => "/x",
                run => minijinja::context! { title => "<script>alert(1)</script>\"'", active => true },
            },
        );
        let html = html.unwrap();
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script"), "{html}");
    }
}
