//! Where one Odoo is and how we speak to it: address, database, key, and every limit with its reason.
//!
//! It does not read files or the environment (the configuration does) and it holds the key in a type that cannot
//! be printed.

use std::fmt;
use std::time::Duration;

use reqwest::Url;

/// A key or password. Its value leaves this type only in the body or header of a request.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the value; surrounding white space (a file's last newline) is not part of a key.
    #[must_use]
    pub fn new(value: &str) -> Self {
        Self(value.trim().to_owned())
    }

    /// The value, for the one place that writes it on the wire.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether nothing was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// Which of Odoo's two interfaces to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProtocolChoice {
    /// JSON-2 where the server has it (19 and later), JSON-RPC otherwise.
    #[default]
    Auto,
    /// `/jsonrpc`: 17, 18 and 19; announced to go away in 20.
    JsonRpc,
    /// `/json/2` with a bearer key: 19 and later.
    Json2,
}

/// The limits of one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest wait for a TCP and TLS connection. Odoo answers from one machine; ten seconds is a lost network.
    pub connect: Duration,
    /// Longest wait for an answer. Odoo's own limit is 120 s of real time per request; waiting longer than the
    /// server may work means that a silent end is rare and an `unknown` outcome with it.
    pub request: Duration,
    /// Longest request body in bytes. A journal of 500 lines is below 100 KiB; Odoo refuses above 128 MiB.
    pub body_len_max: usize,
    /// Longest answer in bytes that is read into memory. 1,000 products are about 200 KiB.
    pub answer_len_max: usize,
    /// Calls in flight per tenant. Odoo's workers are few and its users come first.
    pub in_flight_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            request: Duration::from_secs(150),
            body_len_max: 16 << 20,
            answer_len_max: 32 << 20,
            in_flight_max: 2,
        }
    }
}

/// Why an endpoint is not usable as written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The address does not parse or carries more than a place.
    #[error("found {found:?} as Odoo's address, wanted https://host[:port][/path]: {why}")]
    Address {
        /// What was written, without user name and password.
        found: String,
        /// What is wrong with it.
        why: String,
    },
    /// Plain http to another machine would show the key to the network.
    #[error(
        "found plain http to {host:?}, wanted https: the key would cross the network readable; \
         http is allowed to this machine only"
    )]
    Plain {
        /// The machine named.
        host: String,
    },
    /// A field that must not be empty is.
    #[error("found no {what} for Odoo, wanted one: {mend}")]
    Missing {
        /// Which field.
        what: &'static str,
        /// What to do.
        mend: &'static str,
    },
}

/// One Odoo database, as one integration user sees it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub(super) base: Url,
    pub(super) database: String,
    pub(super) login: String,
    pub(super) key: Secret,
    pub(super) protocol: ProtocolChoice,
    pub(super) limits: Limits,
}

impl Endpoint {
    /// Checks what was configured. `login` may be empty where only JSON-2 is used (the key names its user).
    ///
    /// # Errors
    /// [`EndpointError`] names the field, what was found and what is wanted.
    pub fn new(url: &str, database: &str, login: &str, key: Secret) -> Result<Self, EndpointError> {
        let mut base = parse(url)?;
        if !base.path().ends_with('/') {
            let path = format!("{}/", base.path());
            base.set_path(&path);
        }
        if database.is_empty() {
            return Err(EndpointError::Missing {
                what: "database",
                mend: "set odoo.database to its name",
            });
        }
        if key.is_empty() {
            let mend = "make an API key in Odoo (Preferences, Account Security) and set odoo.key_file";
            return Err(EndpointError::Missing { what: "key", mend });
        }
        Ok(Self {
            base,
            database: database.to_owned(),
            login: login.to_owned(),
            key,
            protocol: ProtocolChoice::Auto,
            limits: Limits::default(),
        })
    }

    /// The same endpoint with a fixed protocol.
    #[must_use]
    pub fn with_protocol(mut self, protocol: ProtocolChoice) -> Self {
        self.protocol = protocol;
        self
    }

    /// The same endpoint with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Address and database as shown to people; never the key.
    #[must_use]
    pub fn shown(&self) -> String {
        format!(
            "{} (database {})",
            self.base.as_str().trim_end_matches('/'),
            self.database
        )
    }

    /// Whether the address is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.base)
    }
}

fn parse(url: &str) -> Result<Url, EndpointError> {
    let parsed = Url::parse(url).map_err(|e| EndpointError::Address {
        found: shown(url),
        why: e.to_string(),
    })?;
    let refuse = |why: &str| {
        Err(EndpointError::Address {
            found: shown(url),
            why: why.to_owned(),
        })
    };
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return refuse("a user name or key does not belong in the address");
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return refuse("it carries a query or a fragment");
    }
    match parsed.scheme() {
        "https" => Ok(parsed),
        "http" if is_loopback(&parsed) => Ok(parsed),
        "http" => Err(EndpointError::Plain {
            host: parsed.host_str().unwrap_or_default().to_owned(),
        }),
        other => refuse(&format!("the scheme is {other}")),
    }
}

/// What may be repeated of a rejected address: nothing before an `@`, where a password would stand.
fn shown(url: &str) -> String {
    url.rsplit('@')
        .next()
        .unwrap_or_default()
        .chars()
        .take(120)
        .collect()
}

fn is_loopback(url: &Url) -> bool {
    // IPv6 hosts are written in brackets
    let host = url
        .host_str()
        .unwrap_or_default()
        .trim_start_matches('[')
        .trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn endpoint(url: &str) -> Result<Endpoint, EndpointError> {
        Endpoint::new(url, "shop", "till@example.com", Secret::new("s3cret\n"))
    }

    #[test]
    fn plain_http_is_allowed_to_this_machine_only() {
        assert!(endpoint("http://127.0.0.1:8069").is_ok());
        assert!(endpoint("http://[::1]:8069").is_ok());
        assert!(endpoint("http://localhost:8069/odoo").is_ok());
        assert!(matches!(
            endpoint("http://shop.odoo.com"),
            Err(EndpointError::Plain { .. })
        ));
        assert!(matches!(
            endpoint("http://127.0.0.1.example.com"),
            Err(EndpointError::Plain { .. })
        ));
    }

    #[test]
    fn a_key_in_the_address_is_refused_and_not_repeated() {
        let error = endpoint("https://till:s3cret@shop.odoo.com").unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }

    #[test]
    fn debug_output_never_shows_the_key() {
        let endpoint = endpoint("https://shop.odoo.com").unwrap();
        assert!(!format!("{endpoint:?}").contains("s3cret"));
        assert!(!endpoint.shown().contains("s3cret"));
        assert_eq!(endpoint.key.reveal(), "s3cret");
    }

    #[test]
    fn an_address_keeps_its_path_prefix() {
        let endpoint = endpoint("https://erp.example.com/odoo").unwrap();
        assert_eq!(endpoint.base.join("jsonrpc").unwrap().path(), "/odoo/jsonrpc");
    }
}
