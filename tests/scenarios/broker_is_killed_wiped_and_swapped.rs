//! Somebody else's broker stands between the boxes and the relay. It is not there when stores open, it is killed with all
//! that it held, another one takes its place, and the relay is killed behind it: nothing is lost, nothing is there twice.
//!
//! Needs Mosquitto and RabbitMQ (Debian's packages `mosquitto`, `mosquitto-clients` and `rabbitmq-server`):
//! `cargo test -p tillwire-e2e --test scenarios broker -- --ignored`.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tillwire_e2e::program::Program;
use tillwire_e2e::world::{Pace, World, free_port, until};

use crate::story::{PATIENCE, Story, a_day, all_is_well, open};

const DAY: Duration = Duration::from_secs(14);

/// RabbitMQ is slow to start, and the relay draws its pauses.
const BROKER_PATIENCE: Duration = Duration::from_secs(150);

fn mosquitto() -> PathBuf {
    let known = [
        "/usr/sbin/mosquitto",
        "/usr/local/sbin/mosquitto",
        "/usr/bin/mosquitto",
    ];
    let found = known.iter().map(PathBuf::from).find(|path| path.exists());
    found.expect("mosquitto is installed")
}

/// Lets the relay write what a broker needs.
async fn prepare(world: &World, address: SocketAddr, folder: &Path) {
    let (port, out) = (address.port().to_string(), folder.display().to_string());
    let prepare = [
        "broker",
        "prepare",
        "--name",
        "127.0.0.1",
        "--port",
        &port,
        "--out",
        &out,
    ];
    let said = world.relay.command(&prepare).await.unwrap();
    assert!(said.contains("broker.address = \"127.0.0.1:"), "{said}");
}

/// RabbitMQ, which queues on disk, with the relay's files and everything of its own in one folder.
fn rabbit(address: SocketAddr, folder: &Path) -> [Program; 2] {
    let path = |name: &str| folder.join(name).display().to_string();
    let config = format!(
        "listeners.tcp = none\n\
         mqtt.listeners.tcp = none\n\
         mqtt.listeners.ssl.1 = {address}\n\
         mqtt.allow_anonymous = true\n\
         ssl_options.cacertfile = {}\n\
         ssl_options.certfile = {}\n\
         ssl_options.keyfile = {}\n\
         ssl_options.verify = verify_peer\n\
         ssl_options.fail_if_no_peer_cert = true\n",
        path("clients.pem"),
        path("server.pem"),
        path("server.key"),
    );
    std::fs::write(folder.join("rabbitmq.conf"), config).unwrap();
    std::fs::write(folder.join("plugins"), "[rabbitmq_mqtt].\n").unwrap();
    // nodes find each other by a daemon, which it would start and leave behind
    let names = free_port().unwrap().port().to_string();
    let daemon = ["-address", "127.0.0.1", "-port", &names].map(Into::into).into();
    let daemon = Program::new(
        "epmd",
        Path::new("/usr/bin/epmd"),
        daemon,
        &folder.join("epmd.log"),
    );
    daemon.start().unwrap();
    let variables = [
        ("ERL_CRASH_DUMP", path("erl_crash.dump")),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("ERL_EPMD_PORT", names),
        ("HOME", path("")),
        ("RABBITMQ_ALLOW_INPUT", "1".to_owned()),
        ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("plugins")),
        ("RABBITMQ_LOG_BASE", path("log")),
        ("RABBITMQ_MNESIA_BASE", path("held")),
        ("RABBITMQ_NODENAME", "tillwire@localhost".to_owned()),
    ];
    let mut args: Vec<OsString> = variables
        .map(|(name, value)| format!("{name}={value}").into())
        .into();
    args.push("/usr/lib/rabbitmq/bin/rabbitmq-server".into());
    let program = Program::new(
        "rabbitmq",
        Path::new("/usr/bin/env"),
        args,
        &folder.join("rabbitmq.log"),
    );
    program.start().unwrap();
    [program, daemon]
}

/// Mosquitto, which keeps nothing on disk, with the configuration that the relay wrote.
async fn broker(world: &World, address: SocketAddr, folder: &Path) -> Program {
    prepare(world, address, folder).await;
    let config = folder.join("mosquitto.conf");
    let mut text = std::fs::read_to_string(&config).unwrap();
    if rustix::process::geteuid().is_root() {
        text.push_str("user root\n"); // else it gives its rights up, and cannot read what only we may
    }
    let listener = format!("listener {}", address.port());
    let on_loopback = text.replace(&listener, &format!("{listener} 127.0.0.1"));
    assert_ne!(text, on_loopback);
    std::fs::write(&config, on_loopback).unwrap();
    let args: Vec<OsString> = vec!["-c".into(), config.into()];
    let program = Program::new("mosquitto", &mosquitto(), args, &folder.join("mosquitto.log"));
    program.start().unwrap();
    program
}

/// A box's certificate and its issuer's, as PEM.
fn chain(state_dir: &Path) -> String {
    let identity = std::fs::read_to_string(state_dir.join("identity.json")).unwrap();
    let identity: serde_json::Value = serde_json::from_str(&identity).unwrap();
    let pem = |der: &serde_json::Value| {
        let der = der.as_str().unwrap();
        format!("-----BEGIN CERTIFICATE-----\n{der}\n-----END CERTIFICATE-----\n")
    };
    identity["chain"].as_array().unwrap().iter().map(pem).collect()
}

async fn with_a_broker_to_come(seed: u64) -> (Story, SocketAddr) {
    let address = free_port().unwrap();
    let world = open(seed, 2, |setup| setup.broker = Some(address)).await;
    (world, address)
}

async fn both_are_heard(world: &World) {
    until(
        "the relay hears both boxes through the broker",
        BROKER_PATIENCE,
        async || {
            let heard = world.relay.metric("tillwire_relay_connections", "").await?;
            Ok((heard == 2).then_some(()))
        },
    )
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Mosquitto"]
async fn a_broker_loses_everything_again_and_again_and_the_books_are_equal() {
    let (world, address) = with_a_broker_to_come(71).await;
    let folder = tempfile::tempdir().unwrap();
    let events = a_day(&world, 15);
    let breaking = async {
        tokio::time::sleep(Duration::from_secs(1)).await; // stores sell, and nobody is there to take it
        let first = broker(&world, address, &folder.path().join("first")).await;
        both_are_heard(&world).await;
        for pause_ms in [900, 400, 1300] {
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
            first.crash(); // it keeps nothing on disk: whatever it had confirmed to the boxes is gone
            first.revive().unwrap();
        }
        world.relay.program.crash();
        world.relay.program.revive().unwrap();
        first.kill();
        tokio::time::sleep(Duration::from_millis(700)).await;
        let second = broker(&world, address, &folder.path().join("second")).await;
        both_are_heard(&world).await;
        second
    };
    let (played, second) = tokio::join!(world.play(world.date, &events, Pace::Over(DAY)), breaking);
    played.unwrap();
    all_is_well(&world).await;
    let boxes = world.relay.ask(&["device", "list"]).await.unwrap();
    assert_eq!(boxes["devices"].as_array().unwrap().len(), 2, "{boxes}");
    drop(second);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs RabbitMQ"]
async fn another_kind_of_broker_is_killed_and_wiped_and_the_books_are_equal() {
    let (world, address) = with_a_broker_to_come(73).await;
    let folder = tempfile::tempdir().unwrap();
    prepare(&world, address, folder.path()).await;
    let [running, _names] = rabbit(address, folder.path());
    both_are_heard(&world).await;
    let events = a_day(&world, 10);
    let breaking = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        running.crash();
        std::fs::remove_dir_all(folder.path().join("held")).unwrap();
        running.revive().unwrap();
    };
    let (played, ()) = tokio::join!(
        world.play(world.date, &events, Pace::Over(Duration::from_secs(5))),
        breaking
    );
    played.unwrap();
    all_is_well(&world).await;
    assert_eq!(running.starts(), 2);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Mosquitto"]
async fn a_box_speaks_for_itself_only_and_a_stranger_not_at_all() {
    let (world, address) = with_a_broker_to_come(72).await;
    let folder = tempfile::tempdir().unwrap();
    let running = broker(&world, address, &folder.path().join("broker")).await;
    both_are_heard(&world).await;
    let key = world.sites[0].state_dir.join("device.key");
    let certificate = folder.path().join("box.pem");
    std::fs::write(&certificate, chain(&world.sites[0].state_dir)).unwrap();
    let say = |topic: &str, as_box: bool| {
        let mut command = Command::new("mosquitto_pub");
        let port = address.port().to_string();
        command.args([
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-q",
            "1",
            "-m",
            "not an envelope",
            "-t",
            topic,
        ]);
        command
            .arg("--cafile")
            .arg(folder.path().join("broker/clients.pem"));
        if as_box {
            command.arg("--cert").arg(&certificate).arg("--key").arg(&key);
        }
        command.output().unwrap()
    };
    let refused = async || {
        world
            .relay
            .metric("tillwire_relay_refusals_total", "reason=\"Malformed\"")
            .await
            .unwrap()
    };
    let topic = |store: usize| format!("tillwire/v1/acme/box-{}/up", world.shop.stores[store].id);
    let nobody = say(&topic(0), false);
    assert!(!nobody.status.success(), "{nobody:?}");
    // the broker drops it without a word; the relay must not have heard of it by the time it hears the next
    say(&topic(1), true);
    let spoken = say(&topic(0), true);
    assert!(spoken.status.success(), "{spoken:?}");
    until("the relay refuses what is no envelope", PATIENCE, async || {
        Ok((refused().await > 0).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(refused().await, 1);
    let events = a_day(&world, 4);
    world
        .play(world.date, &events, Pace::Over(Duration::from_secs(1)))
        .await
        .unwrap();
    all_is_well(&world).await;
    drop(running);
}
