//! Carries one HTTP request to Odoo and its answer back; knows nothing of what either means.
//!
//! It never retries: whether a request may be repeated depends on what it asked, which only the effect knows. It
//! tells apart "never left" (safe to repeat) from "left, and no answer came" (Odoo commits although the caller hung
//! up; seen on 17, 18 and 19).

use std::time::Instant;

use anyhow::Context as _;
use bytes::BytesMut;
use reqwest::{Method, RequestBuilder, Url};
use serde_json::Value;

use super::counts::Counters;
use super::endpoint::Endpoint;

/// What came back. The body may hold a server traceback: it is read for its meaning and never stored or logged.
pub(super) struct HttpAnswer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// `Retry-After` in milliseconds, where it was there and a number of seconds.
    pub(super) retry_after_ms: Option<u64>,
}

/// No whole answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoAnswer {
    /// Whether Odoo may have seen the request and done what it asked.
    pub(super) may_have_happened: bool,
    /// For people.
    pub(super) why: String,
}

#[derive(Debug)]
pub(super) struct Transport {
    http: reqwest::Client,
    pub(super) counters: Counters,
    body_len_max: usize,
    answer_len_max: usize,
}

impl Transport {
    /// `tls`: a prepared configuration, or `None` for the system's roots and the process's cryptography provider.
    pub(super) fn new(endpoint: &Endpoint, tls: Option<rustls::ClientConfig>) -> anyhow::Result<Self> {
        let limits = &endpoint.limits;
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("tillwire-relay/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limits.connect)
            .timeout(limits.request)
            // a POST that is redirected would be repeated elsewhere, or turned into a GET
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .http1_only()
            // Odoo closes every connection after its answer; a kept one is a race with the server's close
            .pool_max_idle_per_host(0);
        if endpoint.is_loopback() {
            http = http.no_proxy();
        }
        if let Some(tls) = tls {
            http = http.tls_backend_preconfigured(tls);
        }
        Ok(Self {
            http: http.build().context("cannot prepare the HTTP client for Odoo")?,
            counters: Counters::default(),
            body_len_max: limits.body_len_max,
            answer_len_max: limits.answer_len_max,
        })
    }

    pub(super) async fn get(&self, url: Url) -> Result<HttpAnswer, NoAnswer> {
        self.carry(self.http.request(Method::GET, url), 0).await
    }

    pub(super) async fn post(
        &self,
        url: Url,
        headers: &[(&'static str, String)],
        body: &Value,
    ) -> Result<HttpAnswer, NoAnswer> {
        let body = body.to_string();
        let length = body.len();
        if length > self.body_len_max {
            let why = format!(
                "found a request of {length} bytes, wanted at most {}",
                self.body_len_max
            );
            return Err(NoAnswer {
                may_have_happened: false,
                why,
            });
        }
        let mut request = self
            .http
            .request(Method::POST, url)
            .header("content-type", "application/json")
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        self.carry(request, length).await
    }

    async fn carry(&self, request: RequestBuilder, length: usize) -> Result<HttpAnswer, NoAnswer> {
        let started = Instant::now();
        self.counters.sent(length);
        let outcome = self.answer_to(request).await;
        match &outcome {
            Ok(answer) => {
                self.counters
                    .ended(started.elapsed(), Some(answer.status), answer.body.len());
            }
            Err(_) => self.counters.ended(started.elapsed(), None, 0),
        }
        outcome
    }

    async fn answer_to(&self, request: RequestBuilder) -> Result<HttpAnswer, NoAnswer> {
        let mut response = request.send().await.map_err(|error| no_answer(&error))?;
        let status = response.status().as_u16();
        let retry_after_ms = retry_after_ms(&response);
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| no_answer(&error))? {
            if body.len() + chunk.len() > self.answer_len_max {
                let why = format!("found an answer longer than {} bytes", self.answer_len_max);
                return Err(NoAnswer {
                    may_have_happened: true,
                    why,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpAnswer {
            status,
            body: body.to_vec(),
            retry_after_ms,
        })
    }
}

fn retry_after_ms(response: &reqwest::Response) -> Option<u64> {
    let seconds: u64 = response
        .headers()
        .get("retry-after")?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(seconds.saturating_mul(1_000))
}

/// Only a connection that was never made proves that nothing happened.
fn no_answer(error: &reqwest::Error) -> NoAnswer {
    let mut why = match error {
        e if e.is_connect() => "no connection to Odoo".to_owned(),
        e if e.is_timeout() => "no answer from Odoo in time".to_owned(),
        _ => "Odoo's answer broke off".to_owned(),
    };
    // the deepest cause is the operating system's or TLS's own word; the address in between is left out
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        source = cause.source();
        if source.is_none() {
            why = format!("{why}: {cause}");
        }
    }
    NoAnswer {
        may_have_happened: !(error.is_connect() || error.is_builder()),
        why,
    }
}
