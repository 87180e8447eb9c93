//! `tillwire-agent receipt`, as a person at a store's first visit uses it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The receipt of a shop that Heartland Retail's usual template does not read.
const JOB: &[u8] = b"\x1B@\x1Bt\x02\x1Ba\x01CORNER DELI\n\x1Ba\x00Receipt No. A-1093\n2026-11-14 08:15:09\n\
    Bagel          2   1.50      3.00\nCoffee         1   2.25      2.25\nAmount due                 $5.25\n\
    Cash                       $5.25\n\x1Dk\x49\x09{BA-1093X\x1Bp\x00\x19\xFA\x1DVB\x00";

fn receipt(arguments: &[&str], file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tillwire-agent"))
        .arg("receipt")
        .args(arguments)
        .arg(file)
        .output()
        .expect("the program starts")
}

fn job(folder: &tempfile::TempDir) -> PathBuf {
    let file = folder.path().join("job.bin");
    std::fs::write(&file, JOB).expect("a writable folder");
    file
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_job_is_shown_as_text_with_its_commands_named() {
    let folder = tempfile::tempdir().unwrap();
    let shown = text(&receipt(&["show"], &job(&folder)));
    for part in [
        "[init][code page 2]",
        "CORNER DELI\n",
        "[bar code A-1093X]",
        "[drawer]",
        "[cut]",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
}

#[test]
fn a_template_is_guessed_corrected_and_read_with() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(&folder);
    let before = receipt(&["read"], &job);
    assert_eq!(before.status.code(), Some(1), "{before:?}");
    assert!(
        String::from_utf8_lossy(&before.stderr).contains("no ticket number"),
        "{before:?}"
    );

    let template = folder.path().join("receipt.toml");
    std::fs::write(&template, receipt(&["guess", "--name", "deli"], &job).stdout).unwrap();
    let named = template.to_str().unwrap();
    let guessed = receipt(&["read", "--template", named], &job);
    assert!(guessed.status.success(), "{guessed:?}");
    for line in [
        "item  Coffee",
        "ticket    A-1093",
        "total     5.25",
        "holds     tenders less change",
    ] {
        assert!(text(&guessed).contains(line), "{line}: {}", text(&guessed));
    }
    assert!(text(&guessed).contains("-  CORNER DELI"), "{}", text(&guessed));

    // a person adds what the guess did not name
    let written = std::fs::read_to_string(&template).unwrap();
    std::fs::write(
        &template,
        written.replace("cash = [", "tokens = ['Cash +(?<amount>{money})']\nmeal = ["),
    )
    .unwrap();
    let json = receipt(&["read", "--json", "--template", named], &job);
    let facts: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(facts["template"], "deli");
    assert_eq!(facts["codes"][0], "A-1093X");
    assert_eq!(facts["tenders"].as_array().unwrap().len(), 1, "{facts}");
    assert!(
        facts["tenders"][0]["kind"].to_string().contains("meal"),
        "{facts}"
    );
}

#[test]
fn what_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let job = job(&folder);
    let words = |output: Output| String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words(receipt(&["show", "--code-page", "latin1"], &job)).contains("wanted one of pc437"));
    assert!(words(receipt(&["read", "--currency", "ZZZ"], &job)).contains("--currency"));
    let nothing = folder.path().join("picture.bin");
    std::fs::write(&nothing, b"\x1B@\x1Dv0\x00\x01\x00\x01\x00a\x1DVB\x00").unwrap();
    assert!(words(receipt(&["guess"], &nothing)).contains("found no text"));
}
