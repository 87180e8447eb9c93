//! Asks the account one question at a time. What an answer means is [`Manner`]'s.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::RequestBuilder;
use tillwire_capture::heartland_retail::cloud::Manner;
use tillwire_capture::heartland_retail::feed::Ask;
use tillwire_capture::heartland_retail::graph;
use tokio::sync::Mutex;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::Account;

/// Longest answer, in bytes: a page of 5,000 tickets with their parts.
const ANSWER_LEN_MAX: usize = 64 * 1024 * 1024;

/// An answer.
#[derive(Debug)]
pub struct Told {
    /// What it means.
    pub manner: Manner,
    /// Its body.
    pub body: Vec<u8>,
    /// For people, where it is no good: the status.
    pub words: String,
}

/// Of who asks: one at a time.
#[derive(Debug)]
struct Turn {
    asked: Option<Instant>,
    token: Zeroizing<String>,
    /// The last answer was that the token is not taken: there may be a new one.
    refused: bool,
}

/// The way to an account.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    token_file: PathBuf,
    /// Between two questions: how often one may ask is not published, and who asks side by side is told to slow down.
    pace: Duration,
    turn: Arc<Mutex<Turn>>,
}

impl Client {
    /// Reads the token.
    ///
    /// # Errors
    /// Names the file that holds none.
    pub fn new(account: &Account) -> Result<Self> {
        let token = read_token(&account.token_file)?;
        Ok(Self {
            http: builder(&account.url)
                .timeout(Duration::from_secs(60))
                .build()
                .context("cannot prepare the HTTP client for Heartland")?,
            url: account.url.clone(),
            token_file: account.token_file.clone(),
            pace: account.pace,
            turn: Arc::new(Mutex::new(Turn {
                asked: None,
                token,
                refused: false,
            })),
        })
    }

    /// Asks, when it is this question's turn.
    pub async fn ask(&self, ask: &Ask) -> Told {
        let request = match ask {
            Ask::Get(path) => self.http.get(format!("{}{path}", self.url)),
            Ask::Graph(body) => self
                .http
                .post(format!("{}{}", self.url, graph::PATH))
                .header("content-type", "application/json")
                .body(body.clone()),
        };
        // held until the answer is there: one question at a time
        let mut turn = self.turn.lock().await;
        if let Some(last) = turn.asked {
            tokio::time::sleep_until(last + self.pace).await;
        }
        turn.asked = Some(Instant::now());
        if turn.refused
            && let Ok(token) = read_token(&self.token_file)
        {
            turn.token = token;
        }
        let told = self.answer(request.bearer_auth(turn.token.as_str())).await;
        turn.refused = told.manner == Manner::Unauthorised;
        told
    }

    async fn answer(&self, request: RequestBuilder) -> Told {
        let broken = |words: String| Told {
            manner: Manner::Broken,
            body: Vec::new(),
            words,
        };
        let mut answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => return broken(format!("no answer: {}", error.without_url())),
        };
        let status = answer.status();
        let retry_after = answer
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_LEN_MAX => {
                    body.extend_from_slice(&chunk);
                }
                Ok(Some(_)) => return broken(format!("an answer of more than {ANSWER_LEN_MAX} bytes")),
                Ok(None) => break,
                Err(error) => return broken(format!("the answer broke off: {}", error.without_url())),
            }
        }
        Told {
            manner: Manner::of(status.as_u16(), retry_after),
            body,
            words: format!("HTTP {status}"),
        }
    }
}

fn read_token(path: &Path) -> Result<Zeroizing<String>> {
    let token = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the token file {}", path.display()))?;
    let token = Zeroizing::new(token.trim().to_owned());
    anyhow::ensure!(
        !token.is_empty(),
        "found no token in {}, wanted an API token of the account",
        path.display()
    );
    Ok(token)
}

/// How Heartland is asked, wherever: a token must not follow anybody elsewhere.
pub(super) fn builder(url: &str) -> reqwest::ClientBuilder {
    let http = reqwest::Client::builder()
        .user_agent(concat!("tillwire-relay/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none());
    if url.starts_with("http://") {
        http.no_proxy()
    } else {
        http
    }
}

/// Whether an address is of this machine, where no TLS is needed.
pub(super) fn is_local(url: &reqwest::Url) -> bool {
    matches!(url.host_str(), Some("127.0.0.1" | "localhost"))
}
