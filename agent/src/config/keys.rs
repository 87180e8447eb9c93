//! Every single key: its default, and what it is. `config show` prints this table with the values in force, so that the
//! manual is on the device.

/// One key of a section that stands alone. Lists (`[[register]]`, `[[upa]]` and the other taps, `[[acknowledge]]`) are documented in
/// `example.toml`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// `section.key`.
    pub(super) name: &'static str,
    /// The value when nobody says otherwise; `None` means that it must be said or is off.
    pub(super) default: Option<&'static str>,
    /// Meaning, unit and an example.
    pub(super) help: &'static str,
}

const fn key(name: &'static str, default: Option<&'static str>, help: &'static str) -> Key {
    Key { name, default, help }
}

/// In the order of the file.
pub(super) const KEYS: &[Key] = &[
    key(
        "agent.state_dir",
        Some("/var/lib/tillwire"),
        "folder for journal, keys and certificates, on a local disk",
    ),
    key(
        "agent.clock_offset_s",
        Some("0"),
        "seconds added to the wall clock, to rehearse with a wrong one; 0 in a store",
    ),
    key(
        "store.tenant",
        None,
        "the retailer's name at the relay, such as maple",
    ),
    key(
        "store.store",
        None,
        "this store's name at the relay, such as austin",
    ),
    key(
        "store.currency",
        None,
        "ISO 4217 code of the store's tickets, such as USD",
    ),
    key(
        "store.time_zone",
        None,
        "IANA name such as America/Chicago; only for tickets without a local time",
    ),
    key(
        "store.day_cutoff",
        Some("00:00"),
        "sales before this local time belong to the day before, such as 04:00",
    ),
    key("http.lane", Some("http"), "lane of everything that is pushed"),
    key(
        "http.listen",
        Some("127.0.0.1:8787"),
        "where tickets are taken and /status is answered",
    ),
    key(
        "http.secret_file",
        None,
        "file with the bearer secret that the till shows, at least 16 bytes",
    ),
    key(
        "http.screen_secret_file",
        None,
        "file with the secret of the POS's extension page, http://HOST:PORT/v1/screen/REGISTER/SECRET",
    ),
    key("http.body_len_max", Some("1048576"), "largest request, in bytes"),
    key(
        "heartland.location_ids",
        Some("[]"),
        "location_id of this store's tickets, such as [\"1\"]; empty takes any",
    ),
    key(
        "heartland.url",
        None,
        "the retailer's account, such as https://acme.retail.heartland.us, where this box asks it; absent where the relay does",
    ),
    key(
        "heartland.token_file",
        None,
        "file with an API token of that account",
    ),
    key(
        "heartland.lane",
        Some("heartland"),
        "name of the lane that what it tells is journaled on",
    ),
    key(
        "heartland.reads",
        Some("[\"tickets\"]"),
        "tickets, orders (the newer interface, POS v2: stations by their ids there), or both",
    ),
    key(
        "heartland.every_s",
        Some("15"),
        "seconds between two rounds of questions",
    ),
    key(
        "heartland.asks_per_s",
        Some("2"),
        "questions in a second, at most 50",
    ),
    key(
        "heartland.overlap_s",
        Some("300"),
        "seconds that each round goes back behind the last one",
    ),
    key(
        "heartland.reread_days",
        Some("3"),
        "days that are read again at each start and once a day, 1 to 31",
    ),
    key(
        "heartland.tenders",
        Some("{}"),
        "payment_type_id to tender, such as { \"7\" = \"gift-card\" }",
    ),
    key(
        "relay.mqtt",
        None,
        "host:port of the relay's MQTT endpoint; as enrolment said when absent",
    ),
    key(
        "relay.backoff_min_ms",
        Some("1000"),
        "shortest ceiling of the random pause before connecting again",
    ),
    key(
        "relay.backoff_max_ms",
        Some("300000"),
        "longest pause before connecting again",
    ),
    key(
        "relay.useful_ms",
        Some("60000"),
        "a connection that lived so long makes the next pause short again",
    ),
    key(
        "relay.watchdog_ms",
        Some("60000"),
        "without a receipt for so long the connection is built anew",
    ),
    key(
        "relay.resend_ms",
        Some("10000"),
        "unreceipted records are sent again after at least this",
    ),
    key("relay.keep_alive_s", Some("30"), "MQTT keep-alive, in seconds"),
    key(
        "limits.prune_percent",
        Some("85"),
        "from this fill of the disk on receipted records are pruned early",
    ),
    key(
        "limits.busy_percent",
        Some("95"),
        "from this fill of the disk on sources are told busy",
    ),
    key(
        "limits.keep_days",
        Some("90"),
        "receipted records are kept so long",
    ),
    key(
        "limits.reserve_len",
        Some("67108864"),
        "bytes kept free for the last words of a full disk",
    ),
    key(
        "limits.journal_len_max",
        None,
        "largest journal, in bytes; no limit but the disk's when absent",
    ),
];
