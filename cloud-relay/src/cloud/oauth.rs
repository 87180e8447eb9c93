//! A token by consent (OAuth 2.0, RFC 6749 §4.1): the retailer opens an address at Heartland, agrees, and is sent on to an address
//! of the application's with a code, which is exchanged for a token of the account.
//!
//! Source: a third-party client (`mihaighita/heartland-retail-php`) and the opening of the vendor's API page for the three
//! addresses and their fields. That client asks for the token with a query; a query stands in every log on the way, so that
//! a form is tried first, as the RFC wants it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::{RequestBuilder, StatusCode, Url};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::client::{builder, is_local};
use super::settings::{Account, Wrong};

/// Longest answer, in bytes.
const ANSWER_LEN_MAX: usize = 64 * 1024;

/// `[heartland.oauth]`: the application that asks, as Heartland registered it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Its id. Required.
    pub client_id: String,
    /// File with its secret. Required.
    pub client_secret_file: PathBuf,
    /// The address that the retailer is sent on to, as registered. Nothing has to answer there. Required.
    pub redirect_uri: String,
    /// Rights, with spaces in between. Required. Example: `sales.read`.
    pub scope: String,
    /// Who asks for consent. Default: `https://retail.heartland.us`.
    #[serde(default = "heartland")]
    pub server: String,
}

fn heartland() -> String {
    "https://retail.heartland.us".to_owned()
}

impl Application {
    /// Checks what was written.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), Wrong> {
        let wrong = |key: &str, found: &str, wanted: &str| {
            Err(Wrong(format!("oauth.{key}"), found.to_owned(), wanted.to_owned()))
        };
        if Url::parse(&self.redirect_uri).is_err() {
            return wrong(
                "redirect_uri",
                &self.redirect_uri,
                "the whole address that the application was registered with",
            );
        }
        match Url::parse(&self.server) {
            Ok(url) if url.scheme() == "https" || is_local(&url) => Ok(()),
            _ => wrong("server", &self.server, "an https address"),
        }
    }
}

/// One asking for consent.
pub struct Asking<'a> {
    application: &'a Application,
    secret: Zeroizing<String>,
    state: String,
    http: reqwest::Client,
}

impl std::fmt::Debug for Asking<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Asking({})", self.application.client_id)
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
}

#[derive(Deserialize)]
struct HostAnswer {
    host: String,
}

impl<'a> Asking<'a> {
    /// Reads the application's secret and draws a state, by which the answer is told to be to this asking.
    ///
    /// # Errors
    /// Names the file that holds no secret.
    pub fn new(application: &'a Application) -> Result<Self> {
        let path = &application.client_secret_file;
        let secret = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the application's secret {}", path.display()))?;
        let secret = Zeroizing::new(secret.trim().to_owned());
        ensure!(
            !secret.is_empty(),
            "found no secret in {}, wanted the one that Heartland gave with client id {}",
            path.display(),
            application.client_id
        );
        let mut state = [0; 16];
        SystemRandom::new()
            .fill(&mut state)
            .ok()
            .context("the system gives no randomness")?;
        Ok(Self {
            application,
            secret,
            state: data_encoding::HEXLOWER.encode(&state),
            http: builder(&application.server)
                .timeout(Duration::from_secs(30))
                .build()
                .context("cannot prepare the HTTP client for Heartland")?,
        })
    }

    /// The address that the retailer opens.
    ///
    /// # Errors
    /// When the server's address cannot be.
    pub fn address(&self) -> Result<Url> {
        let query = [
            ("client_id", self.application.client_id.as_str()),
            ("scope", &self.application.scope),
            ("redirect_uri", &self.application.redirect_uri),
            ("state", &self.state),
        ];
        let address = format!("{}/oauth/authorize", self.application.server);
        Ok(Url::parse_with_params(&address, query)?)
    }

    /// The code in the address that the retailer was sent on to.
    ///
    /// # Errors
    /// When consent was not given, it answers another asking, or there is no code.
    pub fn code(&self, sent_to: &str) -> Result<Zeroizing<String>> {
        let url = Url::parse(sent_to.trim()).ok().with_context(|| {
            format!(
                "found no address, wanted the whole one that the browser ended at: {}?code=...&state=...",
                self.application.redirect_uri
            )
        })?;
        let value = |key: &str| {
            let found = url.query_pairs().find(|(name, _)| name == key);
            found.map(|(_, value)| value.into_owned())
        };
        if let Some(error) = value("error") {
            let said: String = error.chars().filter(|c| !c.is_control()).take(80).collect();
            bail!("no consent was given: {said}; open the address again and agree");
        }
        let state = value("state").unwrap_or_default();
        ensure!(
            bool::from(state.as_bytes().ct_eq(self.state.as_bytes())),
            "found an answer to another question, wanted the one to the address above; open that one and use where it ends"
        );
        let code = value("code").filter(|code| !code.is_empty());
        let code =
            code.context("found an address without a code, wanted the one that the browser ended at")?;
        Ok(Zeroizing::new(code))
    }

    /// Exchanges a code for a token, and sees that it is for this account.
    ///
    /// # Errors
    /// What was answered instead, without anything secret in it.
    pub async fn token(&self, code: &str, account: &Account) -> Result<Zeroizing<String>> {
        let fields = [
            ("client_id", self.application.client_id.as_str()),
            ("client_secret", &self.secret),
            ("code", code),
            ("grant_type", "authorization_code"),
            ("redirect_uri", &self.application.redirect_uri),
        ];
        let address = format!("{}/api/oauth/token", self.application.server);
        let form = Url::parse_with_params(&address, fields)?;
        let body = Zeroizing::new(form.query().unwrap_or_default().to_owned());
        let request = self.http.post(&address);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let (mut status, mut answer) = answered(request.body(body.to_string())).await?;
        if matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
            (status, answer) = answered(self.http.get(form)).await?;
        }
        ensure!(
            status.is_success(),
            "Heartland did not give a token: HTTP {status}; a code is good once and for minutes: open the address again"
        );
        let given: TokenAnswer = serde_json::from_slice(&answer)
            .ok()
            .context("found an answer without access_token, wanted a token")?;
        let token = Zeroizing::new(given.access_token);
        let host = format!("{}/api/system/host", self.application.server);
        let (status, answer) = answered(self.http.get(host).bearer_auth(token.as_str())).await?;
        ensure!(
            status.is_success(),
            "Heartland does not say which account the token is for: HTTP {status}"
        );
        let whose: HostAnswer = serde_json::from_slice(&answer)
            .ok()
            .context("found an answer without host, wanted the account's host")?;
        let wanted = Url::parse(&account.url).ok();
        let wanted = wanted.as_ref().and_then(Url::host_str).unwrap_or_default();
        ensure!(
            whose.host.eq_ignore_ascii_case(wanted),
            "found a token of account {:?}, wanted one of {wanted}; sign in there and open the address again",
            whose.host.chars().take(80).collect::<String>()
        );
        Ok(token)
    }
}

/// An answer's status and body. What an error says about an address is left out: a secret may stand in it.
async fn answered(request: RequestBuilder) -> Result<(StatusCode, Zeroizing<Vec<u8>>)> {
    let failed = |error: reqwest::Error| anyhow::anyhow!("no answer of Heartland: {}", error.without_url());
    let mut answer = request.send().await.map_err(failed)?;
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        ensure!(
            body.len() + chunk.len() <= ANSWER_LEN_MAX,
            "found an answer of more than {ANSWER_LEN_MAX} bytes, wanted a token"
        );
        body.extend_from_slice(&chunk);
    }
    Ok((answer.status(), body))
}
