//! A dataset in the browser: a gallery, a page for each trajectory, two releases side by side, and a run as it
//! goes on.
//!
//! The server is bound to 127.0.0.1, and every address below it begins with a random token, so that neither
//! other machines nor other users nor web pages that guess can read or mark anything. Pages are made on the
//! server; the script adds keys and scrolling. Pictures are read one row at a time through the offset index.

mod filter;
mod gallery;
mod live;
mod pair;
mod respond;
mod state;
mod trajectory;

use std::{net::Ipv4Addr, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use tokio::net::TcpListener;

use self::state::Side;
use crate::{Dataset, InspectError, pages};

/// A viewer that is ready to be served.
pub struct Viewer {
    listener: TcpListener,
    router: Router,
    address: String,
}

/// What every handler sees.
#[derive(Clone)]
struct App {
    /// The path that all addresses begin with: a slash and the token.
    root: Arc<str>,
    sides: [Option<Arc<Side>>; 2],
}

impl App {
    /// The dataset `a` or `b`.
    fn side(&self, name: &str) -> Option<&Arc<Side>> {
        let [a, b] = &self.sides;
        match name {
            "a" => a.as_ref(),
            "b" => b.as_ref(),
            _ => None,
        }
    }
}

impl Viewer {
    /// Opens one dataset, or two to look at side by side, and binds a port of 127.0.0.1 (0: any free one).
    pub async fn bind(datasets: Vec<Dataset>, port: u16) -> Result<Self, InspectError> {
        let failed = |source| InspectError::Io {
            action: "listen on",
            path: format!("127.0.0.1:{port}").into(),
            source,
        };
        let mut sides = datasets.into_iter().take(2).map(Side::open);
        let sides = [sides.next().transpose()?, sides.next().transpose()?];
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
        let root = format!("/{}", token().map_err(failed)?);
        let address = format!("http://{}{root}/", listener.local_addr().map_err(failed)?);
        let router = router(App { root: root.into(), sides });
        Ok(Self { listener, router, address })
    }

    /// Where it is to be opened, token included.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Answers until `stop` is done.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), InspectError> {
        let Self { listener, router, address } = self;
        axum::serve(listener, router).with_graceful_shutdown(stop).await.map_err(|source| InspectError::Io {
            action: "serve",
            path: address.into(),
            source,
        })
    }
}

/// 128 random bits as 32 hexadecimal digits.
fn token() -> std::io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn router(app: App) -> Router {
    let pages = Router::new()
        .route("/style.css", get(|| async { asset("text/css; charset=utf-8", pages::STYLE) }))
        .route("/app.js", get(|| async { asset("text/javascript; charset=utf-8", pages::SCRIPT) }))
        .route("/compare", get(pair::page))
        .route("/{side}/", get(gallery::page))
        .route("/{side}/cards", get(gallery::cards))
        .route("/{side}/live", get(gallery::live))
        .route("/{side}/t/{id}", get(trajectory::page))
        .route("/{side}/thumb/{id}", get(trajectory::thumb))
        .route("/{side}/thumb/{id}/{index}", get(trajectory::thumb_of_attempt))
        .route("/{side}/picture/{id}/{which}", get(trajectory::picture))
        .route("/{side}/decoded/{id}/{which}", get(trajectory::decoded))
        .route("/{side}/mark", post(trajectory::mark));
    Router::new()
        // Nested, it would answer without the slash at its end alone.
        .route(&format!("{}/", app.root), get(home))
        .nest(&app.root, pages)
        .fallback(|| async { (StatusCode::NOT_FOUND, "nothing is here\n") })
        .layer(middleware::from_fn(guard))
        .with_state(app)
}

async fn home(State(app): State<App>) -> Redirect {
    Redirect::to(&format!("{}/a/", app.root))
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, max-age=3600")];
    (headers, text).into_response()
}

/// Refuses requests under another name than the local one, which a web page could have pointed here, and says
/// to the browser that pages run no script and load nothing but what comes from here.
async fn guard(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if !matches!(name, "127.0.0.1" | "localhost") {
        return (StatusCode::FORBIDDEN, "this viewer answers to 127.0.0.1 and localhost only\n")
            .into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let policy = "default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; script-src 'self'; \
                  connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

#[cfg(test)]
mod tests;
