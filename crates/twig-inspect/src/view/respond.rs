//! What handlers answer with when something is missing or fails.

use std::sync::Arc;

use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};

use super::{App, state::Side};
use crate::{InspectError, pages};

/// Why a request has no other answer.
pub(super) enum Failure {
    /// There is no such thing.
    Missing(&'static str),
    /// What was sent cannot be taken.
    Refused(String),
    /// The dataset cannot be read, or marks cannot be written.
    Failed(InspectError),
    /// A template is wrong, or a task was cut off.
    Fault(String),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Missing(what) => (StatusCode::NOT_FOUND, format!("there is no such {what}")),
            Self::Refused(why) => (StatusCode::BAD_REQUEST, why),
            Self::Failed(error) => {
                let mut text = error.to_string();
                let mut cause = std::error::Error::source(&error);
                while let Some(source) = cause {
                    text.push_str(&format!(": {source}"));
                    cause = source.source();
                }
                let is_gone = matches!(error, InspectError::Gone { .. });
                (if is_gone { StatusCode::NOT_FOUND } else { StatusCode::INTERNAL_SERVER_ERROR }, text)
            }
            Self::Fault(what) => (StatusCode::INTERNAL_SERVER_ERROR, what),
        };
        // Plain text: it may hold words of the dataset.
        (status, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text + "\n").into_response()
    }
}

impl From<InspectError> for Failure {
    fn from(error: InspectError) -> Self {
        Self::Failed(error)
    }
}

impl From<twig_shards::ShardError> for Failure {
    fn from(error: twig_shards::ShardError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<minijinja::Error> for Failure {
    fn from(error: minijinja::Error) -> Self {
        Self::Fault(format!("{error:#}"))
    }
}

/// The dataset of that name.
pub(super) fn side(app: &App, name: &str) -> Result<Arc<Side>, Failure> {
    app.side(name).cloned().ok_or(Failure::Missing("dataset"))
}

/// A template filled in.
pub(super) fn html(template: &str, context: impl Into<minijinja::Value>) -> Result<Html<String>, Failure> {
    Ok(Html(pages::render(template, context)?))
}

/// A page of the viewer: a template in the common frame.
pub(super) fn page(template: &str, context: impl Into<minijinja::Value>) -> Result<Html<String>, Failure> {
    Ok(Html(pages::render_page(template, context)?))
}

/// Does what reads files or decodes pictures where it holds nobody up.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Failure::Fault(format!("the page was given up: {error}"))))
}
