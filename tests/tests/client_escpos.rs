//! A printing library that others wrote, through the tap, to a simulated printer. Needs a Python with python-escpos,
//! named by `TILLWIRE_PYTHON`: `TILLWIRE_PYTHON=… cargo test -p tillwire-e2e --test client_escpos -- --ignored`.

use std::path::Path;
use std::time::Duration;

use tillwire_e2e::sims::printer::Printer;
use tillwire_e2e::tap::printer_tap;
use tillwire_proto::{Fact, TransactionKind};
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs python-escpos"]
async fn a_receipt_of_python_escpos_is_read() {
    let python =
        std::env::var_os("TILLWIRE_PYTHON").expect("TILLWIRE_PYTHON names a Python with python-escpos");
    let printer = Printer::default();
    let (device, _serving) = printer.serve(([127, 0, 0, 1], 0).into()).await.unwrap();
    let stop = CancellationToken::new();
    let (tap, memory) = printer_tap(device, stop.clone()).await.unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/print_receipt.py");
    let mut client = tokio::process::Command::new(python);
    client
        .arg(script)
        .arg(tap.ip().to_string())
        .arg(tap.port().to_string())
        .kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(60), client.output())
        .await
        .expect("it ends")
        .unwrap();
    assert!(ended.status.success(), "{ended:?}");

    let heard = memory.wait_for(1, Duration::from_secs(20)).await.unwrap();
    let Fact::Printed(printed) = &heard[0].fact else {
        panic!("{:?}", heard[0].fact)
    };
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!(printed.kind, Some(TransactionKind::Sale));
    assert_eq!(printed.ticket.as_ref().unwrap().as_str(), "20771");
    assert_eq!(printed.operator.as_ref().unwrap().as_str(), "Zoë");
    assert_eq!(
        printed.lines[0].description.as_ref().unwrap().as_str(),
        "Tasse en grès"
    );
    assert_eq!(
        printed
            .lines
            .iter()
            .map(|line| line.extended.minor())
            .collect::<Vec<_>>(),
        [2900, 4900]
    );
    assert_eq!(printed.total.unwrap().minor(), 8288);
    assert_eq!(printed.change.unwrap().minor(), 1712);
    let codes: Vec<&str> = printed.codes.iter().map(|code| code.as_str()).collect();
    assert_eq!(codes, ["20771", "https://example.test/r/20771"]);
    assert_eq!(printed.drawer_kicks, 1);
    assert!(
        printer.received_len() > heard[0].raw.len(),
        "the logo was printed and not kept"
    );
    stop.cancel();
}
