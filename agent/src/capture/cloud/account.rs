//! Asks the account, one question at a time.

use anyhow::{Context, bail, ensure};
use hyper::{Request, header};
use jiff::Timestamp;
use tillwire_agent_core::capture::heartland_retail::cloud::Manner;
use tillwire_agent_core::capture::heartland_retail::feed::Ask;
use tillwire_agent_core::capture::heartland_retail::graph;
use tillwire_agent_core::settings::CloudSource;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::clock::Clock;
use crate::https::{Server, public_tls};
use crate::uplink::split_host_port;

/// Longest answer, in bytes: a page of tickets with their parts on a box with little memory.
const ANSWER_LEN_MAX: usize = 8 * 1024 * 1024;

/// An answer.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) manner: Manner,
    pub(super) body: bytes::Bytes,
    /// The account's clock.
    pub(super) date: Option<Timestamp>,
    /// For people, where it is no good.
    pub(super) words: String,
}

#[derive(Debug)]
pub(super) struct Account {
    server: Server,
    settings: CloudSource,
    token: Zeroizing<String>,
    /// The last answer was that the token is not taken: there may be a new one.
    refused: bool,
    asked: Option<Instant>,
}

impl Account {
    pub(super) fn new(settings: &CloudSource, clock: Clock) -> anyhow::Result<Self> {
        Ok(Self {
            server: server(&settings.url, clock).context("heartland.url")?,
            token: token(settings)?,
            settings: settings.clone(),
            refused: false,
            asked: None,
        })
    }

    pub(super) async fn ask(&mut self, ask: &Ask) -> Told {
        if let Some(last) = self.asked {
            tokio::time::sleep_until(last + self.settings.pace).await;
        }
        self.asked = Some(Instant::now());
        if self.refused
            && let Ok(token) = token(&self.settings)
        {
            self.token = token;
        }
        let (request, body) = match ask {
            Ask::Get(path) => (Request::get(path), Vec::new()),
            Ask::Graph(body) => {
                let request = Request::post(graph::PATH).header(header::CONTENT_TYPE, "application/json");
                (request, body.clone().into_bytes())
            }
        };
        let bearer = Zeroizing::new(format!("Bearer {}", self.token.as_str()));
        let request = request.header(header::AUTHORIZATION, bearer.as_str()).header(
            header::USER_AGENT,
            concat!("tillwire-agent/", env!("CARGO_PKG_VERSION")),
        );
        let told = match self.server.exchange(request, body, ANSWER_LEN_MAX).await {
            Err(error) => Told {
                manner: Manner::Broken,
                body: bytes::Bytes::new(),
                date: None,
                words: format!("{error:#}"),
            },
            Ok(answer) => {
                let header = |name| answer.headers.get(name).and_then(|value| value.to_str().ok());
                let retry_after = header(header::RETRY_AFTER).and_then(|text| text.parse().ok());
                let date = header(header::DATE).and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
                Told {
                    manner: Manner::of(answer.status.as_u16(), retry_after),
                    date: date.map(|at| at.timestamp()),
                    words: format!("HTTP {}", answer.status),
                    body: answer.body,
                }
            }
        };
        self.refused = told.manner == Manner::Unauthorised;
        told
    }
}

fn token(settings: &CloudSource) -> anyhow::Result<Zeroizing<String>> {
    let path = &settings.token_file;
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("heartland.token_file: cannot read {}", path.display()))?;
    let token = Zeroizing::new(text.trim().to_owned());
    ensure!(
        !token.is_empty(),
        "heartland.token_file: found no token in {}, wanted an API token of the account",
        path.display()
    );
    Ok(token)
}

/// The server of `https://host`, or of `http://` on this machine.
fn server(url: &str, clock: Clock) -> anyhow::Result<Server> {
    let url = url.trim_end_matches('/');
    let with_port = |address: &str, port: u16| {
        if address.contains(':') {
            split_host_port(address)
        } else {
            Ok((address.to_owned(), port))
        }
    };
    let wanted = "an address such as https://acme.retail.heartland.us";
    if url.contains(['?', '#', '@', ' ']) {
        bail!("found {url:?}, wanted {wanted}");
    }
    if let Some(address) = url.strip_prefix("https://").filter(|rest| !rest.contains('/')) {
        let (host, port) = with_port(address, 443)?;
        return Ok(Server {
            host,
            port,
            tls: Some(public_tls(clock)?),
        });
    }
    if let Some(address) = url.strip_prefix("http://").filter(|rest| !rest.contains('/')) {
        let (host, port) = with_port(address, 80)?;
        if matches!(host.as_str(), "127.0.0.1" | "localhost") {
            return Ok(Server {
                host,
                port,
                tls: None,
            });
        }
    }
    bail!("found {url:?}, wanted {wanted}")
}
