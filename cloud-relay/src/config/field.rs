//! Every single value that may be configured: its key, default, unit, example and words. `config show`, the
//! environment and the errors all read this table.

/// One value.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// `section.name`, as in the file; a name without a section stands at the top.
    pub key: &'static str,
    /// What it is when nobody says; `None` when it may be missing.
    pub default: Option<&'static str>,
    /// What it is for, with its unit.
    pub help: &'static str,
    /// A value as one would write it.
    pub example: &'static str,
}

impl Field {
    /// The environment variable that overrides it: `TILLWIRE_MQTT_LISTEN` for `mqtt.listen`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("TILLWIRE_{}", self.key.to_uppercase().replace('.', "_"))
    }
}

const fn field(
    key: &'static str,
    default: Option<&'static str>,
    example: &'static str,
    help: &'static str,
) -> Field {
    Field {
        key,
        default,
        help,
        example,
    }
}

/// All of them. Stores are tables of their own (`[[store]]`) and have no variables.
pub const FIELDS: [Field; 21] = [
    field(
        "state_dir",
        Some("/var/lib/tillwire-relay"),
        "/srv/tillwire",
        "folder of the database, the keys and the certificates",
    ),
    field(
        "mqtt.listen",
        Some("0.0.0.0:8883"),
        "[::]:8883",
        "where devices connect, by mutual TLS",
    ),
    field(
        "mqtt.address",
        None,
        "relay.example:8883",
        "what devices are told to connect to; else broker.address, else mqtt.listen",
    ),
    field(
        "mqtt.names",
        Some("localhost,127.0.0.1"),
        "relay.example,203.0.113.7",
        "names and addresses in the relay's certificate, with commas between; used by `init`",
    ),
    field(
        "broker.address",
        None,
        "mqtt.example:8883",
        "an MQTT broker of others through which devices are heard too; `broker prepare` writes what it needs",
    ),
    field(
        "enrol.listen",
        Some("0.0.0.0:8443"),
        "[::]:8443",
        "where devices enrol, by TLS and one-time code",
    ),
    field(
        "http.listen",
        Some("127.0.0.1:8080"),
        "127.0.0.1:9000",
        "where the pages and /metrics are",
    ),
    field(
        "http.allow_remote",
        Some("false"),
        "true",
        "let http.listen be another address than loopback without a login or without TLS of its own",
    ),
    field(
        "http.login",
        Some("true"),
        "false",
        "people sign in to the pages; without a login they show everything and nothing can be done on them",
    ),
    field(
        "http.certificate_file",
        None,
        "/etc/tillwire/pages.pem",
        "certificate chain (PEM) with which the pages are served by TLS; else a proxy does that",
    ),
    field(
        "http.certificate_key_file",
        None,
        "/etc/tillwire/pages.key",
        "the certificate's key (PEM, PKCS #8), readable by the relay only",
    ),
    field(
        "odoo.url",
        None,
        "https://odoo.example",
        "Odoo's base address; without it nothing is posted",
    ),
    field("odoo.database", None, "production", "Odoo's database"),
    field(
        "odoo.login",
        None,
        "tillwire@example.com",
        "login of the integration user",
    ),
    field(
        "odoo.key_file",
        None,
        "/etc/tillwire/odoo.key",
        "file that holds the integration user's API key",
    ),
    field(
        "odoo.request_timeout_s",
        Some("150"),
        "60",
        "how long one call may take, in seconds; Odoo's own limit is 120",
    ),
    field(
        "alerts.url",
        None,
        "https://alerts.example/tillwire",
        "where exceptions are told that open, go away or come back (signed webhooks)",
    ),
    field(
        "alerts.secret_file",
        None,
        "/etc/tillwire/alerts.secret",
        "file with the secret that signs them: whsec_ and base64, or a text of at least 24 bytes",
    ),
    field(
        "stock.every_s",
        Some("30"),
        "300",
        "stock moves at least so often while something was sold, in seconds",
    ),
    field(
        "stock.lines",
        Some("100"),
        "200",
        "stock moves as soon as so many products wait in one store",
    ),
    field(
        "mapping_file",
        None,
        "/etc/tillwire/mapping.toml",
        "file with the versions of the mapping; without it each store's own accounts table is all",
    ),
];
