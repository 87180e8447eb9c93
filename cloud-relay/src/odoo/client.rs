//! One Odoo database: finds out which protocol it speaks, logs in, carries calls one after the other within the
//! tenant's limit, and hands back what the core makes of the answer.
//!
//! It never repeats a call by itself. What it remembers (version, user id) is dropped when the server stops accepting
//! the key and when [`Client::forget`] says that the server may have been replaced.

use serde_json::Value;
use tillwire_relay_core::odoo::{Answer, Call, OdooVersion, Reply, classify_json_rpc, classify_json2};
use tokio::sync::{Mutex, Semaphore};

use super::counts::Counters;
use super::endpoint::{Endpoint, ProtocolChoice};
use super::transport::{HttpAnswer, NoAnswer, Transport};
use super::{json2, jsonrpc};

/// One of Odoo's two interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `/jsonrpc`.
    JsonRpc,
    /// `/json/2`.
    Json2,
}

/// What the server said about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its major number, such as 18.
    pub number: OdooVersion,
    /// As written by the server, such as `18.0-20250506` or `19.0+e`.
    pub version: String,
    /// Which protocol we use with it.
    pub protocol: Protocol,
}

impl Server {
    /// Whether it is the Enterprise edition, whose build names end in `+e`.
    #[must_use]
    pub fn is_enterprise(&self) -> bool {
        self.version.ends_with("+e")
    }
}

/// What is remembered between calls.
#[derive(Debug, Clone, Default)]
struct Known {
    server: Option<Server>,
    /// JSON-RPC's user id; JSON-2 needs none.
    uid: Option<i64>,
}

/// A client of one database. Cheap to share behind an `Arc`.
#[derive(Debug)]
pub struct Client {
    endpoint: Endpoint,
    transport: Transport,
    known: Mutex<Known>,
    slots: Semaphore,
}

impl Client {
    /// Prepares a client; sends nothing.
    ///
    /// `tls`: a prepared configuration, or `None` for the system's roots with the process's cryptography provider
    /// (install ring's before).
    ///
    /// # Errors
    /// Only when the TLS configuration cannot be used.
    pub fn new(endpoint: Endpoint, tls: Option<rustls::ClientConfig>) -> anyhow::Result<Self> {
        let transport = Transport::new(&endpoint, tls)?;
        let slots = Semaphore::new(endpoint.limits.in_flight_max.max(1));
        Ok(Self {
            endpoint,
            transport,
            known: Mutex::default(),
            slots,
        })
    }

    /// The endpoint, for messages.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Counters of all calls so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.transport.counters
    }

    /// Asks version and login again before the next call: after a lost connection the server may be another one.
    pub async fn forget(&self) {
        *self.known.lock().await = Known::default();
    }

    /// Carries one call.
    ///
    /// A call that did not leave this machine is never [`Answer::Unknown`].
    pub async fn call(&self, call: &Call) -> Answer {
        let Ok(_slot) = self.slots.acquire().await else {
            return not_asked("the client is closed");
        };
        let server = match self.server().await {
            Ok(server) => server,
            Err(answer) => return answer,
        };
        let carried = match server.protocol {
            Protocol::Json2 => {
                let headers = json2::headers(&self.endpoint);
                self.post(&json2::path(call), &headers, &call.json2()).await
            }
            Protocol::JsonRpc => match self.uid().await {
                Ok(uid) => {
                    self.post(jsonrpc::PATH, &[], &jsonrpc::execute(&self.endpoint, uid, call))
                        .await
                }
                Err(answer) => return answer,
            },
        };
        let answer = meaning(server.protocol, carried);
        if matches!(answer, Answer::Unauthorised { .. }) {
            self.known.lock().await.uid = None;
        }
        tracing::debug!(
            model = call.model,
            method = call.method,
            outcome = outcome(&answer),
            "odoo call"
        );
        answer
    }

    /// The server's version and the protocol to use; asked once and remembered.
    ///
    /// # Errors
    /// The answer that asking got. Asking changes nothing, so it is never [`Answer::Unknown`].
    pub async fn server(&self) -> Result<Server, Answer> {
        let mut known = self.known.lock().await;
        if let Some(server) = &known.server {
            return Ok(server.clone());
        }
        let server = self.ask_version().await?;
        known.server = Some(server.clone());
        Ok(server)
    }

    async fn uid(&self) -> Result<i64, Answer> {
        let mut known = self.known.lock().await;
        if let Some(uid) = known.uid {
            return Ok(uid);
        }
        let carried = self
            .post(jsonrpc::PATH, &[], &jsonrpc::login(&self.endpoint))
            .await;
        let value = value_of(harmless(meaning(Protocol::JsonRpc, carried)))?;
        let uid = value.as_i64().ok_or_else(|| self.wrong_login())?;
        known.uid = Some(uid);
        Ok(uid)
    }

    fn wrong_login(&self) -> Answer {
        let message = format!("Odoo knows no user {:?} with this key", self.endpoint.login);
        Answer::Unauthorised { message }
    }

    /// `GET /web/version` is what versions from 19 on offer without JSON-RPC; older ones do not have it.
    async fn ask_version(&self) -> Result<Server, Answer> {
        if self.endpoint.protocol != ProtocolChoice::JsonRpc
            && let Some(server) = self.web_version().await?
        {
            return Ok(server);
        }
        let carried = self.post(jsonrpc::PATH, &[], &jsonrpc::version()).await;
        let value = value_of(harmless(meaning(Protocol::JsonRpc, carried)))?;
        self.server_of(&value["server_version_info"], &value["server_version"])
            .ok_or_else(|| not_asked("what answers there does not say Odoo's version"))
    }

    async fn web_version(&self) -> Result<Option<Server>, Answer> {
        let Ok(url) = self.endpoint.base.join("web/version") else {
            return Ok(None);
        };
        match self.transport.get(url).await {
            Ok(answer) if answer.status == 200 => {
                let value: Value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
                Ok(self.server_of(&value["version_info"], &value["version"]))
            }
            Ok(_) => Ok(None),
            Err(none) => Err(not_asked(&none.why)),
        }
    }

    fn server_of(&self, info: &Value, version: &Value) -> Option<Server> {
        let number = match &info[0] {
            // between two major versions Odoo Online says "saas~18"
            Value::String(text) => text.trim_start_matches("saas~").split('.').next()?.parse().ok()?,
            other => u16::try_from(other.as_u64()?).ok()?,
        };
        let number = OdooVersion(number);
        let protocol = match self.endpoint.protocol {
            ProtocolChoice::Json2 => Protocol::Json2,
            ProtocolChoice::Auto if number.has_json2() => Protocol::Json2,
            ProtocolChoice::Auto | ProtocolChoice::JsonRpc => Protocol::JsonRpc,
        };
        Some(Server {
            number,
            version: version.as_str().unwrap_or_default().to_owned(),
            protocol,
        })
    }

    async fn post(
        &self,
        path: &str,
        headers: &[(&'static str, String)],
        body: &Value,
    ) -> Result<HttpAnswer, NoAnswer> {
        let url = self.endpoint.base.join(path).map_err(|e| NoAnswer {
            may_have_happened: false,
            why: e.to_string(),
        })?;
        self.transport.post(url, headers, body).await
    }
}

/// The value of an answer, parsed. Not for amounts: those are read from the raw text.
///
/// # Errors
/// Any answer without a value.
pub fn value_of(answer: Answer) -> Result<Value, Answer> {
    match answer {
        Answer::Ok(raw) => serde_json::from_str(raw.get()).map_err(|e| not_asked(&e.to_string())),
        other => Err(other),
    }
}

/// The answer's meaning, with the transport's words where there was none.
fn meaning(protocol: Protocol, carried: Result<HttpAnswer, NoAnswer>) -> Answer {
    let http = match carried {
        Ok(http) => http,
        Err(NoAnswer {
            may_have_happened: true,
            why,
        }) => {
            return Answer::Unknown {
                after_ms: None,
                reason: why,
            };
        }
        Err(NoAnswer {
            may_have_happened: false,
            why,
        }) => return not_asked(&why),
    };
    let body = String::from_utf8_lossy(&http.body);
    let reply = Reply::Http {
        status: http.status,
        body: &body,
        retry_after_ms: http.retry_after_ms,
    };
    match protocol {
        Protocol::JsonRpc => classify_json_rpc(&reply),
        Protocol::Json2 => classify_json2(&reply),
    }
}

/// Of a question that changes nothing, an unknown outcome is only a missing answer: it may be asked again.
fn harmless(answer: Answer) -> Answer {
    match answer {
        Answer::Unknown { after_ms, reason } => Answer::Retry { after_ms, reason },
        other => other,
    }
}

fn not_asked(reason: &str) -> Answer {
    Answer::Retry {
        after_ms: None,
        reason: reason.to_owned(),
    }
}

fn outcome(answer: &Answer) -> &'static str {
    match answer {
        Answer::Ok(_) => "ok",
        Answer::Retry { .. } => "retry",
        Answer::Unknown { .. } => "unknown",
        Answer::Rejected { .. } => "rejected",
        Answer::Unauthorised { .. } => "unauthorised",
    }
}
