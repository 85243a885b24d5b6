//! One call: sent, awaited, and read within limits. Knows nothing of trying again.

use std::time::{Duration, Instant};

use reqwest::{
    Client, RequestBuilder, Response,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
    multipart,
};
use serde_json::Value;
use twig_model::{Answer, Picture, RejectReason, Reply, Usage};
use url::Url;

use super::{
    body::{CHAT, Call, CallKind, EDIT, GENERATE, mime_of},
    failure::Failure,
    headers::RateHints,
    mask,
    reply::{self, Said, What},
    secret::Secret,
    settings::OpenAiSettings,
};

/// Longest body of a text answer, and of any error, in bytes.
const MAX_TEXT_BODY: usize = 8 << 20;
/// Longest body of a picture answer in bytes: base64 of the largest picture that decoding accepts.
const MAX_PICTURE_BODY: usize = 90 << 20;

/// The client cannot be made from its settings.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none.
    #[error("`{0}` is no address of the form https://host/path")]
    Address(String),
    /// The variable with the key is unset.
    #[error("the environment's variable {0}, which holds the key, is not set")]
    NoKey(String),
    /// A header cannot be sent.
    #[error("the header `{0}` cannot be sent: its name or value holds characters that headers do not")]
    Header(String),
    /// A proxy or TLS setting does not work.
    #[error("cannot make an HTTP client: {0}")]
    Http(String),
}

/// A server that speaks OpenAI's interface.
pub(crate) struct OpenAi {
    http: Client,
    /// Without key and headers, for pictures that lie elsewhere.
    plain: Client,
    base_url: String,
    addresses: Addresses,
    model: String,
    text_timeout: Duration,
    picture_timeout: Duration,
    /// The key, and what else may be one: values of headers, the address of a proxy.
    secrets: Vec<Secret>,
}

/// Where the calls of each kind go, read once: reading an address takes longer than asking for one.
struct Addresses {
    chat: Url,
    generate: Url,
    edit: Url,
}

impl Addresses {
    fn below(base_url: &str) -> Option<Self> {
        let address = |path| {
            let url = Url::parse(&format!("{base_url}{path}")).ok();
            url.filter(|url| matches!(url.scheme(), "http" | "https"))
        };
        Some(Self { chat: address(CHAT)?, generate: address(GENERATE)?, edit: address(EDIT)? })
    }

    fn of(&self, kind: &CallKind) -> &Url {
        match kind {
            CallKind::Chat | CallKind::YesOrNo => &self.chat,
            CallKind::Generate => &self.generate,
            CallKind::Edit { .. } => &self.edit,
        }
    }
}

/// A call that came through, and what the server said about its limits.
pub(crate) struct Answered {
    pub(crate) reply: Reply,
    /// Whether the server said which model answered; of pictures few do.
    pub(crate) names_model: bool,
    pub(crate) hints: RateHints,
}

impl OpenAi {
    /// Reads the key from the environment; connects to nobody yet.
    pub(crate) fn new(settings: &OpenAiSettings) -> Result<Self, ClientError> {
        // The only provider in the program; a second installation changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base_url = settings.base_url.trim_end_matches('/').to_owned();
        let addresses =
            Addresses::below(&base_url).ok_or_else(|| ClientError::Address(settings.base_url.clone()))?;
        let key = match &settings.api_key_variable {
            Some(name) => {
                Some(Secret::from_environment(name).ok_or_else(|| ClientError::NoKey(name.clone()))?)
            }
            None => None,
        };
        let http = |headers| {
            let mut http = Client::builder()
                .user_agent(concat!("twig/", env!("CARGO_PKG_VERSION")))
                .default_headers(headers)
                .connect_timeout(Duration::from_secs(settings.timeouts.connect_secs))
                .pool_max_idle_per_host(settings.concurrency)
                .redirect(reqwest::redirect::Policy::none());
            if let Some(proxy) = &settings.proxy {
                http = http.proxy(reqwest::Proxy::all(proxy)?);
            } else if is_loopback(&addresses.chat) {
                // A proxy of the environment cannot reach this machine's own servers.
                http = http.no_proxy();
            }
            http.build()
        };
        let wrong = |error: reqwest::Error| ClientError::Http(error.to_string());
        let proxy = settings.proxy.as_deref().and_then(|proxy| Url::parse(proxy).ok());
        let password = proxy.as_ref().and_then(Url::password).map(str::to_owned);
        let others = settings.headers.values().cloned().chain(password).map(Secret::new);
        let secrets = key.iter().cloned().chain(others).collect();
        Ok(Self {
            http: http(headers(settings, key.as_ref())?).map_err(wrong)?,
            plain: http(HeaderMap::new()).map_err(wrong)?,
            base_url,
            addresses,
            model: settings.model.clone(),
            text_timeout: Duration::from_secs(settings.timeouts.text_secs),
            picture_timeout: Duration::from_secs(settings.timeouts.picture_secs),
            secrets,
        })
    }

    /// Sends the call once.
    pub(crate) async fn attempt(&self, call: &Call) -> Result<Answered, Failure> {
        let start = Instant::now();
        let outcome = self.sent(call).await;
        let (said, hints) = outcome.map_err(|failure| self.covered(failure))?;
        let answer = match said.what {
            What::Answer(answer) => answer,
            What::PictureAt(url) => {
                Answer::Picture(self.fetched(&url).await.map_err(|failure| self.covered(failure))?)
            }
        };
        let usage = Usage { latency_ms: start.elapsed().as_millis() as u64, ..said.usage };
        let names_model = said.model.is_some();
        let model = said.model.unwrap_or_else(|| self.model.clone());
        let reply =
            Reply { answer, model, fingerprint: said.fingerprint, usage, key: None, from_store: false };
        Ok(Answered { reply, names_model, hints })
    }

    async fn sent(&self, call: &Call) -> Result<(Said, RateHints), Failure> {
        let (timeout, most) = if call.kind.makes_picture() {
            (self.picture_timeout, MAX_PICTURE_BODY)
        } else {
            (self.text_timeout, MAX_TEXT_BODY)
        };
        let request = self.request(call)?.timeout(timeout);
        let response = request.send().await.map_err(|error| Failure::from_transport(&error))?;
        let hints = RateHints::read(response.headers());
        let body = checked_body(response, most).await?;
        Ok((reply::read(&call.kind, &body)?, hints))
    }

    fn request(&self, call: &Call) -> Result<RequestBuilder, Failure> {
        let request = self.http.post(self.addresses.of(&call.kind).clone());
        match &call.kind {
            CallKind::Chat | CallKind::YesOrNo | CallKind::Generate => Ok(match &call.json {
                Some(json) => request.header(CONTENT_TYPE, "application/json").body(json.clone()),
                None => request.json(&call.fields),
            }),
            CallKind::Edit { base, editable } => {
                let mut form = multipart::Form::new();
                for (name, value) in &call.fields {
                    form = form.text(name.clone(), plain(value));
                }
                form = form.part("image", file(base, "image"));
                let mask = mask::of(base, editable)
                    .map_err(|detail| Failure::declined(RejectReason::BadPicture, detail))?;
                if let Some(mask) = mask {
                    form = form.part("mask", file(&mask, "mask"));
                }
                Ok(request.multipart(form))
            }
        }
    }

    /// A picture that the answer only points to.
    async fn fetched(&self, url: &str) -> Result<Picture, Failure> {
        let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url =
            parsed.ok_or_else(|| Failure::broken("the answer points to a picture at no address", true))?;
        let request = self.plain.get(url).timeout(self.picture_timeout);
        let response = request.send().await.map_err(|error| paid(&error))?;
        Ok(Picture::new(
            checked_body(response, MAX_PICTURE_BODY)
                .await
                .map_err(|failure| Failure { maybe_paid: true, ..failure })?,
        ))
    }

    /// A small call without a question: the models that the server names, as JSON.
    pub(crate) async fn models(&self) -> Result<Value, Failure> {
        let request = self.http.get(format!("{}/models", self.base_url)).timeout(self.text_timeout);
        let response = request.send().await.map_err(|error| Failure::from_transport(&error))?;
        let body = checked_body(response, MAX_TEXT_BODY).await.map_err(|failure| self.covered(failure))?;
        serde_json::from_slice(&body).map_err(|error| Failure::broken(error.to_string(), false))
    }

    /// The client and address for the batch path.
    pub(crate) fn http(&self) -> (&Client, &str) {
        (&self.http, &self.base_url)
    }

    /// What a server says may repeat what it was given.
    pub(crate) fn covered(&self, failure: Failure) -> Failure {
        let cover = |text: String, secret: &Secret| secret.covered(&text);
        Failure { detail: self.secrets.iter().fold(failure.detail, cover), ..failure }
    }
}

/// A body of at most `most` bytes of an answer that says it is one; what its status means otherwise.
pub(crate) async fn checked_body(mut response: Response, most: usize) -> Result<Vec<u8>, Failure> {
    let status = response.status();
    let headers = if status.is_success() { HeaderMap::new() } else { response.headers().clone() };
    let most = if status.is_success() { most } else { MAX_TEXT_BODY };
    let expected = response.content_length().unwrap_or(0).min(most as u64) as usize;
    let mut body = Vec::with_capacity(expected);
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= most => body.extend_from_slice(&chunk),
            Ok(Some(_)) => {
                return Err(Failure::broken(format!("the answer has more than {most} bytes"), true));
            }
            Err(error) if status.is_success() => return Err(paid(&error)),
            // Of a failure the status says enough.
            Ok(None) | Err(_) => break,
        }
    }
    if status.is_success() { Ok(body) } else { Err(Failure::from_status(status, &headers, &body)) }
}

/// A failure after the server had done its work.
fn paid(error: &reqwest::Error) -> Failure {
    Failure { maybe_paid: true, ..Failure::from_transport(error) }
}

fn headers(settings: &OpenAiSettings, key: Option<&Secret>) -> Result<HeaderMap, ClientError> {
    let mut headers = HeaderMap::new();
    let mut put = |name: &str, value: Option<HeaderValue>| {
        let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(value);
        let (name, value) = header.ok_or_else(|| ClientError::Header(name.to_owned()))?;
        headers.insert(name, value);
        Ok(())
    };
    if let Some(key) = key {
        put("authorization", key.header("Bearer "))?;
    }
    if let Some(organisation) = &settings.organisation {
        put("openai-organization", HeaderValue::from_str(organisation).ok())?;
    }
    for (name, value) in &settings.headers {
        put(name, Secret::new(value.clone()).header(""))?;
    }
    Ok(headers)
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn file(picture: &Picture, name: &str) -> multipart::Part {
    let mime = mime_of(picture.bytes());
    let ending = mime.trim_start_matches("image/");
    let part = multipart::Part::bytes(picture.bytes().to_vec()).file_name(format!("{name}.{ending}"));
    // The types of `mime_of` are well-formed; without one the server looks for itself.
    part.mime_str(mime).unwrap_or_else(|_| multipart::Part::bytes(picture.bytes().to_vec()))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
