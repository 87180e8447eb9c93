//! The relay's configuration: one TOML file, every single value also as an environment variable, and each value
//! knows where it came from.
//!
//! Three steps, three forms: what was written ([`raw`]), the table of what may be written ([`field`]), and what is
//! used ([`Config`]), which holds checked values only. A wrong key or value names itself, its line, what was found
//! and what is allowed. Secrets are files, never values: a configuration may be shown to anybody.

mod example;
pub mod field;
mod mapping;
mod raw;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tillwire_relay_core::settings::RelaySettings;

use crate::cloud::Account;

pub use example::EXAMPLE;
pub use field::{FIELDS, Field};
pub use mapping::MappingFile;
pub use raw::{Origin, Resolved};

/// Something in the configuration that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {why}; make one with `tillwire-relay init`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// The mapping file cannot be read.
    #[error("cannot read the mapping file {}: {why}", path.display())]
    NoMapping {
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
    /// The file is not TOML.
    #[error("{place}: {what}")]
    Syntax {
        /// File and line.
        place: String,
        /// What the parser says.
        what: String,
    },
    /// A key that means nothing here.
    #[error("{place}: found key {found:?}, wanted one of {known}")]
    UnknownKey {
        /// File and line.
        place: String,
        /// The key.
        found: String,
        /// Keys that exist there.
        known: String,
    },
    /// A value that a key cannot have.
    #[error("{place}: {key}: found {found:?}, wanted {wanted}")]
    Value {
        /// File and line, or the environment variable.
        place: String,
        /// The key.
        key: String,
        /// As found.
        found: String,
        /// What is allowed.
        wanted: String,
    },
}

/// What the relay runs with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the database, the keys and the certificates are.
    pub state_dir: PathBuf,
    /// Where devices connect.
    pub mqtt: Mqtt,
    /// A broker of others through which devices are heard too: host and port.
    pub broker: Option<String>,
    /// Where devices enrol.
    pub enrol_listen: SocketAddr,
    /// Where the pages and the metrics are.
    pub http_listen: SocketAddr,
    /// Whether people sign in to the pages.
    pub http_login: bool,
    /// Certificate chain and key of the pages, where they are served by TLS.
    pub http_tls: Option<(PathBuf, PathBuf)>,
    /// Odoo; `None` for a relay that only receives and shows.
    pub odoo: Option<Odoo>,
    /// Where exceptions are told, and the file with the secret that signs them.
    pub alerts: Option<(String, PathBuf)>,
    /// When stock moves.
    pub stock: Stock,
    /// The mapping file, where one is configured.
    pub mapping: Option<MappingFile>,
    /// Accounts in the POS's cloud.
    pub heartland: Vec<Account>,
    /// The stores, with that mapping.
    pub stores: RelaySettings,
}

/// Where devices connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mqtt {
    /// Where the endpoint listens.
    pub listen: SocketAddr,
    /// What a device is told to connect to: host and port.
    pub address: String,
    /// Names and addresses in the relay's certificate.
    pub names: Vec<String>,
}

/// Odoo's server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Odoo {
    /// Base address.
    pub url: String,
    /// Database.
    pub database: String,
    /// The integration user's login.
    pub login: String,
    /// File with its API key.
    pub key_file: PathBuf,
    /// How long one call may take.
    pub request_timeout: Duration,
}

/// When stock moves: whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    /// At least so often while something was sold.
    pub every: Duration,
    /// As soon as so many products wait in one store.
    pub lines: usize,
}

impl Config {
    /// Reads the file and the environment. `variable` looks a variable up; tests give their own.
    ///
    /// # Errors
    /// The first [`ConfigError`].
    pub fn load(
        path: &Path,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Self, Resolved), ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|e| ConfigError::Unreadable {
            path: path.to_owned(),
            why: e.to_string(),
        })?;
        Self::read(&text, &path.display().to_string(), variable)
    }

    /// As [`Config::load`], from text that is called `name` in errors.
    ///
    /// # Errors
    /// The first [`ConfigError`].
    pub fn read(
        text: &str,
        name: &str,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Self, Resolved), ConfigError> {
        let resolved = Resolved::new(text, name, variable)?;
        let mapping = resolved
            .text("mapping_file")
            .map(Path::new)
            .map(MappingFile::load)
            .transpose()?;
        let stores = raw::stores(text, name, mapping.as_ref())?;
        let http_listen: SocketAddr =
            resolved.parse("http.listen", "an address and port such as 127.0.0.1:8080")?;
        let allow_remote: bool = resolved.parse("http.allow_remote", "true or false")?;
        let http_login: bool = resolved.parse("http.login", "true or false")?;
        let http_tls = http_tls(&resolved)?;
        let is_guarded = http_login && http_tls.is_some();
        if !http_listen.ip().is_loopback() && !is_guarded && !allow_remote {
            let wanted = "a loopback address: to leave it, the pages need their login and http.certificate_file; or put a \
                          proxy with TLS in front, or set http.allow_remote = true";
            return Err(resolved.wrong("http.listen", wanted));
        }
        let mqtt_listen: SocketAddr =
            resolved.parse("mqtt.listen", "an address and port such as 0.0.0.0:8883")?;
        let mqtt = Mqtt {
            listen: mqtt_listen,
            address: resolved
                .text("mqtt.address")
                .or(resolved.text("broker.address"))
                .map_or_else(|| mqtt_listen.to_string(), str::to_owned),
            names: resolved.list("mqtt.names"),
        };
        let config = Self {
            state_dir: resolved.parse("state_dir", "a folder")?,
            mqtt,
            broker: resolved.text("broker.address").map(str::to_owned),
            enrol_listen: resolved.parse("enrol.listen", "an address and port such as 0.0.0.0:8443")?,
            http_listen,
            http_login,
            http_tls,
            odoo: odoo(&resolved)?,
            alerts: alerts(&resolved)?,
            stock: Stock {
                every: resolved.seconds("stock.every_s", 1, 3600)?,
                lines: resolved.number("stock.lines", 1, 200)?,
            },
            mapping,
            heartland: raw::accounts(text, name, &stores)?,
            stores,
        };
        Ok((config, resolved))
    }
}

fn http_tls(resolved: &Resolved) -> Result<Option<(PathBuf, PathBuf)>, ConfigError> {
    let (chain, key) = ("http.certificate_file", "http.certificate_key_file");
    match (resolved.text(chain), resolved.text(key)) {
        (None, None) => Ok(None),
        (Some(chain), Some(key)) => Ok(Some((chain.into(), key.into()))),
        (Some(_), None) => {
            Err(resolved.wrong(key, "the certificate's key, since http.certificate_file is set"))
        }
        (None, Some(_)) => Err(resolved.wrong(
            chain,
            "the key's certificate, since http.certificate_key_file is set",
        )),
    }
}

fn alerts(resolved: &Resolved) -> Result<Option<(String, PathBuf)>, ConfigError> {
    let Some(url) = resolved.text("alerts.url") else {
        return Ok(None);
    };
    if !url.starts_with("https://") && !url.starts_with("http://") {
        return Err(resolved.wrong("alerts.url", "an address that begins with https://"));
    }
    let wanted = "a file with the secret that signs alerts, since alerts.url is set";
    let secret = resolved.text("alerts.secret_file");
    let secret = secret.ok_or_else(|| resolved.wrong("alerts.secret_file", wanted))?;
    Ok(Some((url.to_owned(), secret.into())))
}

fn odoo(resolved: &Resolved) -> Result<Option<Odoo>, ConfigError> {
    let Some(url) = resolved.text("odoo.url") else {
        return Ok(None);
    };
    let needed = |key: &'static str, wanted: &str| {
        resolved
            .text(key)
            .map(str::to_owned)
            .ok_or_else(|| resolved.wrong(key, wanted))
    };
    Ok(Some(Odoo {
        url: url.to_owned(),
        database: needed(
            "odoo.database",
            "the name of Odoo's database, since odoo.url is set",
        )?,
        login: needed(
            "odoo.login",
            "the integration user's login, since odoo.url is set",
        )?,
        key_file: needed(
            "odoo.key_file",
            "a file with the user's API key, since odoo.url is set",
        )?
        .into(),
        request_timeout: resolved.seconds("odoo.request_timeout_s", 5, 600)?,
    }))
}

#[cfg(test)]
mod tests;
