use super::*;

fn read(text: &str) -> Result<(Config, Resolved), ConfigError> {
    Config::read(text, "relay.toml", &|_| None)
}

#[test]
fn the_example_is_a_configuration() {
    let (config, resolved) = read(EXAMPLE).unwrap();
    assert_eq!(config.stores.iter().count(), 1);
    assert_eq!(config.odoo.unwrap().database, "production");
    let (_, value, origin) = resolved
        .iter()
        .find(|(field, ..)| field.key == "mqtt.listen")
        .unwrap();
    assert_eq!(
        (value, origin.to_string().as_str()),
        (Some("0.0.0.0:8883"), "relay.toml:12")
    );
}

#[test]
fn nothing_written_is_a_relay_on_its_defaults() {
    let (config, resolved) = read("").unwrap();
    assert_eq!(config.http_listen.to_string(), "127.0.0.1:8080");
    assert!(config.odoo.is_none());
    assert!(resolved.iter().all(|(_, _, origin)| *origin == Origin::Default));
}

#[test]
fn a_variable_overrides_the_file_and_says_so() {
    let variable = |name: &str| (name == "TILLWIRE_HTTP_LISTEN").then(|| "127.0.0.1:9999".to_owned());
    let (config, resolved) =
        Config::read("[http]\nlisten = \"127.0.0.1:1\"", "relay.toml", &variable).unwrap();
    assert_eq!(config.http_listen.port(), 9999);
    let (_, _, origin) = resolved
        .iter()
        .find(|(field, ..)| field.key == "http.listen")
        .unwrap();
    assert_eq!(origin.to_string(), "variable TILLWIRE_HTTP_LISTEN");
}

#[test]
fn a_wrong_key_names_its_line_and_the_keys_there_are() {
    let error = read("state_dir = \"x\"\n[mqtt]\n\nlissten = \"0.0.0.0:1\"")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("relay.toml:4: found key \"mqtt.lissten\", wanted one of state_dir, mqtt.listen"),
        "{error}"
    );
}

#[test]
fn a_wrong_value_names_line_found_and_wanted() {
    let cases = [
        (
            "[mqtt]\nlisten = \"nowhere\"",
            "relay.toml:2: mqtt.listen: found \"nowhere\", wanted an address and port",
        ),
        (
            "[stock]\nlines = 201",
            "relay.toml:2: stock.lines: found \"201\", wanted a whole number from 1 to 200",
        ),
        (
            "[stock]\nlines = [1]",
            "relay.toml:2: stock.lines: found \"lines = [1]\", wanted a text",
        ),
        (
            "[http]\nlisten = \"0.0.0.0:80\"",
            "relay.toml:2: http.listen: found \"0.0.0.0:80\", wanted a loopback address",
        ),
        (
            "[odoo]\nurl = \"http://x\"",
            "default: odoo.database: found \"\", wanted the name of Odoo's database",
        ),
        (
            "[alerts]\nurl = \"alerts.example\"",
            "relay.toml:2: alerts.url: found \"alerts.example\", wanted an address",
        ),
        (
            "[alerts]\nurl = \"https://x\"",
            "default: alerts.secret_file: found \"\", wanted a file with the secret",
        ),
        ("state_dir = ", "relay.toml:1: "),
    ];
    for (text, wanted) in cases {
        let error = read(text).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{text:?}: {error}");
    }
}

#[test]
fn a_wrong_store_names_the_line_of_its_key() {
    let text = EXAMPLE.replace("America/Chicago", "America/Atlantis");
    let line = text
        .lines()
        .position(|line| line.starts_with("time_zone"))
        .unwrap()
        + 1;
    let error = read(&text).unwrap_err().to_string();
    let wanted =
        format!("relay.toml:{line}: store.time_zone: found \"America/Atlantis\", wanted an IANA time zone");
    assert!(error.starts_with(&wanted), "{error}");
    let text = EXAMPLE.replace("revenue = \"400000\"", "revenues = \"400000\"");
    let error = read(&text).unwrap_err().to_string();
    assert!(
        error.contains("revenues") && error.starts_with("relay.toml:"),
        "{error}"
    );
}

#[test]
fn pages_leave_loopback_only_when_told_so() {
    let open = "[http]\nlisten = \"0.0.0.0:80\"\nallow_remote = true";
    assert_eq!(read(open).unwrap().0.http_listen.port(), 80);
    let guarded = "[http]\nlisten = \"0.0.0.0:443\"\ncertificate_file = \"c\"\ncertificate_key_file = \"k\"";
    assert!(read(guarded).unwrap().0.http_login);
    let unguarded = format!("{guarded}\nlogin = false");
    assert!(
        read(&unguarded)
            .unwrap_err()
            .to_string()
            .contains("wanted a loopback address")
    );
    let half = "[http]\ncertificate_file = \"c\"";
    let error = read(half).unwrap_err().to_string();
    assert!(error.contains("http.certificate_key_file: found \"\""), "{error}");
}
